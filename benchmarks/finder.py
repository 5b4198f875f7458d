"""Train a finder on one blood field and test it on the other, both ways; the heuristic beside it.

    python benchmarks/finder.py [--seeds 0 1] [--steps 900] [--fields 1 2] [-o finder.json]

The fields are in ``NAPARI_CELLCYCLE_DATA``/fields/blood (docs/finder.md). The test field takes no part in anything:
thresholds are chosen on a held-out quarter of the training field. Times are of the training alone; on a machine with
other work on it, CPU seconds say more than minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from napari_cellcycle.evaluation.object_f1 import ObjectMatch, match_objects
from napari_cellcycle.events import result_of
from napari_cellcycle.images.nuclei import label_nuclei
from napari_cellcycle.images.segment import segment_brightfield
from napari_cellcycle.io.labelled_fields import LabelledField, read_labelled_fields
from napari_cellcycle.jobs.config import FinderSettings
from napari_cellcycle.jobs.train_finder import train_finder_fields

BLOOD = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "fields" / "blood"


def main() -> None:
    """Print a line for each training, and write all of them as JSON if asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=0, help="0: as users get it")
    parser.add_argument("--fields", type=int, nargs="+", default=[1, 2], choices=[1, 2], help="to train on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    fields = {number: read(f"field{number}_brightfield.png") for number in (1, 2)}
    rows: list[dict[str, Any]] = []
    for number, field in fields.items():
        show(f"field {number}, heuristic", match_objects(segment_brightfield(field.image), field.labels))
        stain = read(f"field{number}_nucleus.png").image if number in options.fields else None
        if stain is not None:
            show(f"field {number}, from the dye", match_objects(label_nuclei(stain).labels, field.labels))
    for seed in options.seeds:
        for trained_on in options.fields:
            rows.append(train_and_test(fields[trained_on], fields[3 - trained_on], seed, options.steps))
            rows[-1] = {"trained_on": trained_on, "seed": seed, **rows[-1]}
            print(json.dumps(rows[-1]), flush=True)
    if options.output:
        options.output.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def read(name: str) -> LabelledField:
    """A blood field, or its dye, with the given labels."""
    labels = BLOOD / f"{name.partition('_')[0]}_labels.tif"
    return result_of(read_labelled_fields(BLOOD / name, labels=labels))[0]


def show(what: str, match: ObjectMatch) -> None:
    """Print the counts and the F1."""
    print(f"{what}: F1 {match.f1:.3f}, {match.n_found} found, {match.n_matched} of {match.n_true} matched", flush=True)


def train_and_test(field: LabelledField, other: LabelledField, seed: int, steps: int) -> dict[str, Any]:
    """Train on one field, with all defaults, and test on the other one."""
    settings = FinderSettings(overrides={"seed": seed, **({"steps": steps} if steps else {})})
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CELLCYCLE_HOME"] = folder
        wall, cpu = time.perf_counter(), time.process_time()
        finder = result_of(train_finder_fields([field], Path(folder) / "finder", settings))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    match = match_objects(finder.find(other.image, other.pixel_size_um), other.labels)
    return {
        "f1": round(match.f1, 3),
        "found": match.n_found,
        "true": match.n_true,
        "matched": match.n_matched,
        "f1_held_out": finder.card.figures["f1_at_iou_0.5"],
        "minutes": round(wall / 60, 1),
        "cpu_seconds": round(cpu),
    }


if __name__ == "__main__":
    main()
