"""Whole fields with their labels, which a finder learns from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImages, JoinedImages, SubsetImages, Unreadable
from napari_cellcycle.cells import BRIGHTFIELD, DNA
from napari_cellcycle.errors import CellCycleError, ChannelError, ImageError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.field_crops import FieldImages
from napari_cellcycle.io.formats.lazy_cells import FrameImages
from napari_cellcycle.io.input_part import InputPart
from napari_cellcycle.io.inputs import Paths, left_out, open_parts

_NO_TEACHER = (
    "a finder can't learn from {0.where} ({0.kind}); give full fields with label images, or with a stain and --dna"
)


@dataclass(frozen=True, eq=False)
class LabelledField:
    """A field, or a frame of a time-lapse, with labels of its objects.

    Attributes
    ----------
    name : str
        Of the field; the frames of a time-lapse share it.
    image : ndarray, shape (Y, X)
        The channel in which the objects are to be found.
    labels : ndarray of int, shape (Y, X)
        0 is background.
    pixel_size_um : float or None
        Edge of a pixel in micrometres.
    """

    name: str
    image: NDArray[np.generic]
    labels: NDArray[np.integer]
    pixel_size_um: float | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 2 or self.image.shape != self.labels.shape:
            raise ImageError(
                f"{self.name}: the labels, {self.labels.shape}, don't match the image, {self.image.shape}; give the "
                "label image of this image"
            )


def read_labelled_fields(
    paths: Paths,
    *,
    dna: str | None = None,
    channels: Mapping[str, str] | None = None,
    channel: str = BRIGHTFIELD,
    pixel_size_um: float | None = None,
    **options: object,
) -> Job[Progress | Note, list[LabelledField]]:
    """Read all fields in `paths` that have labels, or a stain that gives them.

    Parameters
    ----------
    paths : path or sequence of paths
        As for `read_cells`; what is no field is left out, with a note.
    dna : str, optional
        Channel of a DNA stain: the objects are then the nuclei in it, and label images are not used.
    channels : mapping of role to channel, optional
        As for `read_cells`.
    channel : str
        Role of the channel in which the objects are to be found.
    pixel_size_um : float, optional
        Replaces what the files say.
    **options
        ``layout``, ``labels`` and ``plane``, as for `read_cells`.

    Returns
    -------
    list of LabelledField
        At least one.

    Raises
    ------
    ReadError, ChannelError, ImageError
        No field can be read; the message gives the reason for the first input.
    """
    roles = dict(channels or {}) | ({DNA: dna} if dna else {})
    found = open_parts(paths, channels=roles or None, **options)  # type: ignore[arg-type]
    yield from map(Note, found.notes)
    fields: list[LabelledField] = []
    errors = list(found.errors)
    for part in found.parts:
        try:
            pairs = _from_stain(part, channel) if dna else _from_labels(part, channel)
            size = pixel_size_um or _pixel_size(part)
            for number, (image, labels) in enumerate(pairs):
                yield Progress(number, len(part.images), f"reading {part.where}")
                if labels.any():
                    fields.append(LabelledField(part.where, image, labels, size))
        except CellCycleError as error:
            errors.append(error)
    if not fields:
        raise errors[0] if errors else ImageError("no field has a labelled object; give fields with labels")
    yield from map(Note, left_out(errors))
    return fields


_Pairs = Iterator[tuple[NDArray[np.generic], NDArray[np.integer]]]


def _from_labels(part: InputPart, channel: str) -> _Pairs:
    """Image and labels of each frame of a field with a label image."""
    if not part.labels_apply:
        raise ImageError(_NO_TEACHER.format(part))
    plane = _plane(part, channel)
    for images in _fields_in(part.cells().images):
        for frame in range(len(images.labels)):
            yield images.planes[frame][plane], np.asarray(images.labels[frame])


def _from_stain(part: InputPart, channel: str) -> _Pairs:
    """Image and nuclei of each frame of a stained field."""
    from napari_cellcycle.images.nuclei import label_nuclei

    if not isinstance(part.images, FrameImages) or not (part.labels_apply or part.is_searched):
        raise ImageError(_NO_TEACHER.format(part))
    plane, stain = _plane(part, channel), _plane(part, DNA)
    for frame in range(len(part.images)):
        field = part.images.read([frame])[0]
        if not isinstance(field, Unreadable):
            yield field.pixels[plane], label_nuclei(field.pixels[stain]).labels


def _plane(part: InputPart, channel: str) -> int:
    if channel not in part.roles:
        raise ChannelError(
            f"{part.where} has no {channel} channel; choose it from {', '.join(part.channels)}, as in "
            f"--channels {channel}={part.channels[0]}"
        )
    return part.roles.index(channel)


def _fields_in(images: CellImages) -> Iterator[FieldImages]:
    if isinstance(images, FieldImages):
        yield images
    elif isinstance(images, SubsetImages):
        yield from _fields_in(images.images)
    elif isinstance(images, JoinedImages):
        for part in images.parts:
            yield from _fields_in(part)


def _pixel_size(part: InputPart) -> float | None:
    return part.images.files[0].pixel_size_um if isinstance(part.images, FrameImages) else None
