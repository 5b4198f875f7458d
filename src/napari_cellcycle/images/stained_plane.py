"""Which of several images looks like a stain of nuclei: bright objects on a dark ground."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_STEP_PX = 4
_LEAST = 0.15
"""Transmitted light is as often brighter as darker than its median, and has about 0."""


def stained_plane(images: Sequence[NDArray[np.generic]]) -> int | None:
    """Find the image with the longest tail of bright pixels.

    Parameters
    ----------
    images : sequence of ndarray, each of shape (Y, X)
        Channels of one field.

    Returns
    -------
    int or None
        Which one; None if none has such a tail.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(100, 5, (80, 80))
    >>> nuclei = noise.copy()
    >>> nuclei[20:40, 20:40] += 200
    >>> stained_plane([noise, nuclei]), stained_plane([noise])
    (1, None)
    """
    tails = [_tail(np.asarray(image[::_STEP_PX, ::_STEP_PX], np.float64)) for image in images]
    best = int(np.argmax(tails)) if tails else 0
    return best if tails and tails[best] >= _LEAST else None


def _tail(pixels: NDArray[np.float64]) -> float:
    """How far the mean lies above the median, in standard deviations."""
    return float((pixels.mean() - np.median(pixels)) / max(pixels.std(), 1e-9))
