"""The image of real cells next to synthetic ones shows each cell where it should be."""

from __future__ import annotations

import numpy as np

from napari_cellcycle.images.real_vs_synthetic import _GAP_PX, _LINE_PX, _TITLE_PX, draw_sheet

CHANNELS = ("brightfield", "darkfield")


def flat(*levels: float) -> np.ndarray:
    """One cell of 8x8 pixels for each level, the same in both channels."""
    return np.stack([np.full((2, 8, 8), level, np.float32) for level in levels])


def test_each_cell_lies_in_the_row_of_its_phase_and_channel() -> None:
    sheet = draw_sheet({0: flat(3, 3), 5: flat(-3)}, {0: flat(-3, -3), 5: flat(3, 3)}, CHANNELS, per_phase=2)
    tile, block = 8 + _GAP_PX, 2 * (8 + _GAP_PX) + 2 * _GAP_PX
    synthetic = _TITLE_PX + 2 * tile + 4 * _GAP_PX
    brightfield, anaphase = _LINE_PX, _LINE_PX + block
    assert (sheet[brightfield : brightfield + 8, _TITLE_PX : _TITLE_PX + 8] == 255).all()
    assert (sheet[brightfield : brightfield + 8, synthetic : synthetic + 8] == 0).all()
    assert (sheet[anaphase : anaphase + 8, _TITLE_PX : _TITLE_PX + 8] == 0).all()
    assert (sheet[anaphase : anaphase + 8, synthetic + tile : synthetic + tile + 8] == 255).all()
    darkfield = sheet[brightfield + tile : brightfield + tile + 8, _TITLE_PX : _TITLE_PX + 8]
    assert (darkfield == int((3 + 0.3) / 4.3 * 255)).all()  # another black and white than brightfield's


def test_without_real_cells_only_the_synthetic_ones_are_drawn() -> None:
    both, alone = draw_sheet({3: flat(1)}, {3: flat(2)}, CHANNELS), draw_sheet({}, {3: flat(2)}, CHANNELS)
    assert alone.shape[1] < both.shape[1]
    assert (alone[_LINE_PX : _LINE_PX + 8, _TITLE_PX : _TITLE_PX + 8] == int(5 / 6 * 255)).all()
