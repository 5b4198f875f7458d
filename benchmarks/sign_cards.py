"""Write the scores from accuracy.py and the fallback models into the cards of the shipped models.

python benchmarks/sign_cards.py REPORTS
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from accuracy import SO_FAR

from napari_cellcycle.cells import DARKFIELD
from napari_cellcycle.store.models import CARD, find_model, load_card, shipped_models

FALLBACKS = {"default": {DARKFIELD: "default-brightfield"}}
"""The model that is used instead, by the channel that the cells lack."""


def main() -> None:
    """Write one card after the other."""
    for name in shipped_models():
        reports = Path(sys.argv[1]) / name
        metrics = next(path for path in (reports / "metrics.json", reports / SO_FAR) if path.exists())
        found = json.loads(metrics.read_text(encoding="utf-8"))
        figures = {
            "accuracy": _estimate(found["accuracy"]),
            "macro F1": _estimate(found["macro_f1"]),
            "at natural prevalence": _estimate(found["natural_prevalence"]["accuracy"]) + " accuracy",
            "protocol": f"{found['protocol']} cross-validation of this way of training, {found['folds']} of 5 folds, "
            f"{found['n_cells']} cells; 95 % intervals",
        }
        folder = find_model(name)
        card = replace(
            load_card(folder), figures=figures, confusion=found["confusion"], fallbacks=FALLBACKS.get(name, {})
        )
        (folder / CARD).write_text(card.to_json(), encoding="utf-8")


def _estimate(estimate: dict[str, float]) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


if __name__ == "__main__":
    main()
