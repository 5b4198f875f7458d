"""Which plane of a TIFF shows which frame and channel, told from its axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ImageError

_MOST_CHANNELS = 12
"""An axis without a name that is longer than this is no channel axis; ImageStream has twelve."""


@dataclass(frozen=True, eq=False)
class PlaneOrder:
    """How the planes of an image series are ordered.

    Attributes
    ----------
    frame_axes : str
        Axes that count frames, with more than one of them.
    shape : tuple of int
        Height and width of a plane.
    plane_shape : tuple of int
        (Y, X), or (Y, X, S) in colour.
    plane_of : ndarray of intp, shape (F, C)
        Number of the plane that shows a channel of a frame.
    """

    frame_axes: str
    shape: tuple[int, int]
    plane_shape: tuple[int, ...]
    plane_of: NDArray[np.intp]


def order_planes(axes: str, shape: Sequence[int], name: str) -> PlaneOrder:
    """Tell frames from channels.

    C is the channel axis. Without one, the shorter of two axes without a name (I or Q, or S for
    planes that tifffile took for colours) is; all others count frames.

    Raises
    ------
    ImageError
        The last axes are not Y and X, or an axis is empty.
    """
    leading = axes.removesuffix("S").removesuffix("YX")
    if not axes.removesuffix("S").endswith("YX"):
        raise ImageError(f"{name} has the axes {axes}, where Y and X should be last; save it as a plain stack")
    if 0 in shape:
        raise ImageError(f"{name} holds no pixels: its axes {axes} are {tuple(shape)} long; export it again")
    counts = tuple(shape[: len(leading)])
    channel = _channel_axis(leading, counts)
    planes = np.arange(prod(counts), dtype=np.intp).reshape(counts)
    planes = planes[..., np.newaxis] if channel is None else np.moveaxis(planes, channel, -1)
    frame_axes = [axis for place, axis in enumerate(leading) if place != channel and counts[place] > 1]
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
    nameless = [place for place, axis in enumerate(axes) if axis in "IQS" and counts[place] > 1]
    if len(nameless) < 2:
        return None
    shortest = min(reversed(nameless), key=lambda place: counts[place])
    return shortest if counts[shortest] <= _MOST_CHANNELS else None
