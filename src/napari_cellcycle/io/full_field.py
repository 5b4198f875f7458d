"""Full-field images: brightfield with or without darkfield, one image or a time-lapse, and their labels."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImages, Unreadable
from napari_cellcycle.cells import BRIGHTFIELD, Cells
from napari_cellcycle.errors import ChannelError, ImageError, ReadError
from napari_cellcycle.images.crop import cut_cells
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.lazy_cells import FrameImages
from napari_cellcycle.io.formats.open import open_image
from napari_cellcycle.io.image_set import OpenSet
from napari_cellcycle.io.input_part import Part
from napari_cellcycle.io.phase_table import with_truth


def open_field(opened: OpenSet) -> Part:
    """A field whose cells are found when they are asked for.

    Raises
    ------
    ImageError
        Labels and field don't match, or the axes are not those of a time-lapse.
    """
    first, channels = opened.files[0], opened.channels
    if len(first.frame_axes) > 1:
        raise ImageError(f"{first.path.name} has the axes {first.axes}; save one plane per point in time")
    if len({(file.n_frames, file.shape) for file in opened.files}) > 1:
        shown = ", ".join(f"{file.path.name} ({_size(file)})" for file in opened.files)
        raise ReadError(f"the channels of a field differ in size: {shown}; export them again together")
    images = FrameImages(opened.files, channels.roles)
    labels = None if opened.labels is None else _open_labels(opened.labels, first)
    kind = "field" if first.n_frames == 1 else f"time-lapse of a field, {first.n_frames} frames"
    kind += " without labels" if labels is None else f" with the labels {labels.path.name}"
    make = partial(_segmented, opened, images) if labels is None else partial(_labelled, opened, images, labels)
    return Part(opened.source, kind, channels.found, channels.roles, images, make, is_searched=labels is None)


def _open_labels(path: Path, field: ImageFile) -> ImageFile:
    labels = open_image(path)
    if (labels.n_frames, labels.shape) != (field.n_frames, field.shape):
        raise ImageError(
            f"the labels {path.name} ({_size(labels)}) don't match {field.path.name} ({_size(field)}); "
            "give the label image that was made from it"
        )
    return labels


def _size(file: ImageFile) -> str:
    return f"{f'{file.n_frames} frames of ' if file.n_frames > 1 else ''}{file.shape[0]} x {file.shape[1]}"


def _labelled(opened: OpenSet, images: CellImages, labels: ImageFile) -> Cells:
    return _cut(opened, images, partial(_read_labels, labels))


def _read_labels(labels: ImageFile, frame: int) -> NDArray[np.generic]:
    """Labels of a frame, (Y, X); the parts of a mask of one value are numbered, each is a cell."""
    from skimage.measure import label

    planes = labels.read([frame])[0]
    if isinstance(planes, Unreadable):
        raise ImageError(planes.reason)
    image = planes[0]
    if image.dtype.kind == "f":
        whole = image.astype(np.int64)
        if (whole != image).any():
            raise ImageError(f"{labels.path.name} holds fractions, but labels are whole numbers; give the label image")
        image = whole
    inside = image[image != 0]
    return label(image != 0).astype(np.int32) if len(inside) and (inside == inside[0]).all() else image


def _segmented(opened: OpenSet, images: CellImages) -> Cells:
    """Cells found here; the labels are kept packed, for finding them again takes longer than unpacking."""
    from napari_cellcycle.images.segment import segment_brightfield

    name, roles = opened.path.name, opened.channels.roles
    if BRIGHTFIELD not in roles:
        raise ChannelError(
            f"{name} has no channel known as brightfield to find cells in; say which it is, one of {', '.join(roles)}"
        )
    packed, n_cells = [], 0
    for frame in range(len(images)):
        found = segment_brightfield(_read_field(images, frame)[roles.index(BRIGHTFIELD)])
        packed.append(zlib.compress(found.tobytes(), 1))
        n_cells += int(found.max())
    if n_cells == 0:
        raise ImageError(f"no cells are seen in {name}; give a label image if there are some")

    cells = _cut(opened, images, _PackedLabels(tuple(packed), opened.files[0].shape))
    note = f"{name}: {n_cells} cells found by segmentation, as there is no label image"
    return replace(cells, notes=(*cells.notes, note))


@dataclass(frozen=True, eq=False)
class _PackedLabels:
    """Labels of the frames of a field, a thousandth of their size."""

    packed: tuple[bytes, ...]
    shape: tuple[int, int]

    def __call__(self, frame: int) -> NDArray[np.int32]:
        return np.frombuffer(zlib.decompress(self.packed[frame]), np.int32).reshape(self.shape)


def _read_field(images: CellImages, frame: int) -> NDArray[np.generic]:
    field = images.read([frame])[0]
    if isinstance(field, Unreadable):
        raise ImageError(field.reason)
    return field.pixels


def _cut(opened: OpenSet, images: CellImages, read_labels: Callable[[int], NDArray[np.generic]]) -> Cells:
    first, channels, n_frames = opened.files[0], opened.channels, opened.files[0].n_frames
    axis = first.frame_axes.lower() if first.frame_axes in ("T", "Z") else "t"
    cells = cut_cells(
        _Frames(partial(_read_field, images), (n_frames, len(channels.roles), *first.shape)),
        _Frames(read_labels, (n_frames, *first.shape)),
        channels=channels.roles,
        source=[opened.source if n_frames == 1 else f"{opened.source}[{axis}={frame}]" for frame in range(n_frames)],
        pixel_size_um=first.pixel_size_um,
    )
    told = replace(
        cells,
        phases=np.full(len(cells), opened.phase, np.int8),
        synthetic=np.full(len(cells), first.synthetic),
        notes=opened.notes,
    )
    return with_truth(told, opened.path, opened.images.key)


@dataclass(frozen=True, eq=False)
class _Frames:
    """Frames that are read one at a time; the last one is kept, since its cells are asked for in many batches."""

    frame: Callable[[int], NDArray[np.generic]]
    shape: tuple[int, ...]
    kept: dict[int, NDArray[np.generic]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, frame: int, /) -> NDArray[np.generic]:
        image = self.kept.get(frame)
        if image is None:
            image = self.frame(frame)
            self.kept.clear()
            self.kept[frame] = image
        return image
