"""Which plane of a TIFF shows which frame, focal plane and channel, according to its axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ImageError
from napari_cellcycle.io.formats.base import MOST_CHANNELS, SMALLEST_CELL_PX

_LONGEST = 4
"""A cell is at most so many times longer than wide; otherwise, the axes are not Y, X and channel."""


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
        (Y, X), or (Y, X, S) for samples.
    plane_of : ndarray of intp, shape (F * Z, C)
        Index of the plane that shows a channel of a frame; the focal planes of a frame follow one another.
    n_planes : int
        Number of focal planes (z) of a frame.
    too_many_channels : int
        Length of a channel axis that is too long for one, so that it counts frames; otherwise 0.
    """

    frame_axes: str
    shape: tuple[int, int]
    plane_shape: tuple[int, ...]
    plane_of: NDArray[np.intp]
    n_planes: int = 1
    too_many_channels: int = 0

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.plane_of) // self.n_planes


def order_planes(axes: str, shape: Sequence[int], name: str) -> PlaneOrder:
    """Find the axes of frames, focal planes and channels.

    C is the channel axis. Without one, it is the shorter of two axes without a name (I or Q, or S if tifffile took the
    planes for colours). Z counts focal planes. All other axes count frames; so does a C that is too long for channels.

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
    if 0 in shape:
        raise ImageError(f"{name} has no pixels: its axes {axes} have the lengths {tuple(shape)}; export it again")
    given = axes
    axes, shape = _without_single(axes, shape)
    leading = axes.removesuffix("S").removesuffix("YX")
    if not axes.removesuffix("S").endswith("YX"):
        raise ImageError(f"{name} has the axes {given}, but Y and X must be last; save it as a plain stack")
    counts = tuple(shape[: len(leading)])
    channel = _channel_axis(leading, counts)
    depth = leading.find("Z")
    others = [index for index in range(len(leading)) if index not in (channel, depth)]
    order = [*others, *([] if depth < 0 else [depth]), *([] if channel is None else [channel])]
    planes = np.arange(prod(counts), dtype=np.intp).reshape(counts).transpose(order)
    return PlaneOrder(
        frame_axes="".join(leading[index] for index in others),
        shape=(shape[len(leading)], shape[len(leading) + 1]),
        plane_shape=tuple(shape[len(leading) :]),
        plane_of=planes.reshape(-1, 1 if channel is None else counts[channel]),
        n_planes=1 if depth < 0 else counts[depth],
        too_many_channels=0 if channel is not None or "C" not in leading else counts[leading.index("C")],
    )


def _without_single(axes: str, shape: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    """The axes without those of length 1, but Y and X."""
    kept = [index for index, axis in enumerate(axes) if shape[index] > 1 or axis in "YX"]
    return "".join(axes[index] for index in kept), tuple(shape[index] for index in kept)


def _channel_axis(axes: str, counts: Sequence[int]) -> int | None:
    if "C" in axes:
        channel = axes.index("C")
        return channel if counts[channel] <= MOST_CHANNELS else None
    nameless = [index for index, axis in enumerate(axes) if axis in "IQS"]
    if len(nameless) < 2:
        return None
    shortest = min(reversed(nameless), key=lambda index: counts[index])
    return shortest if counts[shortest] <= MOST_CHANNELS else None


def has_channels_last(axes: str, shape: Sequence[int]) -> bool:
    """Whether the axis that a file calls X counts channels, as in an array (N, Y, X, C) that was saved as it is.

    Parameters
    ----------
    axes : str
        One letter per axis, from tifffile.
    shape : sequence of int
        Length of each axis.

    Returns
    -------
    bool
        True if the last axis is too short for an image, and the two before it are as long as those of an image.

    Examples
    --------
    >>> has_channels_last("QQYX", (6, 40, 40, 2)), has_channels_last("QQYX", (6, 2, 40, 40))
    (True, False)
    """
    if not axes.endswith("YX") or len(shape) < 3:
        return False
    rows, columns, last = shape[-3:]
    if last < 2 or min(rows, columns) < SMALLEST_CELL_PX or max(rows, columns) > _LONGEST * min(rows, columns):
        return False
    nameless = set(axes[:-2]) <= set("IQ")
    return last < SMALLEST_CELL_PX or (nameless and last <= MOST_CHANNELS and columns > 2 * last and rows > 2 * last)


def channels_last_order(shape: Sequence[int]) -> PlaneOrder:
    """The order of the rows of an array (..., Y, X, C): each row (X, C) is a plane, and a frame of its own.

    Parameters
    ----------
    shape : sequence of int
        Length of each axis.

    Returns
    -------
    PlaneOrder
        With one channel.
    """
    rows = np.arange(prod(shape[:-2]), dtype=np.intp)[:, np.newaxis]
    return PlaneOrder("N", (shape[-2], shape[-1]), (shape[-2], shape[-1]), rows)
