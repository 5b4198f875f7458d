"""Which cells are selected, and which is the current one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class CellSelection:
    """A selection among N cells.

    Attributes
    ----------
    mask : ndarray of bool, shape (N,)
        The selected cells.
    current : int or None
        The cell that is shown large and that arrow keys start from; it need not be selected.
    anchor : int or None
        The cell from which Shift selects.
    """

    def __init__(self, n_cells: int) -> None:
        self.mask = np.zeros(n_cells, bool)
        self.current: int | None = None
        self.anchor: int | None = None

    @property
    def count(self) -> int:
        """How many cells are selected."""
        return int(np.count_nonzero(self.mask))

    def select_one(self, row: int) -> None:
        """Select one cell and no other."""
        self.mask[:] = False
        self.mask[row] = True
        self.current = self.anchor = row

    def toggle(self, row: int) -> None:
        """Add a cell, or take it out."""
        self.mask[row] = not self.mask[row]
        self.current = self.anchor = row

    def extend(self, rows: NDArray[np.intp], to: int) -> None:
        """Select a range of cells that ends at `to`; its start stays for the next time."""
        self.mask[:] = False
        self.mask[rows] = True
        self.current = to
        self.anchor = to if self.anchor is None else self.anchor

    def select(self, rows: NDArray[np.intp], besides: NDArray[np.bool_] | None = None) -> None:
        """Select some cells, besides others if those are given; the first is the current one unless one of them is."""
        self.mask[:] = False if besides is None else besides
        self.mask[rows] = True
        if len(rows) and (self.current is None or not self.mask[self.current]):
            self.current = self.anchor = int(rows[0])

    def clear(self) -> None:
        """Select no cell; there is no current one."""
        self.mask[:] = False
        self.current = self.anchor = None

    def keep_only(self, rows: NDArray[np.intp]) -> None:
        """Take all others out."""
        kept = np.zeros_like(self.mask)
        kept[rows] = self.mask[rows]
        shown = np.zeros_like(self.mask)
        shown[rows] = True
        self.mask = kept
        self.current = self.current if self.current is not None and shown[self.current] else None
        self.anchor = self.anchor if self.anchor is not None and shown[self.anchor] else self.current
