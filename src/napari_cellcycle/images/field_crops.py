"""Single cells cut out of full-field images, around the labels of a label image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import (
    CellImage,
    CellImages,
    JoinedImages,
    PlaneImages,
    RememberedImages,
    SubsetImages,
    Unreadable,
)
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import CellCycleError, ImageError

SMALLEST_SIDE_PX = 64
"""No crop is smaller: models crop it further, and need background around the cell."""


class Frames(Protocol):
    """The frames of a field: an array, a memory map, dask, or anything that reads frame by frame."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, frame: int, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class FieldImages:
    """Crops of the cells in a field, cut when they are read.

    Attributes
    ----------
    planes, labels : Frames
        Each frame is (C, Y, X), or (Y, X).
    frames : ndarray of intp, shape (N,)
        Frame of each cell.
    ids : ndarray of int64, shape (N,)
        Label of each cell.
    boxes : ndarray of intp, shape (N, 4)
        Bounding box of each label in pixels: first row, first column, row and column after the last.
    mask_neighbours : bool
        Whether other labels in a crop are replaced by its background.
    """

    planes: Frames
    labels: Frames
    frames: NDArray[np.intp]
    ids: NDArray[np.int64]
    boxes: NDArray[np.intp]
    mask_neighbours: bool = True

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order; each frame is read once."""
        wanted = np.asarray(indices, np.intp)
        found: dict[int, CellImage | Unreadable] = {}
        for frame in np.unique(self.frames[wanted]):
            here = wanted[self.frames[wanted] == frame].tolist()
            try:
                planes, labels = self.planes[int(frame)], self.labels[int(frame)]
            except CellCycleError as error:
                found.update(dict.fromkeys(here, Unreadable(str(error))))
            else:
                found.update({index: self._cut(planes, labels, index) for index in here})
        return [found[index] for index in wanted.tolist()]

    def _cut(self, planes: Any, labels: Any, index: int) -> CellImage:
        rows, columns, padding = _window(self.boxes[index], labels.shape)
        inside = np.asarray(labels[rows, columns])
        near = np.pad(inside, padding)
        outside = np.pad(np.zeros(inside.shape, bool), padding, constant_values=True)
        pixels = np.pad(np.asarray(planes[:, rows, columns]), ((0, 0), *padding))
        background = (near == 0) & ~outside
        mask = near == self.ids[index]
        if self.mask_neighbours:
            outside |= (near != 0) & ~mask
        if outside.any():
            pixels[:, outside] = _background_level(pixels, background if background.any() else ~outside)[:, np.newaxis]
        return CellImage(pixels, mask)


def cell_positions(images: CellImages) -> NDArray[np.float64]:
    """Where cells are in their field.

    Parameters
    ----------
    images : CellImages
        Images of N cells, of a field or not.

    Returns
    -------
    ndarray, shape (N, 2)
        Row and column of the middle of each bounding box in pixels; NaN for cells that are in no field.
    """
    boxes = cell_boxes(images)
    return (boxes[:, :2] + boxes[:, 2:] - 1) / 2


def cell_boxes(images: CellImages) -> NDArray[np.float64]:
    """Bounding boxes of cells in their field.

    Parameters
    ----------
    images : CellImages
        Images of N cells, of a field or not.

    Returns
    -------
    ndarray, shape (N, 4)
        First row, first column, row and column after the last in pixels; NaN for cells that are in no field.
    """
    if isinstance(images, FieldImages):
        return images.boxes.astype(float)
    if isinstance(images, SubsetImages):
        return cell_boxes(images.images)[images.chosen]
    if isinstance(images, JoinedImages) and images.parts:
        return np.concatenate([cell_boxes(part) for part in images.parts])
    if isinstance(images, PlaneImages):
        return cell_boxes(images.images)
    return np.full((len(images), 4), np.nan)


def cut_by_border(images: CellImages) -> NDArray[np.bool_]:
    """Which cells touch the border of their field, so that a part of them may be outside of it.

    Parameters
    ----------
    images : CellImages
        Images of N cells, of a field or not.

    Returns
    -------
    ndarray of bool, shape (N,)
        False for cells that are in no field.
    """
    return _in_fields(images, _touch_border)


def in_field(images: CellImages) -> NDArray[np.bool_]:
    """Which cells were cut out of a field, where others lie beside them.

    Parameters
    ----------
    images : CellImages
        Images of N cells.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    return _in_fields(images, lambda field: np.ones(len(field), bool))


def _touch_border(field: FieldImages) -> NDArray[np.bool_]:
    ends = np.array(field.labels.shape[-2:])
    return np.asarray((field.boxes[:, :2] == 0).any(axis=1) | (field.boxes[:, 2:] == ends).any(axis=1))


def _in_fields(images: CellImages, ask: Callable[[FieldImages], NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """What `ask` says of the cells of each field; False for cells that are in none."""
    if isinstance(images, FieldImages):
        return ask(images)
    if isinstance(images, SubsetImages):
        return _in_fields(images.images, ask)[images.chosen]
    if isinstance(images, JoinedImages) and images.parts:
        return np.concatenate([_in_fields(part, ask) for part in images.parts])
    if isinstance(images, PlaneImages | RememberedImages):
        return _in_fields(images.images, ask)
    return np.zeros(len(images), bool)


def cut_cells(
    planes: Any,
    labels: Any,
    *,
    channels: Sequence[str],
    source: str | Sequence[str] = "",
    pixel_size_um: float | None = None,
    mask_neighbours: bool = True,
) -> Cells:
    """Find the cells of a field, one per label and frame; only the label image is read.

    Parameters
    ----------
    planes : array-like, shape (C, Y, X) or (T, C, Y, X)
        The field, or the frames of its time-lapse.
    labels : array-like of int, shape (Y, X) or (T, Y, X)
        0 is background, every other number is a cell.
    channels : sequence of str
        Names of the C channels.
    source : str or sequence of str
        Name of the field, or of each of its frames. With one name, the frames are called ``<source>[t=3]``.
    pixel_size_um : float, optional
        Edge of a pixel in micrometres.
    mask_neighbours : bool
        Whether other cells in a crop are replaced by its background.

    Returns
    -------
    Cells
        Square crops, twice as wide as the cell and at least `SMALLEST_SIDE_PX` wide, centred on the bounding box of
        the label and padded with the local background at the border of the field. Their `ids` are the labels.

    Raises
    ------
    ImageError
        There are no labels, they are not integers, or they don't match the field.

    Examples
    --------
    >>> field, labels = np.zeros((1, 100, 100)), np.zeros((100, 100), int)
    >>> labels[10:30, 40:50] = 7
    >>> cells = cut_cells(field, labels, channels=["brightfield"])
    >>> cells.ids, cells.read([0])[0].pixels.shape
    (array([7]), (1, 64, 64))
    """
    if len(labels.shape) == 2:
        planes, labels = _Single(planes), _Single(labels)
        names = [source] if isinstance(source, str) else list(source)
    else:
        names = [f"{source}[t={frame}]" for frame in range(len(labels))] if isinstance(source, str) else list(source)
    _check_match(planes, labels, names[0])
    tables = [_objects(labels[frame], name) for frame, name in enumerate(names)]
    counts = [len(ids) for ids, _ in tables]
    if not any(counts):
        raise ImageError(f"{names[0]} has an empty label image; give one that marks the cells")
    ids = np.concatenate([ids for ids, _ in tables])
    boxes = np.concatenate([boxes for _, boxes in tables])
    images = FieldImages(planes, labels, np.repeat(np.arange(len(names)), counts), ids, boxes, mask_neighbours)
    return Cells.build(images, channels, np.repeat(names, counts).tolist(), ids=ids, pixel_size_um=pixel_size_um)


class _Single:
    """A time-lapse of one frame."""

    def __init__(self, image: Any) -> None:
        self._image = image
        self.shape = (1, *image.shape)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, frame: int, /) -> Any:
        return self._image


def _check_match(planes: Frames, labels: Frames, name: str) -> None:
    if len(planes.shape) != 4 or len(labels.shape) != 3:
        raise ImageError(f"{name}: a field must be (C, Y, X) or (T, C, Y, X), not {planes.shape}, its labels without C")
    if (planes.shape[0], *planes.shape[2:]) != labels.shape:
        raise ImageError(f"{name}: labels of shape {labels.shape} don't match an image of shape {planes.shape}")


def _objects(labels: Any, source: str) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Labels of one frame in ascending order, and their bounding boxes, (N, 4)."""
    from scipy.ndimage import find_objects

    image = np.asarray(labels)
    if image.dtype.kind not in "ui":
        raise ImageError(f"{source}: the labels are {image.dtype}, but must be integers; save them as a label image")
    values: NDArray[np.int64] | None = None
    if image.size and image.max() > image.size:  # find_objects makes a table up to the largest label
        values, indices = np.unique(image, return_inverse=True)
        image = indices.reshape(image.shape) + (0 if values[0] == 0 else 1)
        values = values[values != 0].astype(np.int64)
    found = [(number, box) for number, box in enumerate(find_objects(image), start=1) if box is not None]
    ids = np.array([number for number, _ in found], np.int64)
    corners = [(rows.start, columns.start, rows.stop, columns.stop) for _, (rows, columns) in found]
    return ids if values is None else values[ids - 1], np.array(corners, np.intp).reshape(-1, 4)


def _window(box: NDArray[np.intp], shape: tuple[int, int]) -> tuple[slice, slice, list[tuple[int, int]]]:
    """Rows and columns of a crop inside the field, and by how many pixels it exceeds the field on each side."""
    side = max(2 * int(max(box[2] - box[0], box[3] - box[1])), SMALLEST_SIDE_PX)
    slices, padding = [], []
    for first, last, length in zip(box[:2].tolist(), box[2:].tolist(), shape, strict=True):
        start = (first + last - side) // 2
        slices.append(slice(max(start, 0), min(start + side, length)))
        padding.append((max(-start, 0), max(start + side - length, 0)))
    return slices[0], slices[1], padding


def _background_level(pixels: NDArray[np.generic], where: NDArray[np.bool_]) -> NDArray[np.generic]:
    """Median of each channel at the pixels `where`, shape (C,); always one of the values."""
    values = pixels[:, where]
    middle = values.shape[1] // 2
    return np.partition(values, middle, axis=1)[:, middle]
