"""What of labelled fields is held back from a finder, how its thresholds are chosen there, and how good it is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_cellcycle.evaluation.object_f1 import ObjectMatch, match_objects, match_overlaps, overlaps
from napari_cellcycle.images.object_cut import Cut
from napari_cellcycle.images.object_maps import cut_maps, mean_in_objects

_FOREGROUNDS = (0.4, 0.5, 0.6, 0.7)
_MIDDLES = (0.1, 0.2, 0.3, 0.4, 0.5)
_CERTAINTIES = (0.0, 0.6, 0.7, 0.8)
_USUAL = (1, 2, 0)
"""Positions of what is taken unless others are clearly better, in the three lines above."""
_CLEARLY = 0.02
"""By so little the F1 of some dozens of objects differs by chance."""
_IOUS = (0.4, 0.5, 0.6, 0.7)
"""Thresholds are chosen by the mean F1 at these, which few objects tell more surely than that at 0.5 alone."""
_SMALLEST = 0.3
"""Of the median area: smaller objects are taken for fragments."""


@dataclass(frozen=True)
class HeldOut:
    """Parts of fields that nothing is learned from.

    Attributes
    ----------
    windows : tuple of (int, slice, slice)
        Number of the field, rows and columns.
    words : str
        What that is, for the card.
    """

    windows: tuple[tuple[int, slice, slice], ...]
    words: str

    def learned(self, number: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Pixels of a field that may be learned from."""
        learned = np.ones(shape, bool)
        for field, rows, columns in self.windows:
            if field == number:
                learned[rows, columns] = False
        return learned


def hold_out(names: Sequence[str], shapes: Sequence[tuple[int, ...]], share: float) -> HeldOut:
    """Choose what is held back: whole fields, or a corner of each frame where there is only one field.

    Parameters
    ----------
    names : sequence of str
        Name of the field that each image shows; the frames of a time-lapse share theirs, as they show the same cells.
    shapes : sequence of tuple of int
        Of the images.
    share : float
        How much, roughly.

    Returns
    -------
    HeldOut
    """
    fields = list(dict.fromkeys(names))
    if len(fields) > 1:
        last = fields[-max(1, round(share * len(fields))) :]
        windows = [(n, slice(None), slice(None)) for n, name in enumerate(names) if name in last]
        return HeldOut(tuple(windows), f"{len(last)} of {len(fields)} fields, held out")
    side = math.sqrt(share)
    corners = [tuple(slice(round(length * (1 - side)), length) for length in shape) for shape in shapes]
    windows = [(number, rows, columns) for number, (rows, columns) in enumerate(corners)]
    return HeldOut(tuple(windows), f"{share:.0%} of the one field, held out: cells of another field may be harder")


@dataclass(frozen=True, eq=False)
class TestPart:
    """Maps of a part that was held back, and the truth, each (Y, X)."""

    __test__ = False  # no test of pytest's
    foreground: NDArray[np.float32]
    distance: NDArray[np.float32]
    labels: NDArray[np.integer]

    def match(self, cut: Cut, iou: float = 0.5) -> ObjectMatch:
        """Compare what is found with the truth."""
        return match_objects(cut_maps(self.foreground, self.distance, cut), self.labels, iou)


def choose_cut(parts: Sequence[TestPart], min_area_px: float) -> Cut:
    """Choose thresholds by their F1: of those that are about as good as the best, the most usual ones.

    The best ones of a small part may be extreme, and then bad for another field.

    Parameters
    ----------
    parts : sequence of TestPart
        What was held back.
    min_area_px : float
        Smaller objects are left out.

    Returns
    -------
    Cut
    """
    cuts = itertools.product(_FOREGROUNDS, _MIDDLES)
    scores = np.stack([_scores(parts, Cut(*cut, min_area_px)) for cut in cuts])
    shape = (len(_FOREGROUNDS), len(_MIDDLES), len(_CERTAINTIES))
    smooth = _with_neighbours(scores.reshape(shape))
    good = np.argwhere(smooth >= smooth.max() - _CLEARLY)
    best = good[np.abs(good - _USUAL).sum(1).argmin()]
    foreground, middle, certainty = (
        values[index] for values, index in zip((_FOREGROUNDS, _MIDDLES, _CERTAINTIES), best, strict=True)
    )
    return Cut(foreground, middle, min_area_px, certainty)


def _scores(parts: Sequence[TestPart], cut: Cut) -> NDArray[np.float64]:
    """Mean F1 over all overlaps in `_IOUS`, for each of `_CERTAINTIES`."""
    totals = np.full((len(_CERTAINTIES), len(_IOUS)), ObjectMatch(0, 0, 0), object)
    for part in parts:
        labels = cut_maps(part.foreground, part.distance, cut)
        certainty = mean_in_objects(part.foreground, labels)[1:]
        ious = overlaps(labels, part.labels)
        for row, least in enumerate(_CERTAINTIES):
            totals[row] += [match_overlaps(ious[certainty >= least], iou) for iou in _IOUS]
    return np.array([np.mean([total.f1 for total in row]) for row in totals])


def _with_neighbours(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each score and those next to it, as a good one among bad ones is good by chance."""
    smooth: NDArray[np.float64] = ndimage.uniform_filter(scores, 3, mode="nearest")
    return smooth


def smallest_area(labels: Sequence[NDArray[np.integer]]) -> float:
    """The area below which an object is left out."""
    areas = np.concatenate([np.bincount(each.ravel())[1:] for each in labels])
    return _SMALLEST * float(np.median(areas[areas > 0]))
