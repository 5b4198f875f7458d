"""Which cells to label next: queues, each with another aim.

Only the queue `RANDOM` gives labels that say how good a model is on all cells. All others choose cells that the model
finds hard, or that are rare, so that scores on them are those of chosen cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.cell_hash import cell_hashes, in_held_out_part
from napari_cellcycle.annotate.confident_learning import held_out_probabilities, likely_wrong
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.annotate.queue_names import LEAST_SURE, LIKELY_WRONG, QUEUES, RANDOM, UNLIKE
from napari_cellcycle.cells import Prediction
from napari_cellcycle.datasets.training_cells import count_phases
from napari_cellcycle.errors import SettingError
from napari_cellcycle.phases import UNKNOWN

Rows = NDArray[np.intp]
Features = NDArray[np.floating]

N_FARTHEST = 200
"""Cells that are chosen one after the other, each for being unlike all before; the others follow by their distance."""
_DIMENSIONS = 24
_AT_A_TIME = 4096


def queue_order(
    name: str,
    labels: LabelTable,
    prediction: Prediction | None = None,
    features: Features | None = None,
    seed: int = 0,
    synthetic: NDArray[np.bool_] | None = None,
) -> Rows:
    """Put cells in the order in which to label them.

    Parameters
    ----------
    name : str
        A key of `queue_names.QUEUES`.
    labels : LabelTable
        Of N cells. Decided ones are left out, except where labels are checked; all queues but the random one also leave
        out cells whose phase folders or tables give, and the part that is held out for testing.
    prediction : Prediction, optional
        Of these cells. Synthetic and unreadable ones are left out of every queue.
    features : ndarray, shape (N, F), optional
        From `predict.extract_features`, NaN where a cell could not be read. With them labels are checked by
        probabilities that no label of the cell itself went into, whatever the model was trained on.
    seed : int
        The same seed gives the same order.
    synthetic : ndarray of bool, shape (N,), optional
        Cells that a generator made, where there is no prediction that says so.

    Returns
    -------
    ndarray of intp
        Rows of the cells in the queue. That of `RANDOM` is a part of one order of all cells, which no label changes.

    Raises
    ------
    SettingError
        There is no such queue, or it needs calls or features that are not given.
    """
    if name not in QUEUES:
        raise SettingError(f"no queue is called {name!r}; choose one of {', '.join(QUEUES)}")
    usable = _usable(labels, prediction, features, synthetic)
    if name == RANDOM:
        order = np.argsort(cell_hashes(labels.sources, labels.ids, f"queue {seed}"), kind="stable")
        return order[(usable & ~labels.decided)[order]]
    choosable = usable & ~in_held_out_part(labels)
    if name == LIKELY_WRONG:
        checked, n_phases = np.where(choosable, labels.phases, UNKNOWN), len(labels.phase_set)
        return likely_wrong(checked, _probabilities_for_checks(checked, n_phases, prediction, features, seed))
    rows = np.flatnonzero(choosable & ~labels.decided & (labels.phases == UNKNOWN))
    if name == UNLIKE:
        return farthest_first(_needed(features), np.flatnonzero(usable & (labels.phases != UNKNOWN)), rows, seed)
    probabilities = _called(prediction, name).probabilities[rows]
    if name == LEAST_SURE:
        return rows[least_sure(probabilities)]
    return rows[rare_first(probabilities, count_phases(labels.phases, labels.phase_set), seed)]


def least_sure(probabilities: NDArray[np.floating]) -> Rows:
    """Rows of (N, P) by how little the most probable phase is ahead of the second, the smallest lead first."""
    second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
    return np.argsort(first - second, kind="stable")


def rare_first(probabilities: NDArray[np.floating], counts: NDArray[np.integer], seed: int = 0) -> Rows:
    """Put cells of phases with few labels first; every second one is any cell.

    Parameters
    ----------
    probabilities : ndarray, shape (N, P)
        Of each phase.
    counts : ndarray of int, shape (P,)
        Labels of each phase so far.
    seed : int
        Chooses the others.

    Returns
    -------
    ndarray of intp, shape (N,)
        Rows. A cell that is of a phase with probability p gains p / (n + 1), where n labels of the phase are there, or
        are to be expected of the cells before it; it is placed by its greatest gain. This alone would ask for cells
        that the model knows already, so it takes turns with random ones.
    """
    by_phase = np.argsort(-probabilities, axis=0, kind="stable")  # (N, P): in each column the best candidates first
    sorted_p = np.take_along_axis(probabilities, by_phase, axis=0).astype(float)
    expected = np.cumsum(sorted_p, axis=0) - sorted_p
    gains = sorted_p / (counts + expected + 1)
    by_gain = _first_of_each(by_phase.ravel()[np.argsort(-gains.ravel(), kind="stable")])
    others = np.random.default_rng(seed).permutation(len(probabilities))
    return _first_of_each(np.stack([by_gain, others], axis=1).ravel())


def _first_of_each(rows: Rows) -> Rows:
    """Each row where it is met first, in their order."""
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)]


def farthest_first(features: Features, labelled: Rows, candidates: Rows, seed: int = 0) -> Rows:
    """Put cells first that are far from all labelled cells and from each other (Gonzalez 1985).

    Distances are Euclidean, between the first principal components of standardised features.

    Parameters
    ----------
    features : ndarray, shape (N, F)
        Of all cells; finite for `labelled` and `candidates`.
    labelled, candidates : ndarray of intp
        Rows of the cells that have a label, and of those to put in order.
    seed : int
        Chooses the first cell where none is labelled.

    Returns
    -------
    ndarray of intp
        The candidates. The first `N_FARTHEST` are chosen one by one, each as the farthest from all before (the greedy
        solution of the k-center problem, :doi:`10.1016/0304-3975(85)90224-5`); the others follow by their distance.
    """
    if not len(candidates):
        return candidates
    points = _principal_components(features, np.r_[labelled, candidates])
    centres, points = points[: len(labelled)], points[len(labelled) :]
    distance = _nearest(points, centres)
    if not len(labelled):
        distance[np.random.default_rng(seed).integers(len(points))] = np.inf  # the first one
    chosen, length = [], (points**2).sum(axis=1)
    for _ in range(min(N_FARTHEST, len(points))):
        new = int(distance.argmax())
        chosen.append(new)
        np.minimum(distance, np.maximum(length + length[new] - 2 * points @ points[new], 0), out=distance)
        distance[new] = -1
    rest = np.argsort(-distance, kind="stable")[: len(points) - len(chosen)]
    return candidates[np.r_[chosen, rest].astype(np.intp)]


def _principal_components(features: Features, rows: Rows) -> NDArray[np.float32]:
    """Coordinates of the cells at `rows`, shape (R, at most `_DIMENSIONS`)."""
    table = features[rows].astype(np.float32)
    spread = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1)
    _, vectors = np.linalg.eigh(table.T @ table)
    return table @ vectors[:, ::-1][:, :_DIMENSIONS]


def _nearest(points: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distance of each point (N, D) from the nearest of the centres (M, D); infinite without any."""
    found = np.full(len(points), np.inf, np.float32)
    if not len(centres):
        return found
    length = (centres**2).sum(axis=1)
    for start in range(0, len(points), _AT_A_TIME):
        part = points[start : start + _AT_A_TIME]
        squares = (length - 2 * part @ centres.T).min(axis=1) + (part**2).sum(axis=1)
        found[start : start + _AT_A_TIME] = np.maximum(squares, 0)
    return found


def _usable(
    labels: LabelTable, prediction: Prediction | None, features: Features | None, synthetic: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """Real cells that could be read, as far as that is known, shape (N,)."""
    usable = np.ones(len(labels), bool)
    if features is not None:
        usable &= np.isfinite(features).all(axis=1)
    if prediction is not None:
        usable &= prediction.best != UNKNOWN
        synthetic = prediction.synthetic if synthetic is None else synthetic
    return usable if synthetic is None else usable & ~synthetic


def _probabilities_for_checks(
    phases: NDArray[np.int8], n_phases: int, prediction: Prediction | None, features: Features | None, seed: int
) -> NDArray[np.floating]:
    """By a model that did not learn from the checked labels, where there are features; else those of the calls."""
    if features is not None:
        return held_out_probabilities(features, phases, seed, n_phases)
    return _called(prediction, LIKELY_WRONG).probabilities


def _called(prediction: Prediction | None, name: str) -> Prediction:
    if prediction is None:
        raise SettingError(f"the queue {name!r} needs the calls of a model; classify these cells first")
    return prediction


def _needed(features: Features | None) -> Features:
    if features is None:
        raise SettingError(f"the queue {UNLIKE!r} compares features of cells; choose a model that has some")
    return features
