"""Train the generator that ships with the package on the real cells, and make the shipped sample with it.

    NAPARI_CELLCYCLE_DATA=... python benchmarks/make_sample.py FOLDER

FOLDER must not exist; ``augment`` writes its output there. This takes about half an hour on one core; after an
interruption the same command continues. The output holds no real cell.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import torch

import napari_cellcycle as cc
from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import run_job
from napari_cellcycle.jobs.augment import augment_files
from napari_cellcycle.jobs.config import AugmentSettings, ReadSettings
from napari_cellcycle.phases import N_PHASES, PHASE_LABELS
from napari_cellcycle.store.generators import CARD, SHIPPED, load_generator_card
from napari_cellcycle.training.gan.loop import GanStep

PACKAGE = Path(cc.__file__).parent
RUN = AugmentSettings(
    phase=dict.fromkeys(range(N_PHASES), 0),
    n_cells=50,
    resume=True,
    device="cpu",
    licence="BSD-3-Clause",
    data_licence="Jurkat cells of Blasi et al. 2016 (BBBC048), raw images from github.com/minh-doan/MLCP, BSD-3-Clause",
)
STEPS = 6000


def main() -> None:
    """Train the generator, make the sample, and copy both into the package."""
    torch.set_num_threads(1)
    output = Path(sys.argv[1])
    data = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"

    def show(event: object) -> None:
        if isinstance(event, GanStep) and event.step % 250 == 0:
            print(event, flush=True)

    done = run_job(augment_files([data], output, replace(RUN, overrides={"steps": STEPS}), ReadSettings()), show)
    print(done.quality)
    write_sample(done.cells)
    folder = PACKAGE / "generators" / SHIPPED
    shutil.copytree(output / "generator", folder, dirs_exist_ok=True)
    (folder / CARD).write_text(replace(load_generator_card(folder), name=SHIPPED).to_json(), encoding="utf-8")


def write_sample(cells: Cells) -> None:
    """Write the sample as a small OME-TIFF, and the phases as a table."""
    images = np.stack([cell.pixels for cell in cells.read(range(len(cells))) if isinstance(cell, CellImage)])
    tifffile.imwrite(
        PACKAGE / "sample" / "jurkat_synthetic.ome.tif",
        images,
        compression="zlib",
        predictor=True,
        metadata={
            "axes": "TCYX",
            "Description": "synthetic cells, made by a generator that was trained on the Jurkat cells of BBBC048",
            "Channel": {"Name": list(cells.channels)},
            **{key: value for axis in "XY" for key, value in _pixel_size(axis, float(cells.pixel_size_um[0]))},
        },
    )
    phases = [PHASE_LABELS[phase] for phase in cells.phases]
    table = pd.DataFrame({"cell": range(len(phases)), "phase": phases, "synthetic": True})
    table.to_csv(PACKAGE / "sample" / "jurkat_synthetic.csv", index=False)


def _pixel_size(axis: str, size_um: float) -> list[tuple[str, object]]:
    return [(f"PhysicalSize{axis}", size_um), (f"PhysicalSize{axis}Unit", "µm")]


if __name__ == "__main__":
    main()
