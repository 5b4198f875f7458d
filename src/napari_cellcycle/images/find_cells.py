"""The cells of a field without labels: by a finder that learned them, or by their contrast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.errors import ChannelError


class CellFinder(Protocol):
    """What finds objects in one channel of a field."""

    @property
    def name(self) -> str:
        """What users call it."""

    @property
    def channel(self) -> str:
        """The channel that it looks at."""

    def find(self, image: NDArray[np.generic], pixel_size_um: float | None = None) -> NDArray[np.int32]:
        """Labels of the objects in an image (Y, X); 0 is background."""


def find_cells(
    field: NDArray[np.generic],
    channels: Sequence[str],
    finder: CellFinder | None = None,
    *,
    pixel_size_um: float | None = None,
    cell_diameter_px: float | None = None,
    where: str = "the field",
) -> NDArray[np.int32]:
    """Find the cells of a field without labels.

    Parameters
    ----------
    field : ndarray, shape (C, Y, X)
        All channels.
    channels : sequence of str
        Their names.
    finder : CellFinder, optional
        What finds them; by default they are found in brightfield by their contrast, which nothing was taught.
    pixel_size_um : float, optional
        Edge of a pixel in micrometres.
    cell_diameter_px : float, optional
        Usual diameter of a cell, for cells that are found by their contrast.
    where : str
        Name of the field, for messages.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        0 is background, cells are numbered from 1.

    Raises
    ------
    ChannelError
        The field lacks the channel in which cells are found.
    """
    needed = BRIGHTFIELD if finder is None else finder.channel
    if needed not in channels:
        what = "segmentation" if finder is None else f"the finder {finder.name!r}"
        raise ChannelError(
            f"{where} has no {needed} channel, which {what} needs; choose it from {', '.join(channels)}, as in "
            f"--channels {needed}={channels[0]}"
        )
    image = field[list(channels).index(needed)]
    if finder is not None:
        return finder.find(image, pixel_size_um)
    from napari_cellcycle.images.segment import segment_brightfield

    return segment_brightfield(image, cell_diameter_px=cell_diameter_px)
