"""Nuclei are standardised among those of their own image."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellcycle.cell_images import ArrayImages, RememberedImages
from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.events import Note, run_job
from napari_cellcycle.images.field_crops import cut_cells
from napari_cellcycle.stain.compare_nuclei import FEWEST_NUCLEI, ComparedNuclei, compare_nuclei


def field(name: str, n_nuclei: int, gain: float, seed: int, *, at_border: bool = False) -> Cells:
    """Square nuclei of 8 to 13 pixels, each 100 * `gain` counts above 50 a pixel."""
    labels, stain = np.zeros((60, 30 * (n_nuclei + 1)), np.uint16), np.full((60, 30 * (n_nuclei + 1)), 50.0)
    sides = np.random.default_rng(seed).integers(8, 14, n_nuclei)
    for number, side in enumerate(sides, start=1):
        place = (slice(20, 20 + side), slice(30 * number - 10, 30 * number - 10 + side))
        labels[place], stain[place] = number, 50 + 100 * gain
    if at_border:
        labels[:8, 5:13], stain[:8, 5:13] = n_nuclei + 1, 150
    return cut_cells(stain[None], labels, channels=("dna",), source=name)


def compared(cells: Cells) -> tuple[ComparedNuclei, list[str]]:
    notes: list[str] = []
    found = run_job(compare_nuclei(cells), lambda event: notes.append(event.text) if isinstance(event, Note) else None)
    return found, notes


def test_exposure_cancels_out_between_images_and_not_within() -> None:
    found, notes = compared(join_cells([field("a", 12, 1.0, seed=1), field("b", 12, 3.0, seed=1)]))
    np.testing.assert_allclose(found.figures[:12], found.figures[12:], atol=0.02)
    np.testing.assert_allclose(found.figures[:12].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(found.figures[:12].std(0), 1, atol=1e-6)
    assert found.figures[:12, 0].argmax() == found.figures[:12, 1].argmax()
    assert not notes
    assert found.prepared.shape == (24, 1, 1, 2)


def test_nuclei_at_the_border_and_lonely_ones_are_left_out_and_said() -> None:
    few = FEWEST_NUCLEI - 1
    found, notes = compared(join_cells([field("a", 12, 1.0, 1, at_border=True), field("b", few, 1.0, 2)]))
    assert [*found.known] == [*range(12)]
    assert [*found.left_out] == [*range(12, 13 + few)]
    assert "the border of its image cuts it" in found.left_out[12]
    assert found.left_out[13] == "its image has 9 whole nuclei, too few to compare them (10 are needed)"
    assert any("1 cells touch the border" in note for note in notes)
    assert any("1 images have fewer than 10 whole nuclei, too few to compare them with each other" in n for n in notes)


@pytest.mark.parametrize("is_remembered", [False, True])
def test_single_cell_images_are_compared_together_and_frames_of_films_apart(is_remembered: bool) -> None:
    pixels = np.full((12, 1, 32, 32), 50.0)
    for number in range(12):
        pixels[number, 0, 10 : 16 + number, 10:20] = 200
    crops = Cells.build(ArrayImages(pixels), ("dna",), [f"{number}.tif" for number in range(12)])
    found, _ = compared(crops)
    assert len(found.known) == 12
    assert (np.diff(found.figures[:, 0]) > 0).all()
    film = field("film", 8, 1.0, 3)
    film = Cells(**{**vars(film), "images": RememberedImages(film.images)}) if is_remembered else film
    found, _ = compared(join_cells([crops, film]))
    assert [*found.known] == [*range(12)]
