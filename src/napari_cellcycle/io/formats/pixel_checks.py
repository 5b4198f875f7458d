"""What an image must be before a cell is read from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ImageError

_JPEG_ROUNDING = 4
"""Grey values in an 8-bit colour image may differ by this much between its colours."""


def grey(pixels: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    """The one plane of (Y, X), or of (Y, X, S) whose colours are all the same grey.

    Raises
    ------
    ImageError
        The image has colours, no pixels or no plane.
    """
    if pixels.size == 0 or pixels.ndim not in (2, 3):
        raise ImageError(f"{name} holds no plane of pixels, but an array of shape {pixels.shape}; export it again")
    if pixels.ndim == 2:
        return pixels
    colours = pixels[..., :1] if pixels.shape[-1] in (1, 2) else pixels[..., :3]  # the others are transparency
    allowed = _JPEG_ROUNDING if pixels.dtype == np.uint8 else 0
    if np.ptp(colours, axis=-1).max(initial=0) > allowed:
        raise ImageError(f"{name} is a colour image; save each channel as a grey image of its own")
    return np.ascontiguousarray(colours[..., 0])


def problem_of(plane: NDArray[np.generic], *, may_be_zero: bool = False) -> str | None:
    """What keeps a cell from being read out of the values of `plane`, or None."""
    if plane.size == 0:
        return "is an empty image"
    if plane.dtype == np.bool_:
        return "is a black-and-white mask; give the grey image it was made from"
    if plane.dtype.kind not in "uif":
        return f"holds {plane.dtype} values; save it as integers or floats"
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        return "holds values that are no numbers (NaN or infinity); export it again"
    if not may_be_zero and not plane.any():
        return "is all zero; was this channel recorded?"
    return None
