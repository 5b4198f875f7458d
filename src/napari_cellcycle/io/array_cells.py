"""Cells that are in an array already: NumPy, dask, zarr or xarray; no file is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_cellcycle.cell_images import ArrayImages, CellImage, CellImages, Unreadable
from napari_cellcycle.cells import ROLES, Cells
from napari_cellcycle.errors import ChannelError, ImageError, SettingError
from napari_cellcycle.io.channel_roles import name_channels
from napari_cellcycle.io.formats.base import LARGEST_CELL_PX
from napari_cellcycle.io.settled_phases import settle_phases
from napari_cellcycle.phase_sets import SEVEN, VOCABULARY
from napari_cellcycle.phases import UNKNOWN

SOURCE = "array"
"""What `Cells.sources` say of a cell out of an array."""
_SMALLEST_PX = 5
"""What is narrower is an axis of something else, such as channels."""
_CHANNEL_DIMENSIONS = ("c", "channel", "channels", "ch")
_MANY_CHANNELS = 16

Channels = Sequence[str] | Mapping[str, Any] | None


def is_array(value: object) -> bool:
    """Whether `value` is an array or a sequence of arrays, rather than a path or a sequence of paths."""
    if isinstance(value, list | tuple):
        return bool(value) and all(_has_shape(one) for one in value)
    return _has_shape(value)


def _has_shape(value: object) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def named_channels(channels: Channels) -> dict[str, str] | None:
    """Which channel is which, as texts; of a sequence of what each channel shows, the roles.

    Examples
    --------
    >>> named_channels({"brightfield": 0}), named_channels(["GFP", "darkfield"])
    ({'brightfield': '0'}, {'darkfield': '1'})
    """
    if channels is None:
        return None
    if isinstance(channels, str):
        channels = (channels,)
    if not isinstance(channels, Mapping):
        channels = {role: position for position, role in enumerate(channels) if role in ROLES}
    return {role: str(channel) for role, channel in channels.items()}


def cells_of_array(
    array: Any,
    channels: Channels = None,
    pixel_size_um: float | None = None,
    *,
    masks: Any = None,
    phases: Any = None,
    of_files: Mapping[str, Any] | None = None,
) -> Cells:
    """Cells out of an array of images; nothing of a lazy array is read before it is needed.

    Parameters
    ----------
    array : array_like, shape (N, C, Y, X) or (N, Y, X); or sequence of N arrays, (C, Y, X) or (Y, X) each
        Raw values of N cells: a NumPy, dask, zarr or xarray array. Dimensions of an xarray array are taken by their
        names where two of them are called y and x. Images in a sequence may differ in size.
    channels : sequence of str, or mapping of role to channel, optional
        What each channel shows, in order, as in ``("brightfield", "darkfield")``; or which channel is which, as in
        ``{"brightfield": 0, "dna": 2}``. Coordinates of an xarray dimension called c or channel name the channels.
    pixel_size_um : float, optional
        Edge of a pixel in micrometres.
    masks : array_like, shape (N, Y, X), or sequence of N arrays, optional
        Where it is not 0, a pixel belongs to its cell.
    phases : sequence of int or str, shape (N,), optional
        True phases.
    of_files : mapping of str to object, optional
        Options that files have and arrays do not, to be refused where they are given.

    Returns
    -------
    Cells
        In the order of the array.

    Raises
    ------
    ImageError
        The array has another number of dimensions, holds no cells, or its values are no numbers; or `masks` have
        another shape.
    ChannelError
        `channels` does not fit the array, or a single array of several channels comes without them.
    SettingError
        An option is given that arrays do not have, or `phases` does not fit.

    Examples
    --------
    >>> cells_of_array(np.zeros((3, 2, 40, 40), np.uint8), ["brightfield", "darkfield"]).channels
    ('brightfield', 'darkfield')
    """
    for option, value in (of_files or {}).items():
        if value not in (None, "auto"):
            hint = "; give masks" if option == "labels" else ""
            raise SettingError(f"{option} goes with files, but an array of single cells is given{hint}")
    if isinstance(array, list | tuple):
        images, n_channels, names, shape = _of_sequence(array, masks)
    else:
        array, names = _ordered(_plain(array))
        _check_shape(array.shape)
        _check_values(array.dtype)
        images = ArrayImages(array, _checked_masks(masks, (array.shape[0], *array.shape[-2:])))
        n_channels, shape = (1 if array.ndim == 3 else array.shape[1]), array.shape[-2:]
    roles, notes = _roles(channels, names, n_channels)
    if max(shape) > LARGEST_CELL_PX:
        notes = (
            *notes,
            f"each image of {shape[0]} x {shape[1]} pixels is taken for one cell; for full fields with many cells, "
            "give files, or open the array in napari",
        )
    known = [UNKNOWN] * len(images) if phases is None else true_phases(phases)
    if len(known) != len(images):
        raise SettingError(f"there are {len(images)} cells, but {len(known)} phases; give one for each cell")
    cells = Cells.build(
        images,
        roles,
        SOURCE,
        phases=np.array(known, np.int8),
        pixel_size_um=pixel_size_um,
        notes=notes,
        phase_set=VOCABULARY,
    )
    (cells,), on_phases = settle_phases([cells])
    return replace(cells, notes=(*cells.notes, *on_phases))


def true_phases(given: Any) -> list[int]:
    """Numbers in `VOCABULARY` of phases that are given as numbers of the seven or as names; SettingError for others."""
    texts = {one for one in given if isinstance(one, str) and VOCABULARY.number_of(one) >= len(SEVEN)}
    return [VOCABULARY.number_of(one) if one in texts else SEVEN.numbers([one])[0] for one in given]


@dataclass(frozen=True, eq=False)
class _SeparateImages:
    """Images of different sizes, one array (C, Y, X) or (Y, X) each."""

    arrays: Sequence[Any]
    masks: Sequence[Any] | None

    def __len__(self) -> int:
        return len(self.arrays)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        return [self._cell(index) for index in indices]

    def _cell(self, index: int) -> CellImage:
        pixels = np.asarray(self.arrays[index])
        mask = None if self.masks is None else np.asarray(self.masks[index]) != 0
        return CellImage(pixels if pixels.ndim == 3 else pixels[None], mask)


def _of_sequence(arrays: Sequence[Any], masks: Any) -> tuple[CellImages, int, tuple[str, ...], tuple[int, ...]]:
    """Images, number of channels, names of channels and largest shape of one array for each cell."""
    ordered = [_plain(one) for one in arrays]
    largest = (0, 0)
    for number, one in enumerate(ordered):
        shape = (1, *one.shape) if len(one.shape) == 2 else tuple(one.shape)
        if len(shape) != 3:
            raise ImageError(
                f"array {number} of the sequence has the shape {shape}, but must be one cell, (channels, y, x) or (y, "
                "x)"
            )
        _check_shape((1, *shape))
        _check_values(one.dtype)
        largest = (max(largest[0], shape[1]), max(largest[1], shape[2]))
    counts = {1 if len(one.shape) == 2 else one.shape[0] for one in ordered}
    if len(counts) > 1:
        raise ChannelError(
            f"the arrays have {' and '.join(map(str, sorted(counts)))} channels; give the same channels of every cell"
        )
    if masks is not None:
        if len(masks) != len(ordered):
            raise ImageError(f"there are {len(ordered)} cells, but {len(masks)} masks; give one for each cell")
        for number, (one, mask) in enumerate(zip(ordered, masks, strict=True)):
            _checked_masks(mask, tuple(one.shape[-2:]), f"mask {number}")
    return _SeparateImages(ordered, masks), counts.pop(), (), largest


def _plain(array: Any) -> Any:
    """The array itself if NumPy knows its data type, or else as NumPy (of a torch tensor, for instance)."""
    try:
        np.dtype(array.dtype)
    except TypeError:
        try:
            return np.asarray(array)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ImageError(
                f"an array of type {type(array).__name__} can't be read ({error}); convert it to NumPy"
            ) from None
    return array


def _check_shape(shape: Sequence[int]) -> None:
    """Raise `ImageError` where a shape can't be that of cells."""
    shown = tuple(int(length) for length in shape)
    if len(shown) not in (3, 4):
        hint = (
            "for one cell, give array[None]" if len(shown) == 2 else "choose one plane and one time, or join the axes"
        )
        raise ImageError(
            f"the array has the shape {shown}, but must be (cells, channels, y, x) or (cells, y, x); {hint}"
        )
    if 0 in shown:
        raise ImageError(f"the array has the shape {shown}, so it holds no cells; check how it was made")
    if min(shown[-2:]) < _SMALLEST_PX:
        hint = ", as in np.moveaxis(array, -1, 1)" if shown[-1] < _SMALLEST_PX and len(shown) == 4 else ""
        raise ImageError(
            f"the array has the shape {shown}, so its images would be {shown[-2]} x {shown[-1]} pixels; reorder its "
            f"axes to (cells, channels, y, x){hint}"
        )
    if len(shown) == 4 and shown[1] > _MANY_CHANNELS:
        raise ImageError(
            f"the array has the shape {shown}, so each cell would have {shown[1]} channels; reorder its axes to "
            "(cells, channels, y, x)"
        )


def _check_values(dtype: Any) -> None:
    if np.dtype(dtype).kind not in "uif":
        raise ImageError(f"the array holds {dtype} values; convert them to integers or floats")


def _checked_masks(masks: Any, shape: tuple[int, ...], name: str = "masks") -> Any:
    if masks is None:
        return None
    if tuple(getattr(masks, "shape", np.shape(masks))) != shape:
        found = tuple(getattr(masks, "shape", np.shape(masks)))
        raise ImageError(f"{name} has the shape {found}, but the images need {shape}; give one value for each pixel")
    return getattr(masks, "data", masks) if hasattr(masks, "dims") else masks


def _ordered(array: Any) -> tuple[Any, tuple[str, ...]]:
    """The array with its axes in order, and the names of its channels where it knows them (an xarray does)."""
    dimensions = [str(name) for name in getattr(array, "dims", ())]
    lower = [name.lower() for name in dimensions]
    if not {"y", "x"} <= set(lower):
        return getattr(array, "data", array) if dimensions else array, ()
    channel = next((name for name in dimensions if name.lower() in _CHANNEL_DIMENSIONS), None)
    others = [name for name in dimensions if name != channel and name.lower() not in ("y", "x")]
    if len(others) != 1:
        raise ImageError(
            f"the array has the dimensions {', '.join(dimensions)}; give one for the cells, and next to it only "
            "channel, y and x"
        )
    order = [*others, *([channel] if channel else []), dimensions[lower.index("y")], dimensions[lower.index("x")]]
    ordered = array.transpose(*order)
    named = channel is not None and channel in array.coords
    return ordered.data, tuple(str(name) for name in array.coords[channel].values) if named else ()


def _roles(channels: Channels, names: tuple[str, ...], n_channels: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if isinstance(channels, str):
        channels = (channels,)
    if channels is None or isinstance(channels, Mapping):
        asked = named_channels(channels)
        named = name_channels(names or ("",) * n_channels, asked, "the array")
        return named.roles, named.notes
    channels = tuple(map(str, channels))
    if len(channels) != n_channels or len(set(channels)) != n_channels:
        raise ChannelError(
            f"the array has {n_channels} channels, but {len(channels)} names are given ({', '.join(channels)}); "
            "give one name for each channel, and axes in the order (cells, channels, y, x)"
        )
    return channels, ()
