"""PNG and JPEG files: one image per file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import ImageError, ReadError
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.pixel_checks import grey

_DTYPES = {"1": np.bool_, "I;16": np.uint16, "I": np.int32, "F": np.float32}


@dataclass(frozen=True, eq=False, kw_only=True)
class _Picture(ImageFile):
    """A PNG or JPEG file."""

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The image, (1, Y, X), once per index."""
        try:
            image = _decode(self.path)
        except (ReadError, ImageError) as error:
            return [Unreadable(str(error))] * len(frames)
        return [image[np.newaxis]] * len(frames)


def open_picture(path: Path) -> _Picture:
    """Read the header of a PNG or JPEG file."""
    with _read_errors(path), Image.open(path) as picture:
        size, mode = picture.size, picture.mode
    dtype = np.dtype(_DTYPES.get(mode, np.uint8))
    return _Picture(path=path, axes="YX", frame_axes="", n_frames=1, channels=("",), shape=size[::-1], dtype=dtype)


def _decode(path: Path) -> NDArray[np.generic]:
    with _read_errors(path), Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB") if picture.mode in ("P", "CMYK", "YCbCr") else picture)
    return grey(pixels, path.name)


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except Image.DecompressionBombError as error:
        raise ReadError(f"{path.name} is too large for a PNG or JPEG image; save it as TIFF") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise ReadError(f"{path.name} is damaged; export or copy it again") from error
