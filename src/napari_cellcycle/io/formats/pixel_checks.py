"""Checks of the pixels of an image: grey, finite, not empty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ImageError

_JPEG_ROUNDING = 4
"""The colours of a grey pixel in an 8-bit image differ by no more than this."""


def grey(pixels: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    """The grey values of an image whose colours, if any, are all equal.

    Parameters
    ----------
    pixels : ndarray, shape (Y, X) or (Y, X, S)
        Grey, grey with transparency, or colours.
    name : str
        Name of the file, for messages.

    Returns
    -------
    ndarray, shape (Y, X)
        Of the same data type.

    Raises
    ------
    ImageError
        The image has colours, or no pixels.
    """
    if pixels.size == 0 or pixels.ndim not in (2, 3):
        raise ImageError(f"{name} is not a plane of pixels, but an array of shape {pixels.shape}; export it again")
    if pixels.ndim == 2:
        return pixels
    colours = pixels[..., :1] if pixels.shape[-1] in (1, 2) else pixels[..., :3]  # the rest is transparency
    allowed = _JPEG_ROUNDING if pixels.dtype == np.uint8 else 0
    if np.ptp(colours, axis=-1).max(initial=0) > allowed:
        raise ImageError(f"{name} is a colour image; save each channel as a grey image of its own")
    return np.ascontiguousarray(colours[..., 0])


def problem_of(plane: NDArray[np.generic], *, may_be_zero: bool = False) -> str | None:
    """Why a plane can't be the image of a cell.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        One channel.
    may_be_zero : bool
        Whether all pixels may be 0, as in an unused stain channel.

    Returns
    -------
    str or None
        The end of a sentence that begins with the name of the file; None if nothing is wrong.

    Examples
    --------
    >>> problem_of(np.zeros((2, 2), np.uint8)), problem_of(np.ones((2, 2)))
    ('is all zero; was this channel recorded?', None)
    """
    if plane.size == 0:
        return "is an empty image"
    if plane.dtype == np.bool_:
        return "is a black-and-white mask; give the grey image"
    if plane.dtype.kind not in "uif":
        return f"has {plane.dtype} values; save it as integers or floats"
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        return "has values that are not finite numbers (NaN or infinity); export it again"
    if not may_be_zero and not plane.item(0) and not plane.any():  # one pixel first, as most cells need no more
        return "is all zero; was this channel recorded?"
    return None
