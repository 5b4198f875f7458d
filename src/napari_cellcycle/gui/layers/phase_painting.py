"""Correct phases by painting on the phase layer with napari's own tools: fill bucket, brush, polygon."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.gui.layers.phase_table import truth_of
from napari_cellcycle.images.cell_map import CellMap
from napari_cellcycle.phases import UNKNOWN, UNSURE, UNSURE_LABEL, Phase

if TYPE_CHECKING:
    from napari.layers import Labels


HOW_TO_PAINT = (
    "Choose a label in the layer controls (1 G1, 2 S, 3 G2, 4 Prophase, 5 Metaphase, 6 Anaphase, 7 Telophase, "
    "8 not known), then click on cells with the fill bucket."
)


class PhasePainting:
    """Follows what is painted on a phase layer: a cell that was painted on gets its outline in that number.

    Parameters
    ----------
    layer : Labels
        A phase layer.
    cells : CellMap
        Which cell lies where.
    on_change : callable
        Called after cells were painted on.
    """

    def __init__(self, layer: Labels, cells: CellMap, on_change: Callable[[], None]) -> None:
        self.layer, self._cells, self._on_change = layer, cells, on_change
        self._tidying = False
        self._numbers = self._read()
        layer.events.paint.connect(self._on_paint)
        layer.events.features.connect(self._on_features)

    def end(self) -> None:
        """Stop following."""
        self.layer.events.paint.disconnect(self._on_paint)
        self.layer.events.features.disconnect(self._on_features)

    def phases(self) -> NDArray[np.int8]:
        """Phase of each cell as painted, shape (N,); `UNKNOWN` where it has none or is unsure.

        A synthetic cell has the phase that it was made for, whatever a model calls it, unless somebody paints on it.
        """
        phases = self._read().astype(np.int8) - 1
        painted = np.where((phases < 0) | (phases >= UNSURE), UNKNOWN, phases).astype(np.int8)
        synthetic = self.layer.features["synthetic"].to_numpy(bool)
        if not synthetic.any():
            return painted
        truth = truth_of(self.layer)
        n_shown = len(painted)  # synthetic cells that are not shown have a phase, too
        unpainted = synthetic[:n_shown] & (self._numbers == called_numbers(self.layer)[:n_shown])
        beyond = np.where(synthetic, truth, UNKNOWN)[n_shown:]
        return np.r_[np.where(unpainted, truth[:n_shown], painted), beyond].astype(np.int8)

    def synthetic(self) -> NDArray[np.bool_]:
        """Which of the cells of `phases` a generator made, shape (N,)."""
        synthetic: NDArray[np.bool_] = self.layer.features["synthetic"].to_numpy(bool)
        return synthetic

    def phases_by_cell(self) -> dict[tuple[str, int], int]:
        """`phases` by where a cell comes from and its number there; only known ones."""
        table = self.layer.features
        keys = zip(table["source"].astype(str), table["cell"].astype(int), strict=True)
        return {key: phase for key, phase in zip(keys, self.phases().tolist(), strict=True) if phase != UNKNOWN}

    def n_corrected(self) -> int:
        """Cells whose painted phase differs from the model's, when `phases` were read."""
        return int((self._numbers != called_numbers(self.layer)[: len(self._numbers)]).sum())

    def begin(self) -> None:
        """Get the layer ready for painting; the fill bucket begins with G1."""
        layer = self.layer
        layer.visible = True
        layer.contiguous, layer.preserve_labels = True, False
        layer.selected_label = Phase.G1 + 1
        layer.mode = "fill"

    def _on_paint(self, _event: Any = None) -> None:
        if self._tidying:  # tidying is a painting of its own, so that napari can undo it
            return
        tidy = self._cells.draw_outlines(self._read())
        untidy = np.unravel_index(np.flatnonzero(self.layer.data != tidy), tidy.shape)
        self._tidying = True
        try:
            self.layer.data_setitem(untidy, tidy[untidy])
        finally:
            self._tidying = False
        self._on_change()

    def _read(self) -> NDArray[np.uint8]:
        self._numbers = self._cells.read_phases(self.layer.data)
        return self._numbers

    def _on_features(self, _event: Any = None) -> None:
        self._on_change()


def corrections(layer: Labels, cells: CellMap) -> NDArray[np.uint8]:
    """Numbers that were painted on a phase layer, shape (N,); 0 for cells that still have the model's number."""
    painted = cells.read_phases(layer.data)
    return np.where(painted == called_numbers(layer)[: len(painted)], 0, painted).astype(np.uint8)


def called_numbers(layer: Labels) -> NDArray[np.uint8]:
    """Numbers of the phase picture as the model called the cells, shape (N,)."""
    numbers = {phase.label: int(phase) + 1 for phase in Phase} | {UNSURE_LABEL: UNSURE + 1}
    return np.array([numbers.get(label, 0) for label in layer.features["phase"]], np.uint8)
