"""Which plane of a stack of focal planes is the sharpest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable

_SAME_OBJECT = 0.9
"""Correlation of neighbouring focal planes, at least; of brightfield images of two cells, it is 0.86 at most."""


def sharpest(planes: Sequence[NDArray[np.generic] | Unreadable]) -> int:
    """Find the sharpest focal plane by the variance of its Laplacian.

    Pech-Pacheco et al. 2000, :doi:`10.1109/ICPR.2000.903548`, compare such measures for brightfield microscopy.

    Parameters
    ----------
    planes : sequence of ndarray, each (Y, X), or Unreadable
        The focal planes of one image, in one channel.

    Returns
    -------
    int
        Index of the plane; of equally sharp ones, the first; 0 if none can be read.

    Examples
    --------
    >>> flat = np.zeros((8, 8))
    >>> sharpest([flat, np.eye(8), flat])
    1
    """
    return int(np.argmax([-1.0 if isinstance(plane, Unreadable) else _sharpness(plane) for plane in planes]))


def _sharpness(plane: NDArray[np.generic]) -> float:
    from scipy.ndimage import laplace

    return float(np.nan_to_num(laplace(plane.astype(np.float32)).var(), nan=-1.0))


def show_one_object(planes: Sequence[NDArray[np.generic]]) -> bool:
    """Whether images look like focal planes of one object, rather than images of several cells.

    Parameters
    ----------
    planes : sequence of ndarray, each (Y, X)
        At least two images of equal size, in their order.

    Returns
    -------
    bool
        True if neighbours are alike.
    """
    values = [plane.astype(np.float64).ravel() for plane in planes]
    centred = [value - value.mean() for value in values]
    pairs = list(pairwise(centred))
    alike = [float(a @ b / max(np.sqrt((a @ a) * (b @ b)), 1e-12)) for a, b in pairs]
    return bool(np.median(alike) >= _SAME_OBJECT)
