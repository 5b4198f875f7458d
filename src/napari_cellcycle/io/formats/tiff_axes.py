"""Which plane of a TIFF shows which frame and channel, according to its axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ImageError

_MOST_CHANNELS = 12
"""A longer axis without a name is not a channel axis; an ImageStream has twelve channels."""


@dataclass(frozen=True, eq=False)
class PlaneOrder:
    """How the planes of an image series are ordered.

    Attributes
    ----------
    frame_axes : str
        Axes that count frames and are longer than 1.
    shape : tuple of int
        Height and width of a plane, in pixels.
    plane_shape : tuple of int
        (Y, X), or (Y, X, S) for colours.
    plane_of : ndarray of intp, shape (F, C)
        Index of the plane that shows a channel of a frame.
    """

    frame_axes: str
    shape: tuple[int, int]
    plane_shape: tuple[int, ...]
    plane_of: NDArray[np.intp]


def order_planes(axes: str, shape: Sequence[int], name: str) -> PlaneOrder:
    """Find the axes of frames and channels.

    C is the channel axis. Without one, it is the shorter of two axes without a name (I or Q, or S if tifffile took the
    planes for colours). All other axes count frames.

    Parameters
    ----------
    axes : str
        One letter per axis, from tifffile.
    shape : sequence of int
        Length of each axis.
    name : str
        Name of the file, for messages.

    Returns
    -------
    PlaneOrder
        Frames and channels in the order of the axes.

    Raises
    ------
    ImageError
        The last axes are not Y and X, or an axis is empty.

    Examples
    --------
    >>> order_planes("TCYX", (2, 3, 8, 8), "a.tif").plane_of
    array([[0, 1, 2],
           [3, 4, 5]])
    """
    leading = axes.removesuffix("S").removesuffix("YX")
    if not axes.removesuffix("S").endswith("YX"):
        raise ImageError(f"{name} has the axes {axes}, but Y and X must be last; save it as a plain stack")
    if 0 in shape:
        raise ImageError(f"{name} has no pixels: its axes {axes} have the lengths {tuple(shape)}; export it again")
    counts = tuple(shape[: len(leading)])
    channel = _channel_axis(leading, counts)
    planes = np.arange(prod(counts), dtype=np.intp).reshape(counts)
    planes = planes[..., np.newaxis] if channel is None else np.moveaxis(planes, channel, -1)
    frame_axes = [axis for index, axis in enumerate(leading) if index != channel and counts[index] > 1]
    height, width = shape[len(leading) : len(leading) + 2]
    return PlaneOrder(
        frame_axes="".join(frame_axes),
        shape=(height, width),
        plane_shape=tuple(shape[len(leading) :]),
        plane_of=planes.reshape(-1, planes.shape[-1]),
    )


def _channel_axis(axes: str, counts: Sequence[int]) -> int | None:
    if "C" in axes:
        return axes.index("C")
    nameless = [index for index, axis in enumerate(axes) if axis in "IQS" and counts[index] > 1]
    if len(nameless) < 2:
        return None
    shortest = min(reversed(nameless), key=lambda index: counts[index])
    return shortest if counts[shortest] <= _MOST_CHANNELS else None
