"""Tables 1 to 3 of Duque-Vazquez et al. by their protocol, with the clean figures beside, in docs/augmentation.md.

    NAPARI_CELLCYCLE_DATA=... python benchmarks/seed_tables.py FOLDER

What is in FOLDER already is not done again. Generators are trained for a few steps only, as the page says: those of the
papers would take days.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.evaluate import EvaluateConfig, evaluate_files
from napari_cellcycle.jobs.reading import ReadConfig

PAGE = Path(__file__).parents[1] / "docs" / "augmentation.md"
BEGIN, END = "<!-- seed -->", "<!-- end of seed -->"
TABLES: dict[str, tuple[str, dict[str, Any], float]] = {
    "table1": ("brightfield", {}, 0.8127),
    "table2": ("brightfield", {"augment": "wgan-gp+undersample", "gan_steps": 100}, 0.8481),
    "table3": ("dna", {"augment": "wgan-div+mixup", "gan_steps": 60}, 0.9372),
}
"""Channel, settings, and the weighted F1 that was published."""


def main() -> None:
    """Run what is not there, and write the page."""
    torch.set_num_threads(1)
    output, data = Path(sys.argv[1]), Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"
    for name, (inputs, changes, _) in TABLES.items():
        if (output / name / "metrics.json").exists() or (len(sys.argv) > 2 and name not in sys.argv[2:]):
            continue
        config = EvaluateConfig(model="duque2024", cv=5, protocol="seed", inputs=inputs, device="cpu")
        print(result_of(evaluate_files([data], output / name, config, changes, ReadConfig())), flush=True)
    write_page(output)


def write_page(output: Path) -> None:
    """A row a table."""
    rows = [
        ["", "published", "as the seed measures: fold 3", "of its tested cells", "its real cells only", "**clean**"],
        ["---"] * 6,
    ]
    for name, (inputs, changes, published) in TABLES.items():
        path = output / name / "metrics.json"
        if path.exists():
            rows.append(row(name, inputs, changes.get("augment", ""), published, json.loads(path.read_text("utf-8"))))
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def row(name: str, inputs: str, augment: str, published: float, figures: dict[str, Any]) -> list[str]:
    """Weighted F1 both ways."""
    fold = figures["quoted_fold"]
    made, seen = (f"{fold[key] / fold['n_cells']:.0%}" for key in ("n_synthetic", "n_trained_on"))
    clean = figures["clean"] and figures["clean"]["weighted_f1"]
    return [
        f"Table {name[-1]}: {inputs}{', ' if augment else ''}{augment}",
        f"{published:.3f}",
        f"{fold['quoted']['weighted_f1']['value']:.3f}",
        f"{made} made, {seen} trained on before",
        f"{fold['real_cells']['weighted_f1']['value']:.3f}",
        f"**{clean['value']:.3f}** ({clean['low']:.3f} to {clean['high']:.3f})" if clean else "not measured",
    ]


if __name__ == "__main__":
    main()
