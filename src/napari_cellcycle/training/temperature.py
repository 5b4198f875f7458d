"""Temperature scaling: probabilities made as sure as they are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.errors import TooFewCellsError

Floats = NDArray[np.float64]

_TINY = 1e-12  # instead of 0, which has no logarithm


def fit_temperature(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Temperature at which the probabilities of these cells are best calibrated.

    Fit it on validation cells: never on those that are trained on, never on those that are tested.

    Parameters
    ----------
    probabilities : array_like, shape (N, 7)
        What the model says at temperature 1.
    truth : array_like of int, shape (N,)
        True phase numbers.

    Returns
    -------
    float
        From 0.05 to 20: above 1 where the model is too sure of itself.

    Raises
    ------
    TooFewCellsError
        There are no cells.
    """
    from scipy.optimize import minimize_scalar

    scores, truth = _log(probabilities), np.asarray(truth)
    if not len(truth):
        raise TooFewCellsError("no cell has both a true phase and a call, so the temperature can't be fitted")

    def loss(log_temperature: float) -> float:
        return -float(_log_softmax(scores / np.exp(log_temperature))[np.arange(len(truth)), truth].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def apply_temperature(probabilities: ArrayLike, temperature: float) -> Floats:
    """Probabilities (N, 7) made less sure by a temperature above 1; the most probable phase stays."""
    softened: Floats = np.exp(_log_softmax(_log(probabilities) / temperature))
    return softened


def _log(probabilities: ArrayLike) -> Floats:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), _TINY))


def _log_softmax(scores: Floats) -> Floats:
    from scipy.special import log_softmax

    result: Floats = log_softmax(scores, axis=1)
    return result
