"""Fields without their uneven light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_SMALLEST = 1e-6


def even_light(image: NDArray[np.generic], scale_px: float) -> NDArray[np.float32]:
    """Take the uneven light out of a field, and give what is left the spread 1.

    Light that falls off towards the corners lowers background and contrast alike, so the local mean is subtracted, and
    where it is positive everywhere, as in transmitted light, the rest is divided by it.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        Of any type.
    scale_px : float
        Standard deviation in pixels of the Gaussian that takes the local mean: larger than an object.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Background is near 0.

    Examples
    --------
    >>> light = np.outer(np.linspace(50, 100, 64), np.ones(64))
    >>> even = even_light(light, 8)
    >>> float(abs(even[20:40]).max()) < 1
    True
    """
    pixels = image.astype(np.float32)
    mean = ndimage.gaussian_filter(pixels, scale_px, mode="reflect", truncate=2.5)
    contrast = pixels - mean
    if mean.min() > 0:
        contrast /= mean
    spread = float(contrast.std())
    return contrast / spread if spread > _SMALLEST else np.zeros_like(contrast)
