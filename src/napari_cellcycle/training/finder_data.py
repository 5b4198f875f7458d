"""Labelled fields as a finder learns from them, and is tested on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import evenly_spaced
from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.object_f1 import ObjectMatch
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.io.labelled_fields import LabelledField
from napari_cellcycle.models.finder import FinderNetwork
from napari_cellcycle.models.trained_finder import MARGIN_PX, FinderCard, find_maps, prepared
from napari_cellcycle.training.finder_patches import TrainingField
from napari_cellcycle.training.finder_test import HeldOut, TestPart, choose_cut, hold_out, smallest_area

FEWEST_OBJECTS = 10
"""Nothing is learned from fewer."""
_MOST_TESTED = 8
"""Of many held-out fields or frames, so many are tested on."""
FEW_OBJECTS = 50
"""Of fewer the user is told."""


@dataclass(frozen=True, eq=False)
class FinderData:
    """Labelled fields at the scale of the network, and what of them is held back.

    Attributes
    ----------
    names : tuple of str
        Of the fields.
    images : tuple of ndarray of float32, each (Y, X)
        With even light.
    labels : tuple of ndarray of int32, each (Y, X)
        Numbered from 1.
    held_out : HeldOut
        What is not learned from.
    card : FinderCard
        How large the objects are, and in which pixels.
    """

    names: tuple[str, ...]
    images: tuple[NDArray[np.float32], ...]
    labels: tuple[NDArray[np.int32], ...]
    held_out: HeldOut
    card: FinderCard

    @classmethod
    def of(cls, fields: Sequence[LabelledField], card: FinderCard, share: float) -> FinderData:
        """Prepare fields.

        Parameters
        ----------
        fields : sequence of LabelledField
            With at least ten objects in all.
        card : FinderCard
            Of the future finder; size and pixels of the objects are put into it.
        share : float
            How much is held back.

        Raises
        ------
        TooFewCellsError
            There are fewer objects.
        """
        sizes = [field.pixel_size_um for field in fields if field.pixel_size_um]
        pixel_size = float(np.median(sizes)) if sizes else None
        areas = np.concatenate([_areas(field, pixel_size) for field in fields])
        if len(areas) < FEWEST_OBJECTS:
            raise TooFewCellsError(
                f"a finder needs at least {FEWEST_OBJECTS} labelled objects, but there are {len(areas)}; label more"
            )
        diameter = 2 * float(np.sqrt(np.median(areas) / np.pi))
        card = replace(card, diameter_px=diameter, pixel_size_um=pixel_size)
        images = tuple(prepared(field.image, card.zoom(field.pixel_size_um)) for field in fields)
        labels = tuple(_scaled(field.labels, image.shape) for field, image in zip(fields, images, strict=True))
        names = tuple(field.name for field in fields)
        return cls(names, images, labels, hold_out(names, [image.shape for image in images], share), card)

    @property
    def n_objects(self) -> int:
        """Number of labelled objects, in whatever part."""
        return sum(int(labels.max()) for labels in self.labels)

    def notes(self) -> list[str]:
        """What the user should know of the labels."""
        if self.n_objects >= FEW_OBJECTS:
            return []
        return [f"{self.n_objects} labelled objects are few for a finder; label {FEW_OBJECTS} or more for a better one"]

    def training_fields(self) -> list[TrainingField]:
        """What may be learned from; fields that are held back as a whole are left out."""
        every = [
            TrainingField(image, labels, self.held_out.learned(number, image.shape))
            for number, (image, labels) in enumerate(zip(self.images, self.labels, strict=True))
        ]
        return [field for field in every if field.learned.any()]

    def tested(self, network: FinderNetwork) -> Job[Progress, tuple[FinderCard, ObjectMatch]]:
        """Choose thresholds on what was held back, and count what is found there.

        Parameters
        ----------
        network : FinderNetwork
            Trained, in evaluation mode.

        Returns
        -------
        card : FinderCard
            With thresholds and figures.
        match : ObjectMatch
            The counts, at IoU 0.5.
        """
        parts: list[Any] = []
        windows = [self.held_out.windows[i] for i in evenly_spaced(len(self.held_out.windows), _MOST_TESTED)]
        for number, rows, columns in windows:
            yield Progress(len(parts), len(windows), "testing the finder")
            top, left = (max((side.start or 0) - MARGIN_PX, 0) for side in (rows, columns))  # what it sees around it
            maps = find_maps(network, self.images[number][top:, left:])
            height, width = self.labels[number][rows, columns].shape
            foreground, distance = maps[:, -height:, -width:]
            parts.append(TestPart(foreground, distance, self.labels[number][rows, columns]))
        cut = choose_cut(parts, smallest_area(self.labels))
        match = sum((part.match(cut) for part in parts), ObjectMatch(0, 0, 0))
        figures: dict[str, Any] = {
            "f1_at_iou_0.5": round(match.f1, 4),
            "found": match.n_found,
            "true": match.n_true,
            "matched": match.n_matched,
            "tested_on": self.held_out.words,
        }
        return replace(self.card, cut=cut, figures=figures), match

    def facts(self) -> dict[str, Any]:
        """What the card says of the fields."""
        digest = sha256()
        for image, labels in zip(self.images, self.labels, strict=True):
            digest.update(image.tobytes())
            digest.update(labels.tobytes())
        return {
            "n_fields": len(set(self.names)),
            "n_frames": len(self.names),
            "n_objects": self.n_objects,
            "data_sha256": digest.hexdigest(),
        }


def _areas(field: LabelledField, pixel_size_um: float | None) -> NDArray[np.float64]:
    """Areas of the objects of a field, in pixels of the given size."""
    scale = field.pixel_size_um / pixel_size_um if field.pixel_size_um and pixel_size_um else 1.0
    return np.unique(field.labels[field.labels != 0], return_counts=True)[1].astype(np.float64) * scale**2


def _scaled(labels: NDArray[np.integer], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Labels at another scale, numbered from 1."""
    from skimage.segmentation import relabel_sequential

    if labels.shape != shape:
        rows, columns = (
            ((np.arange(new) + 0.5) * old / new).astype(np.intp) for old, new in zip(labels.shape, shape, strict=True)
        )
        labels = labels[np.ix_(rows, columns)]
    return relabel_sequential(labels)[0].astype(np.int32)
