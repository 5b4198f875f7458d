"""Cells that were chosen to be labelled say nothing about all cells."""

from __future__ import annotations

import numpy as np
import pytest
from made import made_pixels

from napari_cellcycle.annotate.queue_names import LEAST_SURE, RANDOM
from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import find_duplicates
from napari_cellcycle.evaluation.checks import choose_tested

N = 9


def labelled(drawn: list[str], phases: list[int] | None = None) -> Cells:
    known = np.arange(N) % 3 if phases is None else np.array(phases)
    pixels = made_pixels(np.arange(N) % 3)
    channels = ("brightfield", "darkfield", "dna")
    return Cells.build(ArrayImages(pixels), channels, "a.tif", phases=known, columns={"drawn": drawn})


@pytest.mark.parametrize(
    ("drawn", "tested", "protocol", "note"),
    [
        ([RANDOM] * 4 + [LEAST_SURE] * 5, range(4), "held-out", "5 cells that were chosen to be labelled"),
        ([""] * 6 + ["by hand"] * 3, range(6), "held-out", "3 cells that were chosen to be labelled"),
        ([RANDOM] * 2 + [""] * 2 + ["by hand"] * 5, range(4), "held-out", "5 cells"),
        (["by hand"] * 9, range(9), "chosen", "all of these cells were chosen to be labelled"),
        ([RANDOM] * 9, range(9), "held-out", ""),
        ([""] * 9, range(9), "held-out", ""),
    ],
)
def test_only_cells_that_nobody_chose_are_tested(drawn, tested, protocol, note) -> None:  # type: ignore[no-untyped-def]
    cells = labelled(drawn)
    checks = choose_tested(cells, find_duplicates(cells), None)
    assert np.flatnonzero(checks.truth >= 0).tolist() == list(tested)
    assert checks.protocol == protocol
    said = [text for text in checks.notes if "chosen" in text]
    assert len(said) == bool(note)
    assert all(note in text for text in said)


def test_chosen_cells_without_a_known_phase_do_not_count() -> None:
    cells = labelled(["by hand"] * 3 + [RANDOM] * 6, [-1] * 3 + [0, 1, 2] * 2)
    checks = choose_tested(cells, find_duplicates(cells), None)
    assert not any("chosen" in text for text in checks.notes)


def test_a_model_that_learned_all_random_ones_is_not_tested_on_chosen_ones_instead() -> None:
    cells = labelled([RANDOM] * 4 + [LEAST_SURE] * 5)
    duplicates = find_duplicates(cells)
    checks = choose_tested(cells, duplicates, duplicates.fingerprints[:4])
    assert (checks.protocol, int((checks.truth >= 0).sum())) == ("trained-on", 4)
    half = choose_tested(cells, duplicates, duplicates.fingerprints[:2])
    assert (half.protocol, np.flatnonzero(half.truth >= 0).tolist()) == ("held-out", [2, 3])
