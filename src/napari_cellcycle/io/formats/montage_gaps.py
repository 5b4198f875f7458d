"""Montages whose tiles lie apart: lines of one value between them are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.io.formats.base import SMALLEST_CELL_PX, ImageFile


@dataclass(frozen=True, eq=False, kw_only=True)
class WithoutGaps(ImageFile):
    """An image of which only some rows and columns are kept.

    Attributes
    ----------
    image : ImageFile
        The whole image.
    rows, columns : ndarray of intp
        Indices of those that are kept.
    """

    image: ImageFile
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The frames at the given indices, each (C, Y, X)."""
        return [
            whole if isinstance(whole, Unreadable) else whole[:, self.rows][:, :, self.columns]
            for whole in self.image.read(frames, plane)
        ]


def find_gaps(plane: NDArray[np.generic]) -> tuple[NDArray[np.intp], NDArray[np.intp], int] | None:
    """Find the lines of one value that separate equal square tiles.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        The image.

    Returns
    -------
    rows, columns : ndarray of intp
        Indices of the rows and columns of the tiles.
    size : int
        Edge of a tile in pixels. None instead of all three if there are no such lines.
    """
    filling = plane[-1, -1]
    both = [_tiles_between((plane == filling).all(axis=axis)) for axis in (1, 0)]
    starts = [found for found in both if found is not None]
    if len(starts) < 2 or starts[0][1] != starts[1][1]:
        return None
    size = starts[0][1]
    rows, columns = ((first[:, np.newaxis] + np.arange(size)).ravel() for first, _ in starts)
    return rows, columns, size


def _tiles_between(is_line: NDArray[np.bool_]) -> tuple[NDArray[np.intp], int] | None:
    """Where the tiles between lines begin, and how long they are; None if they or the gaps are not all alike."""
    edges = np.diff(np.concatenate([[True], is_line, [True]]).astype(np.int8))
    starts, stops = np.flatnonzero(edges < 0), np.flatnonzero(edges > 0)
    if len(starts) < 2 or len(set((stops - starts).tolist())) > 1 or len(set((starts[1:] - stops[:-1]).tolist())) > 1:
        return None
    size = int(stops[0] - starts[0])
    return (starts, size) if size >= SMALLEST_CELL_PX else None


def without_gaps(image: ImageFile, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> WithoutGaps:
    """Keep some rows and columns of an image.

    Parameters
    ----------
    image : ImageFile
        Any image that has them.
    rows, columns : ndarray of intp
        Their indices.

    Returns
    -------
    WithoutGaps
        Of the size that is left.
    """
    return WithoutGaps(
        path=image.path,
        axes=image.axes,
        frame_axes=image.frame_axes,
        n_frames=image.n_frames,
        n_planes=image.n_planes,
        channels=image.channels,
        shape=(len(rows), len(columns)),
        dtype=image.dtype,
        pixel_size_um=image.pixel_size_um,
        synthetic=image.synthetic,
        notes=image.notes,
        parts=image.parts,
        image=image,
        rows=rows,
        columns=columns,
    )
