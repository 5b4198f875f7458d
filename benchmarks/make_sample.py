"""Train the generator on the real cells and write the sample that ships with the package.

    NAPARI_CELLCYCLE_DATA=... python benchmarks/make_sample.py [FOLDER FOR PREVIEWS]

Brightfield is learnt relative to its background and darkfield as arcsinh of its counts, since its bright spots are a
hundred times its noise. Takes about half an hour on 2 cores. No real cell is in what it writes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from PIL import Image

import napari_cellcycle as cc
from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD
from napari_cellcycle.data import prepare_cells
from napari_cellcycle.events import result_of
from napari_cellcycle.images.prepare import InputSpec, Normalisation
from napari_cellcycle.phases import PHASE_LABELS, Phase
from napari_cellcycle.training.gan import Gan, GanConfig, GanStep, make_cells, train_gan

CELLS_PER_PHASE = 50
BRIGHTFIELD_LEVEL, DARKFIELD_LEVEL = 677, 27  # backgrounds of the real cells, in counts
CONTRAST, SPOTS = 0.09, 10.0  # spread of brightfield over its background, and where darkfield's arcsinh bends
SPEC = InputSpec((BRIGHTFIELD, DARKFIELD), 40, 0.5, (Normalisation("ratio"), Normalisation("offset")))
SAMPLE = Path(cc.__file__).parent / "sample"


def main() -> None:
    """Train, make, write."""
    cells = cc.read_cells(Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1")
    prepared = result_of(prepare_cells(cells.select_channels(SPEC.channels), SPEC))
    images = np.stack([prepared.images[:, 0] / CONTRAST, np.arcsinh(prepared.images[:, 1] / SPOTS)], 1)
    config = GanConfig()
    gan = Gan.fresh(2, config)
    for event in train_gan(gan, images, prepared.phases, config):
        if isinstance(event, GanStep) and event.step % 500 == 0:
            print(event, flush=True)
            write_preview(gan, event.step)
    write_sample(gan)


def write_preview(gan: Gan, step: int) -> None:
    """Write a sheet of made cells: a row a phase and channel."""
    if len(sys.argv) < 2:
        return
    rows = []
    for phase in Phase:
        for channel, (low, high) in enumerate(((-3, 3), (-0.5, 4))):
            cells = make_cells(gan.average, phase, 16, seed=phase)[:, channel]
            rows.append(((np.hstack(cells) - low) / (high - low)).clip(0, 1))
    Image.fromarray((np.vstack(rows) * 255).astype(np.uint8)).save(Path(sys.argv[1]) / f"made_{step}.png")


def write_sample(gan: Gan) -> None:
    """Write `CELLS_PER_PHASE` cells a phase as OME-TIFF, and their phases as a table."""
    made = [make_cells(gan.average, phase, CELLS_PER_PHASE, seed=phase) for phase in Phase]
    brightfield, darkfield = np.concatenate(made).swapaxes(0, 1)
    counts = np.stack(
        [BRIGHTFIELD_LEVEL * (1 + CONTRAST * brightfield), DARKFIELD_LEVEL + SPOTS * np.sinh(darkfield)], 1
    )
    tifffile.imwrite(
        SAMPLE / "jurkat_synthetic.ome.tif",
        counts.round().clip(0, 65535).astype(np.uint16),
        compression="zlib",
        predictor=True,
        metadata={
            "axes": "TCYX",
            "Description": "synthetic cells, made by a generator that was trained on the Jurkat cells of BBBC048",
            "Channel": {"Name": [BRIGHTFIELD, DARKFIELD]},
            **{key: value for axis in "XY" for key, value in _pixel_size(axis)},
        },
    )
    phases = np.repeat(PHASE_LABELS, CELLS_PER_PHASE)
    table = pd.DataFrame({"cell": range(len(phases)), "phase": phases, "synthetic": True})
    table.to_csv(SAMPLE / "jurkat_synthetic.csv", index=False)


def _pixel_size(axis: str) -> list[tuple[str, object]]:
    return [(f"PhysicalSize{axis}", SPEC.pixel_size_um), (f"PhysicalSize{axis}Unit", "µm")]


if __name__ == "__main__":
    main()
