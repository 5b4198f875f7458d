"""Tables 1 to 3 of Duque-Vazquez et al. by their protocol, next to the clean scores, in docs/augmentation.md.

    NAPARI_CELLCYCLE_DATA=... python benchmarks/seed_tables.py FOLDER

What FOLDER already holds is not repeated. Generators are trained for only a few steps, as the page says: the trainings
of the papers would take days.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.config import EvaluateSettings, ReadSettings
from napari_cellcycle.jobs.evaluate import evaluate_files
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.training.augment_flag import parse_augment

PAGE = Path(__file__).parents[1] / "docs" / "augmentation.md"
BEGIN, END = "<!-- seed -->", "<!-- end of seed -->"
TABLES: dict[str, tuple[str, dict[str, Any], float]] = {
    "table1": ("brightfield", {}, 0.8127),
    "table2": ("brightfield", {"epochs": 20, "augment": "wgan-gp+undersample", "gan_steps": 60}, 0.8481),
    "table3": ("dna", {"augment": "wgan-div+mixup", "gan_steps": 60}, 0.9372),
}
"""Channel, settings, and the published weighted F1."""
PUBLISHED_F1 = {
    "table1": (0.8820, 0.6810, 0.8462, 0.6832, 0.0, 0.0, 1.0),
    "table2": (0.8426, 0.7210, 0.8559, 0.9996, 0.9963, 0.9677, 1.0),
    "table3": (0.9280, 0.7648, 0.8983, 0.9856, 0.9940, 0.9931, 0.9951),
}
"""F1 of each phase, from the columns "proposed model"."""


def main() -> None:
    """Run what is missing, and write the page."""
    torch.set_num_threads(1)
    output, data = Path(sys.argv[1]), Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"
    for name, (inputs, changes, _) in TABLES.items():
        if (output / name / "metrics.json").exists() or (len(sys.argv) > 2 and name not in sys.argv[2:]):
            continue
        overrides = {key: parse_augment(value) if key == "augment" else value for key, value in changes.items()}
        config = EvaluateSettings(
            model=("duque2024",), cv=5, protocol="seed", inputs=(inputs,), device="cpu", overrides=overrides
        )
        print(result_of(evaluate_files([data], output / name, config, ReadSettings(), overwrite=True)), flush=True)
    write_page(output)


def write_page(output: Path) -> None:
    """One row per table of the paper, then one row per phase."""
    done = {name: scores for name in TABLES if (scores := read(output / name)) is not None}
    overall = [
        ["", "published", "as the seed measures: fold 3", "of its tested cells", "its real cells only", "**clean**"],
        ["---"] * 6,
        *(row(name, scores) for name, scores in done.items()),
    ]
    titles = [
        f"{title} {name[-1]}" for name in done for title in ("published, Table", "as the seed measures,", "**clean**,")
    ]
    by_phase = [["F1", *titles], ["---"] * (1 + len(titles))]
    for number, phase in enumerate(PHASE_LABELS):
        cells = [f1s for name in done for f1s in f1_of(output / name, PUBLISHED_F1[name][number], phase)]
        by_phase.append([phase, *cells])
    tables = ["\n".join("| " + " | ".join(cells) + " |" for cells in rows) for rows in (overall, by_phase)]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    text = "\n\n".join(tables)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def read(folder: Path) -> dict[str, Any] | None:
    """The ``metrics.json`` of a report, if there is one."""
    path = folder / "metrics.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def f1_of(folder: Path, published: float, phase: str) -> list[str]:
    """Of one phase: as published, as the seed measures, and clean."""
    reports = (read(folder), read(folder / "clean"))
    f1s = [published, *(report["per_phase"][phase]["f1"] for report in reports if report is not None)]
    return [*(f"{f1:.2f}" for f1 in f1s[:-1]), f"**{f1s[-1]:.2f}**"]


def row(name: str, scores: dict[str, Any]) -> list[str]:
    """Weighted F1 in both ways."""
    (inputs, changes, published), fold = TABLES[name], scores["quoted_fold"]
    augment = changes.get("augment", "")
    synthetic, seen = (f"{fold[key] / fold['n_cells']:.0%}" for key in ("n_synthetic", "n_trained_on"))
    clean = scores["clean"]["weighted_f1"]
    return [
        f"Table {name[-1]}: {inputs}{', ' if augment else ''}{augment}",
        f"{published:.3f}",
        f"{fold['quoted']['weighted_f1']['value']:.3f}",
        f"{synthetic} synthetic, {seen} trained on before",
        f"{fold['real_cells']['weighted_f1']['value']:.3f}",
        f"**{clean['value']:.3f}** ({clean['low']:.3f} to {clean['high']:.3f})",
    ]


if __name__ == "__main__":
    main()
