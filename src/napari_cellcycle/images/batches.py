"""Read many cells batch by batch, so that memory does not grow with their number."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Note, Progress
from napari_cellcycle.images.model_input import InputSpec, prepare

BATCH_SIZE = 512

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class CellBatch:
    """Some cells that were read together.

    Attributes
    ----------
    positions : ndarray of int, shape (B,)
        Of all cells of the batch, among the `n_cells` that are read.
    read : list of CellImage or Unreadable
        These cells, in the same order.
    pixel_size_um : ndarray of float32, shape (B,)
        Edge of their pixels in micrometres, NaN where unknown.
    n_cells : int
        Cells in all batches together.
    """

    positions: NDArray[np.intp]
    read: list[CellImage | Unreadable]
    pixel_size_um: NDArray[np.float32]
    n_cells: int

    @cached_property
    def is_readable(self) -> NDArray[np.bool_]:
        """Which cells of the batch could be read, shape (B,)."""
        return np.array([isinstance(cell, CellImage) for cell in self.read], bool)

    @property
    def indices(self) -> NDArray[np.intp]:
        """Positions of the readable cells."""
        return self.positions[self.is_readable]

    @property
    def images(self) -> list[CellImage]:
        """The readable cells."""
        return [cell for cell in self.read if isinstance(cell, CellImage)]

    @property
    def unreadable(self) -> dict[int, str]:
        """Position of each cell that could not be read, and the reason."""
        pairs = zip(self.positions.tolist(), self.read, strict=True)
        return {position: cell.reason for position, cell in pairs if isinstance(cell, Unreadable)}

    @property
    def notes(self) -> list[Note]:
        """The reason for each cell that could not be read, for the user."""
        return [Note(reason) for reason in self.unreadable.values()]

    def progress(self, what: str) -> Progress:
        """How far the work called `what` is when this batch is done."""
        return Progress(int(self.positions[-1]) + 1, self.n_cells, what)

    def prepare(self, spec: InputSpec, planes: slice = slice(None)) -> NDArray[np.float32]:
        """Crop, rescale and normalise the readable cells; see `images.model_input.prepare`.

        Parameters
        ----------
        spec : InputSpec
            How.
        planes : slice
            Planes of each cell, in the order of ``spec.channels``.

        Returns
        -------
        ndarray of float32, shape (number of readable cells, C, size_px, size_px)
        """
        cells = self.images
        if planes != slice(None):
            cells = [replace(cell, pixels=cell.pixels[planes]) for cell in cells]
        return prepare(cells, spec, self.pixel_size_um[self.is_readable])


def read_batch(cells: Cells, positions: Sequence[int] | NDArray[np.intp] | None = None) -> CellBatch:
    """Read some cells at once.

    Parameters
    ----------
    cells : Cells
        Only the images of the asked cells are read.
    positions : sequence of int, optional
        Which cells; all of them by default.
    """
    asked = np.arange(len(cells)) if positions is None else np.asarray(positions, np.intp)
    return CellBatch(asked, cells.read(asked.tolist()), cells.pixel_size_um[asked], len(cells))


def read_batches(cells: Cells, batch_size: int = BATCH_SIZE) -> Iterator[CellBatch]:
    """Read all cells in order; while the caller works on one batch, a thread reads the next.

    Parameters
    ----------
    cells : Cells
        Need not fit into memory.
    batch_size : int
        Cells per batch; two batches are in memory at a time.

    Returns
    -------
    iterator of CellBatch
        The last batch may be smaller.
    """
    return (batch for batch, _ in map_batches(cells, lambda _batch: None, batch_size))


def prepare_batches(
    cells: Cells, spec: InputSpec, batch_size: int = BATCH_SIZE
) -> Iterator[tuple[CellBatch, NDArray[np.float32]]]:
    """Like `read_batches`, but prepare the images in the same thread.

    Parameters
    ----------
    cells : Cells
        With the channels of `spec`, in its order.
    spec : InputSpec
        How to prepare them.
    batch_size : int
        Cells per batch.

    Returns
    -------
    iterator of (CellBatch, ndarray of float32)
        Each batch as it was read, and its readable cells prepared, shape (B, C, size_px, size_px).
    """
    return map_batches(cells, lambda batch: batch.prepare(spec), batch_size)


def map_batches(
    cells: Cells,
    work: Callable[[CellBatch], T],
    batch_size: int = BATCH_SIZE,
    *,
    threads: int = 1,
    positions: NDArray[np.intp] | None = None,
) -> Iterator[tuple[CellBatch, T]]:
    """Read all cells in order and work on each batch, in threads that are ahead of the caller.

    Parameters
    ----------
    cells : Cells
        Need not fit into memory.
    work : callable
        Gets a batch, in the thread that read it.
    batch_size : int
        Cells per batch.
    threads : int
        Batches that are read or worked on at a time; one more may be done and wait for the caller.
    positions : ndarray of int, optional
        Which cells; all of them by default.

    Returns
    -------
    iterator of (CellBatch, object)
        Each batch with the result of `work`, in order.
    """

    def run(asked: NDArray[np.intp]) -> tuple[CellBatch, T]:
        batch = read_batch(cells, asked)
        return batch, work(batch)

    wanted = np.arange(len(cells)) if positions is None else positions
    pool, coming = ThreadPoolExecutor(threads, "reading-cells"), deque[Future[tuple[CellBatch, T]]]()
    try:
        for start in range(0, len(wanted), batch_size):
            coming.append(pool.submit(run, wanted[start : start + batch_size]))
            if len(coming) > threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
