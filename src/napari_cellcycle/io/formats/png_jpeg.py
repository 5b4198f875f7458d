"""PNG and JPEG files: one image per file."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import ImageError, ReadError
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.pixel_checks import grey
from napari_cellcycle.io.plain_files import plain_bytes

# What is large is judged by `open_images`, in words
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_PNG_START = struct.Struct(">16sIIBB")
"""Marks of a PNG and of its header, width, height, bits of a value, and kind of colour: 0 is grey."""
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_LARGEST_AT_ONCE = 2**22
"""Bytes of a file, and pixels of an image, that are read without looking at the header first."""
_DTYPES = {"1": np.bool_, "I;16": np.uint16, "I": np.int32, "F": np.float32}


@dataclass(frozen=True, eq=False, kw_only=True)
class _Picture(ImageFile):
    """A PNG or JPEG file."""

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The image, (C, Y, X), once per index."""
        try:
            image = _decode(self.path, len(self.channels))
        except (ReadError, ImageError) as error:
            return [Unreadable(str(error))] * len(frames)
        return [image] * len(frames)


def open_picture(path: Path) -> _Picture:
    """Read the header of a PNG or JPEG file."""
    with _read_errors(path), Image.open(path) as picture:
        size, mode = picture.size, picture.mode
        has_two = mode == "LA" and len(set(picture.getchannel("A").getextrema())) > 1
    dtype = np.dtype(_DTYPES.get(mode, np.uint8))
    note = f"{path.name}: the 2 values of each pixel are read as 2 channels, as the second one is no plain transparency"
    return _Picture(
        path=path,
        axes="YXS" if has_two else "YX",
        frame_axes="",
        n_frames=1,
        channels=("", "") if has_two else ("",),
        shape=size[::-1],
        dtype=dtype,
        notes=(f"{note}; save each channel as a grey image of its own if that is wrong",) if has_two else (),
    )


def read_grey_png(path: Path) -> NDArray[np.generic] | None:
    """Read a small grey PNG of 8 or 16 bits at once, which is most files that hold one cell.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    ndarray, shape (1, Y, X), or None
        The same pixels as `open_picture` reads; None for any other file, and for one that can't be read or is damaged.
    """
    try:
        content = plain_bytes(path, _LARGEST_AT_ONCE)
    except OSError:
        return None
    start = content[: _PNG_START.size]
    if len(start) < _PNG_START.size:
        return None
    magic, width, height, bits, colour = _PNG_START.unpack(start)
    if magic != _PNG_MAGIC or colour or bits not in (8, 16) or width * height > _LARGEST_AT_ONCE:
        return None
    try:
        pixels = imagecodecs.png_decode(content)
    except Exception:  # noqa: BLE001 - a damaged file can make a decoder raise anything; `open_picture` says so
        return None
    return pixels[np.newaxis] if pixels.shape == (height, width) else None


def _decode(path: Path, n_channels: int) -> NDArray[np.generic]:
    """Pixels (C, Y, X)."""
    with _read_errors(path), Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB") if picture.mode in ("P", "CMYK", "YCbCr") else picture)
    return np.moveaxis(pixels, -1, 0) if n_channels == 2 and pixels.ndim == 3 else grey(pixels, path.name)[np.newaxis]


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except Image.DecompressionBombError as error:
        raise ReadError(f"{path.name} is too large for a PNG or JPEG image; save it as TIFF") from error
    except Exception as error:  # a damaged file can make a decoder raise anything
        raise ReadError(f"{path.name} is damaged; export or copy it again") from error
