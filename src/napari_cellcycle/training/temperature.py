"""Temperature scaling, which makes a model as sure of its calls as they are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from napari_cellcycle.errors import TooFewCellsError

Floats = NDArray[np.float64]

_SMALLEST = 1e-12  # instead of 0, which has no logarithm


def fit_temperature(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Find the temperature at which the probabilities of these cells are best calibrated.

    Fit it on validation cells, never on training cells or test cells (Guo et al. 2017, :arxiv:`1706.04599`).

    Parameters
    ----------
    probabilities : array_like, shape (N, 7)
        Of the model at temperature 1.
    truth : array_like of int, shape (N,)
        True phases.

    Returns
    -------
    float
        From 0.05 to 20; above 1 where the model is too sure of its calls.

    Raises
    ------
    TooFewCellsError
        There are no cells.
    """
    scores, truth = _log(probabilities), np.asarray(truth)
    if not len(truth):
        raise TooFewCellsError("no cell has both a true phase and a call, so the temperature can't be fitted")

    def loss(log_temperature: float) -> float:
        return -float(_log_softmax(scores / np.exp(log_temperature))[np.arange(len(truth)), truth].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def apply_temperature(probabilities: ArrayLike, temperature: float) -> Floats:
    """Scale probabilities; the most probable phase stays the same.

    Parameters
    ----------
    probabilities : array_like, shape (N, 7)
        Of the model at temperature 1.
    temperature : float
        Above 1 makes the calls less sure.

    Returns
    -------
    ndarray of float64, shape (N, 7)
        Each row sums to 1.

    Examples
    --------
    >>> apply_temperature([[0.9, 0.1]], 2).round(2)
    array([[0.75, 0.25]])
    """
    return np.exp(_log_softmax(_log(probabilities) / temperature))


def _log(probabilities: ArrayLike) -> Floats:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), _SMALLEST))


def _log_softmax(scores: Floats) -> Floats:
    result: Floats = log_softmax(scores, axis=1)
    return result
