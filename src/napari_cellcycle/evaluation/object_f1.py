"""How well labels match other labels, object by object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from napari_cellcycle.errors import ImageError


@dataclass(frozen=True)
class ObjectMatch:
    """Objects found, objects there, and how many are the same."""

    n_found: int
    n_true: int
    n_matched: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 if there is nothing and nothing was found."""
        total = self.n_found + self.n_true
        return 2 * self.n_matched / total if total else 1.0

    def __add__(self, other: ObjectMatch) -> ObjectMatch:
        """Counts of both: the F1 of several fields is that of all their objects."""
        return ObjectMatch(self.n_found + other.n_found, self.n_true + other.n_true, self.n_matched + other.n_matched)


def match_objects(labels: NDArray[np.integer], truth: NDArray[np.integer], iou: float = 0.5) -> ObjectMatch:
    """Match objects one to one, as many as overlap enough.

    Parameters
    ----------
    labels, truth : ndarray of int, shape (Y, X)
        0 is background, every other number an object.
    iou : float
        Least intersection over union of two objects that match. From 0.5 on, an object has one partner at most.

    Returns
    -------
    ObjectMatch

    Raises
    ------
    ImageError
        The shapes differ.

    Examples
    --------
    >>> truth = np.array([[1, 1, 0, 2, 2]])
    >>> match_objects(np.array([[5, 5, 0, 0, 0]]), truth).f1
    0.6666666666666666
    """
    return match_overlaps(overlaps(labels, truth), iou)


def overlaps(labels: NDArray[np.integer], truth: NDArray[np.integer]) -> NDArray[np.float64]:
    """Intersection over union of each object with each true one.

    Parameters
    ----------
    labels, truth : ndarray of int, shape (Y, X)
        0 is background.

    Returns
    -------
    ndarray, shape (N, M)
        Objects in the order of their numbers.

    Raises
    ------
    ImageError
        The shapes differ.
    """
    if labels.shape != truth.shape:
        raise ImageError(f"labels of shape {labels.shape} can't be compared with labels of shape {truth.shape}")
    ids, found = np.unique(labels, return_inverse=True)
    true_ids, true = np.unique(truth, return_inverse=True)
    pairs = found.ravel().astype(np.int64) * len(true_ids) + true.ravel()
    shared = np.bincount(pairs, minlength=len(ids) * len(true_ids)).reshape(len(ids), len(true_ids))
    union = shared.sum(1, keepdims=True) + shared.sum(0) - shared
    found_ious: NDArray[np.float64] = (shared / union)[np.ix_(ids != 0, true_ids != 0)]
    return found_ious


def match_overlaps(ious: NDArray[np.float64], iou: float) -> ObjectMatch:
    """Match objects one to one, as many as overlap enough.

    Parameters
    ----------
    ious : ndarray, shape (N, M)
        As `overlaps` gives them.
    iou : float
        As for `match_objects`.

    Returns
    -------
    ObjectMatch
    """
    good = ious >= iou
    n_found, n_true = good.shape
    good = good[good.any(1)][:, good.any(0)]
    # only up to 0.5 can an object have several partners
    n_matched = good.sum() if iou > 0.5 else good[linear_sum_assignment(good, maximize=True)].sum()
    return ObjectMatch(n_found, n_true, int(n_matched))


def object_f1(labels: NDArray[np.integer], truth: NDArray[np.integer], iou: float = 0.5) -> float:
    """F1 of the objects in `labels`.

    Parameters
    ----------
    labels, truth, iou
        As for `match_objects`.

    Returns
    -------
    float
        From 0 to 1.
    """
    return match_objects(labels, truth, iou).f1
