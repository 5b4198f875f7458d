"""What the shipped models say of cells that they fit, and of cells that they do not: the table of docs/does-it-fit.md.

NAPARI_CELLCYCLE_DATA=... python benchmarks/model_fit.py
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from instruments import Change, Recording, change_cells, no_darkfield, no_such_cells
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.transform import rescale

from napari_cellcycle import load_model, read_cells
from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, Cells, Prediction
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.predict import classify

PAGE = Path(__file__).parents[1] / "docs" / "does-it-fit.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
HEAD = ["cells", "unlike", "called most", "verdict", "reason"]
N_CELLS = 300
PIXEL_UM = 0.5
BOTH = (BRIGHTFIELD, DARKFIELD)

Pixels = NDArray[np.float32]  # (N, C, Y, X)


def main() -> None:
    """Classify every sample, print the verdict, and write the page."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    data = Path(os.environ["NAPARI_CELLCYCLE_DATA"])
    rows = []
    for name, cells in (*changed_cells(data / "jurkat" / "Experiment_1"), *other_cells(data)):
        model = load_model("default" if DARKFIELD in cells.channels else "default-brightfield")
        prediction = classify(cells, model)
        rows.append(_row(name, prediction))
        verdict = prediction.verdict
        print(f"{name}: {'' if verdict is None else verdict.text}", flush=True)
    write_page(rows)


def changed_cells(folder: Path) -> Iterator[tuple[str, Cells]]:
    """Some cells of Experiment_1, as they are and changed."""
    cells = read_cells(folder).select_channels(BOTH)
    chosen = np.sort(np.random.default_rng(0).choice(len(cells), N_CELLS, replace=False))
    pixels = np.stack([image.pixels for image in cells.subset(chosen).read(range(N_CELLS))]).astype(np.float32)
    yield "Experiment_1", with_pixels(pixels)
    yield "Experiment_1, brightfield alone", with_pixels(pixels).select_channels([BRIGHTFIELD])
    yield "brightfield inverted", with_pixels(changed(pixels, 0, 2 * 676 - pixels[:, 0]))
    yield "brightfield and darkfield swapped", with_pixels(pixels[:, ::-1])
    yield "brightfield saturated: clipped to 600 to 740", with_pixels(changed(pixels, 0, pixels[:, 0].clip(600, 740)))
    yield "two cells side by side (40 x 80 px)", with_pixels(np.concatenate([pixels, np.roll(pixels, 1, 0)], axis=3))
    for factor, what in ((2, "twice"), (1.5, "1.5 times"), (0.67, "0.67 times"), (0.5, "half")):
        yield f"{what} the size, pixel size unchanged", with_pixels(resized(pixels, factor))
    for sigma in (0.8, 1.5, 2):
        yield f"blurred by {sigma} px", with_pixels(gaussian_filter(pixels, (0, 0, sigma, sigma)))
    recording = Recording.of(pixels)
    known = {"two cells in a crop", "noise", "no cell, noise alone", "contrast inverted"}
    changes: list[Change] = [change for change in no_such_cells(recording) if change.group in known]
    for change in (*changes, no_darkfield(recording)):
        name = ": ".join(filter(None, (change.group, change.name)))
        yield name, change_cells(with_pixels(pixels), change, PIXEL_UM)


def other_cells(data: Path) -> Iterator[tuple[str, Cells]]:
    """Cells of other instruments, and the shipped sample."""
    sample = Path(__file__).parents[1] / "src" / "napari_cellcycle" / "sample"
    yield "the synthetic sample of this package", read_cells(sample).select_channels(BOTH)
    roles = {BRIGHTFIELD: "Ch5", DARKFIELD: "Ch6"}
    yield "example.cif (Ch5, Ch6)", read_cells(data / "cif" / "example.cif", channels=roles).select_channels(BOTH)
    for name, channels in (("blood", None), ("adherent", {BRIGHTFIELD: "0"}), ("timelapse.ome.tif", None)):
        cells = read_cells(data / "fields" / name, channels=channels)
        yield f"fields/{name}", cells.select_channels([BRIGHTFIELD])


def with_pixels(pixels: Pixels) -> Cells:
    """Cells of the pixel size of the training cells."""
    return Cells.build(ArrayImages(np.ascontiguousarray(pixels)), BOTH, "changed", pixel_size_um=PIXEL_UM)


def changed(pixels: Pixels, channel: int, plane: Pixels) -> Pixels:
    """`pixels` with another plane (N, Y, X)."""
    copy = pixels.copy()
    copy[:, channel] = plane
    return copy


def resized(pixels: Pixels, factor: float) -> Pixels:
    """`pixels` with all images larger by `factor`."""
    larger = [
        [rescale(plane, factor, preserve_range=True, anti_aliasing=factor < 1) for plane in planes] for planes in pixels
    ]
    return np.array(larger, np.float32)


def _row(name: str, prediction: Prediction) -> list[str]:
    counts = np.bincount(prediction.best[prediction.best >= 0], minlength=len(PHASE_LABELS))
    called = f"{PHASE_LABELS[counts.argmax()]} {counts.max() / len(prediction):.0%}"
    verdict = prediction.verdict
    assert verdict is not None
    answer = f"label about {verdict.n_to_label} cells and fine-tune" if verdict.n_to_label else verdict.answer
    return [name, f"{verdict.share_unlike:.2f}", called, answer, verdict.reason]


def write_page(rows: list[list[str]]) -> None:
    """Write the table between its marks in the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    lines = [f"| {' | '.join(row)} |" for row in (HEAD, ["---"] * len(HEAD), *rows)]
    PAGE.write_text("\n".join([before + BEGIN, *lines, END + after]), encoding="utf-8")


if __name__ == "__main__":
    main()
