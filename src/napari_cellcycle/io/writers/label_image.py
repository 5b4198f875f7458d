"""Label images as TIFF, which any program can open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray


def write_label_image(path: Path, frames: NDArray[np.integer]) -> None:
    """Write a label image, or those of a time-lapse.

    Parameters
    ----------
    path : Path
        The new file.
    frames : ndarray of int, shape (T, Y, X)
        0 is background; with one frame, an image (Y, X) is written.
    """
    kind = np.uint16 if frames.max(initial=0) < 2**16 else np.uint32
    pixels = frames.astype(kind)
    image, axes = (pixels[0], "YX") if len(pixels) == 1 else (pixels, "TYX")
    tifffile.imwrite(path, image, photometric="minisblack", compression="zlib", metadata={"axes": axes})
