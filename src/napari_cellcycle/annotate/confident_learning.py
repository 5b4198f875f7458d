"""Labels that are probably wrong, found by confident learning.

A short version of our own, of the part that finds wrong labels: the confident joint and the ranking by self-confidence.

References
----------
.. [1] Northcutt, Jiang and Chuang (2021), "Confident learning: estimating uncertainty in dataset labels", J. Artif.
   Intell. Res. 70, 1373, :doi:`10.1613/jair.1.12125`
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.phases import N_PHASES, UNKNOWN

N_FOLDS = 5
_MOST_TRAINED_ON = 2000
"""Cells that one fold is fitted to: more cost seconds, and a wrong label among 2,000 right ones is found as well."""


def confident_phases(phases: NDArray[np.integer], probabilities: NDArray[np.floating]) -> NDArray[np.int8]:
    """Guess the true phase of labelled cells, where it can be told confidently.

    The threshold of a phase is the mean probability of this phase over the cells that are labelled so. A cell belongs
    to the most probable of those phases whose threshold its probabilities reach (equation 1 of [1]_).

    Parameters
    ----------
    phases : ndarray of int, shape (N,)
        Labels; `UNKNOWN` where there is none.
    probabilities : ndarray, shape (N, P)
        By a model that was not trained on these labels; NaN where there is none.

    Returns
    -------
    ndarray of int8, shape (N,)
        `UNKNOWN` where there is no label, or no threshold is reached.
    """
    known = (phases != UNKNOWN) & np.isfinite(probabilities).all(axis=1)
    thresholds = np.full(probabilities.shape[1], np.inf)  # what nobody is labelled as is never a guess
    for phase in np.unique(phases[known]).tolist():
        thresholds[phase] = probabilities[known & (phases == phase), phase].mean(dtype=float)
    reached = np.where(probabilities >= thresholds, probabilities, -np.inf)
    guess = np.where(known & np.isfinite(reached).any(axis=1), reached.argmax(axis=1), UNKNOWN)
    return guess.astype(np.int8)


def confident_joint(phases: NDArray[np.integer], probabilities: NDArray[np.floating]) -> NDArray[np.int64]:
    """Count cells by their label and their confident phase, shape (P, P); wrong labels are beside the diagonal.

    Parameters
    ----------
    phases, probabilities : ndarray
        As for `confident_phases`.
    """
    guess = confident_phases(phases, probabilities)
    counted = guess != UNKNOWN
    table = np.zeros((probabilities.shape[1],) * 2, np.int64)
    np.add.at(table, (phases[counted].astype(int), guess[counted].astype(int)), 1)
    return table


def likely_wrong(phases: NDArray[np.integer], probabilities: NDArray[np.floating]) -> NDArray[np.intp]:
    """Find labels that are probably wrong.

    Parameters
    ----------
    phases, probabilities : ndarray
        As for `confident_phases`.

    Returns
    -------
    ndarray of intp
        Rows of the cells whose confident phase is not their label, the least probable label first.
    """
    guess = confident_phases(phases, probabilities)
    rows = np.flatnonzero((guess != UNKNOWN) & (guess != phases))
    self_confidence = probabilities[rows, phases[rows].astype(int)]
    return rows[np.argsort(self_confidence, kind="stable")]


def held_out_probabilities(
    features: NDArray[np.floating], phases: NDArray[np.integer], seed: int = 0, n_phases: int = N_PHASES
) -> NDArray[np.float32]:
    """Predict the phase of each labelled cell from the labels of others: logistic regression, cross-validated.

    Parameters
    ----------
    features : ndarray, shape (N, F)
        NaN where a cell could not be read.
    phases : ndarray of int, shape (N,)
        Labels; `UNKNOWN` where there is none.
    seed : int
        The same seed gives the same folds.
    n_phases : int
        Number P of phases that there are.

    Returns
    -------
    ndarray of float32, shape (N, P)
        NaN where a cell has no label or no features, or where there are too few labels: fewer than `N_FOLDS`, or all of
        one phase.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    result = np.full((len(phases), n_phases), np.nan, np.float32)
    known = np.flatnonzero((phases != UNKNOWN) & np.isfinite(features).all(axis=1))
    if len(known) < N_FOLDS or len(np.unique(phases[known])) < 2:
        return result
    order = np.random.default_rng(seed).permutation(known)
    order = order[np.argsort(phases[order], kind="stable")]  # each fold gets its share of every phase
    fold = np.arange(len(order)) % N_FOLDS
    for number in range(N_FOLDS):
        training, held_out = order[fold != number], order[fold == number]
        training = training[:: -(-len(training) // _MOST_TRAINED_ON)]
        if len(np.unique(phases[training])) < 2:
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200))
        model.fit(features[training], phases[training])
        result[held_out] = 0
        result[np.ix_(held_out, model.classes_.astype(int))] = model.predict_proba(features[held_out])
    return result
