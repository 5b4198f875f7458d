"""Full-field images, single or time-lapse, and their cells: from a label image, or segmented in brightfield."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImages, JoinedImages, PlaneImages, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ImageError, ReadError
from napari_cellcycle.images.field_crops import FieldImages, cut_cells
from napari_cellcycle.images.find_cells import find_cells
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.label_image import open_labels
from napari_cellcycle.io.formats.lazy_cells import FrameImages
from napari_cellcycle.io.image_set import OpenImageSet
from napari_cellcycle.io.input_part import InputPart
from napari_cellcycle.io.phase_table import with_truth


def open_field(opened: OpenImageSet) -> InputPart:
    """Open a field; its cells are found later, when they are needed.

    Raises
    ------
    ReadError
        The channels differ in size.
    ImageError
        The labels don't match the field, or the axes are not those of a time-lapse.
    """
    first, channels = opened.files[0], opened.channels
    if len(first.frame_axes) > 1:
        raise ImageError(f"{first.path.name} has the axes {first.axes}; save one image per time point")
    if len({(file.n_frames, file.shape) for file in opened.files}) > 1:
        shown = ", ".join(f"{file.path.name} ({_size(file)})" for file in opened.files)
        raise ReadError(f"the channels of a field differ in size: {shown}; export them again together")
    images = FrameImages(opened.files, channels.roles, focus=opened.focus)
    labels = first.mask_file if opened.labels is None else _open_labels(opened.labels, first)
    kind = "field" if first.n_frames == 1 else f"time-lapse of a field, {first.n_frames} frames"
    kind += opened.kind_of_planes
    where = "" if labels is None else "inside it" if labels is first.mask_file else labels.path.name
    kind += f" with the labels {where}" if where else " without labels"
    segmented = partial(_segmented, opened, images)
    cells = segmented if labels is None else partial(_cut, opened, images, partial(_read_labels, labels, images))
    return InputPart(opened.source, kind, channels.found, channels.roles, images, cells, is_searched=labels is None)


def _open_labels(path: Path, field: ImageFile) -> ImageFile:
    every = open_labels(path)
    if len(every) != field.n_scenes:
        n_labels = "1 image" if len(every) == 1 else f"{len(every)} images"
        raise ImageError(
            f"the labels {path.name} have {n_labels}, but {field.path.name} has {field.n_scenes}; give labels of each"
        )
    labels = every[field.scene or 0] if len(every) > 1 else every[0]
    if labels.n_planes not in (1, field.n_planes):
        raise ImageError(
            f"the labels {path.name} have {labels.n_planes} focal planes, but {field.path.name} has {field.n_planes}; "
            "give the label image of this image"
        )
    if (labels.n_frames, labels.shape) != (field.n_frames, field.shape):
        raise ImageError(
            f"the labels {path.name} ({_size(labels)}) don't match {field.path.name} ({_size(field)}); "
            "give the label image of this image"
        )
    return labels


def _size(file: ImageFile) -> str:
    return f"{f'{file.n_frames} frames of ' if file.n_frames > 1 else ''}{file.shape[0]} x {file.shape[1]}"


def _read_labels(labels: ImageFile, images: FrameImages, frame: int) -> NDArray[np.generic]:
    """Labels of a frame, (Y, X); in a mask with one value, each connected piece is a cell."""
    from skimage.measure import label

    planes = labels.read([frame], 0 if labels.n_planes == 1 else images.plane_of(frame))[0]
    if isinstance(planes, Unreadable):
        raise ImageError(planes.reason)
    image = planes[0]
    if image.dtype.kind == "f":
        whole = image.astype(np.int64)
        if (whole != image).any():
            raise ImageError(f"{labels.path.name} contains fractions, but labels are integers; give the label image")
        image = whole
    inside = image[image != 0]
    return label(image != 0).astype(np.int32) if len(inside) and (inside == inside[0]).all() else image


def _segmented(opened: OpenImageSet, images: CellImages) -> Cells:
    """Cells from segmentation. The labels are kept in compressed form: this is faster than segmenting again."""
    name, roles, finder = opened.name, opened.channels.roles, opened.origin.options.finder
    how = "segmentation" if finder is None else f"the finder {finder.name}"
    packed, n_cells = [], 0
    unreadable: list[str] = []
    for frame in range(len(images)):
        field = images.read([frame])[0]
        if isinstance(field, Unreadable):
            unreadable.append(field.reason)
            found = np.zeros(opened.files[0].shape, np.int32)
        else:
            size = opened.origin.options.pixel_size_um or opened.files[0].pixel_size_um
            diameter = opened.origin.options.cell_diameter_px
            found = find_cells(field.pixels, roles, finder, pixel_size_um=size, cell_diameter_px=diameter, where=name)
        packed.append(zlib.compress(found.tobytes(), 1))
        n_cells += int(found.max())
    if len(unreadable) == len(images):
        raise ImageError(unreadable[0])
    if n_cells == 0:
        raise ImageError(f"no cells were found in {name} by {how}; give a label image if it has cells")

    cells = _cut(opened, images, CompressedLabels(tuple(packed), opened.files[0].shape))
    note = f"{name}: {n_cells} cells found by {how}, as there is no label image"
    return replace(cells, notes=(*cells.notes, note, *(f"left out: {reason}" for reason in unreadable)))


@dataclass(frozen=True, eq=False)
class CompressedLabels:
    """Labels of the frames of a field in a thousandth of their size."""

    frames: tuple[bytes, ...]
    shape: tuple[int, int]

    def __call__(self, frame: int) -> NDArray[np.int32]:
        return np.frombuffer(zlib.decompress(self.frames[frame]), np.int32).reshape(self.shape)


def searched_fields(cells: Cells) -> list[tuple[str, FieldImages]]:
    """Fields without label images, whose cells were found.

    Parameters
    ----------
    cells : Cells
        As they were read.

    Returns
    -------
    list of (str, FieldImages)
        Name of each field as in `Cells.sources`, without a frame, and its cells.
    """
    found, start = [], 0
    for images in _parts(cells.images):
        read = images.labels.read if isinstance(images, FieldImages) and isinstance(images.labels, _Frames) else None
        if isinstance(images, FieldImages) and isinstance(read, CompressedLabels) and len(images):
            found.append((re.sub(r"\[t=\d+\]$", "", str(cells.sources[start])), images))
        start += len(images)
    return found


def _parts(images: CellImages) -> Iterator[CellImages]:
    if isinstance(images, JoinedImages):
        for part in images.parts:
            yield from _parts(part)
    elif isinstance(images, PlaneImages):
        yield from _parts(images.images)
    else:
        yield images


def _read_field(images: CellImages, frame: int) -> NDArray[np.generic]:
    field = images.read([frame])[0]
    if isinstance(field, Unreadable):
        raise ImageError(field.reason)
    return field.pixels


def _cut(opened: OpenImageSet, images: CellImages, read_labels: Callable[[int], NDArray[np.generic]]) -> Cells:
    first, channels, n_frames = opened.files[0], opened.channels, opened.files[0].n_frames
    cells = cut_cells(
        _Frames(partial(_read_field, images), (n_frames, len(channels.roles), *first.shape)),
        _Frames(read_labels, (n_frames, *first.shape)),
        channels=channels.roles,
        source=[opened.source if n_frames == 1 else f"{opened.source}[t={frame}]" for frame in range(n_frames)],
        pixel_size_um=first.pixel_size_um,
    )
    phases, synthetic = np.full(len(cells), opened.phase, np.int8), np.full(len(cells), first.synthetic)
    columns = {name: np.full(len(cells), value) for name, value in opened.images.columns.items()}
    notes = (*opened.notes, *opened.label_notes)
    vocabulary = opened.origin.options.names.vocabulary
    cells = replace(cells, phases=phases, synthetic=synthetic, notes=notes, columns=columns, phase_set=vocabulary)
    return cells if first.scene is not None else with_truth(cells, opened.path, opened.images.key, vocabulary)


@dataclass(frozen=True, eq=False)
class _Frames:
    """Frames that are read one at a time. The latest one is kept in memory, as its cells are read in many batches."""

    read: Callable[[int], NDArray[np.generic]]
    shape: tuple[int, ...]
    latest: dict[int, NDArray[np.generic]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, frame: int, /) -> NDArray[np.generic]:
        image = self.latest.get(frame)
        if image is None:
            image = self.read(frame)
            self.latest.clear()
            self.latest[frame] = image
        return image
