"""Cells that are in an array already: NumPy, dask, zarr or xarray; no file is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import ROLES, Cells
from napari_cellcycle.errors import ChannelError, ImageError
from napari_cellcycle.io.channel_roles import name_channels

SOURCE = "array"
"""What `Cells.sources` say of a cell out of an array."""


def is_array(value: object) -> bool:
    """Whether `value` is an array, rather than a path or a sequence of paths."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def cells_of_array(
    array: Any, channels: Sequence[str] | Mapping[str, Any] | None = None, pixel_size_um: float | None = None
) -> Cells:
    """Cells out of an array of images; nothing of a lazy array is read before it is needed.

    Parameters
    ----------
    array : array_like, shape (N, C, Y, X) or (N, Y, X)
        Raw values of N cells: a NumPy, dask, zarr or xarray array. Dimensions of an xarray array are taken by their
        names where two of them are called y and x.
    channels : sequence of str, or mapping of role to channel, optional
        What each channel shows, in order, as in ``("brightfield", "darkfield")``; or which channel is which, as in
        ``{"brightfield": 0, "dna": 2}``. Coordinates of an xarray dimension called c or channel name the channels.
    pixel_size_um : float, optional
        Edge of a pixel in micrometres.

    Returns
    -------
    Cells
        In the order of the array.

    Raises
    ------
    ImageError
        The array has another number of dimensions, holds no cells, or its values are no numbers.
    ChannelError
        `channels` does not fit the array, or a single array of several channels comes without them.
    """
    array, names = _ordered(array)
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4:
        raise ImageError(
            f"the array has the shape {tuple(array.shape)}, but must be (cells, channels, y, x); reorder its axes"
        )
    if 0 in array.shape:
        raise ImageError(f"the array has the shape {tuple(array.shape)}, so it holds no cells; check how it was made")
    if np.dtype(array.dtype).kind not in "uif":
        raise ImageError(f"the array holds {array.dtype} values; convert them to integers or floats")
    roles, notes = _roles(channels, names, array.shape[1])
    return Cells.build(ArrayImages(array), roles, SOURCE, pixel_size_um=pixel_size_um, notes=notes)


def _ordered(array: Any) -> tuple[Any, tuple[str, ...]]:
    """The array with its axes in order, and the names of its channels where it knows them (an xarray does)."""
    dimensions = [str(name) for name in getattr(array, "dims", ())]
    lower = [name.lower() for name in dimensions]
    if not {"y", "x"} <= set(lower):
        return getattr(array, "data", array) if dimensions else array, ()
    channel = next((name for name in dimensions if name.lower() in ("c", "channel", "channels")), None)
    others = [name for name in dimensions if name != channel and name.lower() not in ("y", "x")]
    if len(others) != 1:
        raise ImageError(
            f"the array has the dimensions {', '.join(dimensions)}; give one for the cells, and only channel, "
            "y and x next to it"
        )
    order = [*others, *([channel] if channel else []), dimensions[lower.index("y")], dimensions[lower.index("x")]]
    ordered = array.transpose(*order)
    named = channel is not None and channel in array.coords
    return ordered.data, tuple(str(name) for name in array.coords[channel].values) if named else ()


def _roles(
    channels: Sequence[str] | Mapping[str, Any] | None, names: tuple[str, ...], n_channels: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if isinstance(channels, str):
        channels = (channels,)
    if channels is None or isinstance(channels, Mapping):
        asked = {role: str(channel) for role, channel in (channels or {}).items()}
        named = name_channels(names or ("",) * n_channels, asked, "the array")
        return named.roles, named.notes
    if len(channels) != n_channels or len(set(channels)) != n_channels:
        raise ChannelError(
            f"the array has {n_channels} channels, but {len(channels)} names are given ({', '.join(channels)}); "
            f"name each once, as in ({', '.join(repr(role) for role in ROLES[:2])})"
        )
    return tuple(channels), ()
