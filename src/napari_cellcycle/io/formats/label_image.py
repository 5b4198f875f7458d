"""Label images: every pixel holds the number of the cell that it belongs to, or 0."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.open import open_image, open_images

_FLAT = 0.9
"""Share of neighbours inside cells that have the same value in a label image. In images it is below 0.5."""
_LARGEST_PIXELS = 2**31


def open_labels(path: Path) -> list[ImageFile]:
    """Open label images: TIFF, PNG also with a palette, OME-Zarr, or ``segm.npz`` of Cell-ACDC.

    Returns
    -------
    list of ImageFile
        One, or each of a file with several.

    Raises
    ------
    ReadError
        It can't be read.
    ImageError
        Its format changes labels, or its axes are not supported.
    """
    if path.suffix.lower() == ".npz":
        return [_open_npz(path)]
    files = open_images(path, "field")
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise ImageError(f"{path.name} is a JPEG, whose compression changes labels; save it as TIFF or PNG")
    if path.suffix.lower() == ".png" and _has_palette(path):
        shape = files[0].shape
        return [_Palette(path=path, axes="YX", frame_axes="", n_frames=1, channels=("",), shape=shape, dtype=_UINT8)]
    return files


_UINT8 = np.dtype(np.uint8)


def looks_like_labels(pixels: NDArray[np.generic]) -> bool:
    """Whether an image consists of flat regions of whole numbers on a background of 0.

    Parameters
    ----------
    pixels : ndarray, shape (Y, X)
        Any image.

    Returns
    -------
    bool
        True for labels and masks.

    Examples
    --------
    >>> labels = np.zeros((9, 9), int)
    >>> labels[2:6, 2:6], labels[6:, 6:] = 1, 2
    >>> looks_like_labels(labels), looks_like_labels(np.arange(81).reshape(9, 9))
    (True, False)
    """
    if pixels.dtype.kind not in "uibf" or pixels.ndim != 2 or pixels.size < 9:
        return False
    inside = pixels != 0
    if not 0 < inside.mean() < 1 or pixels.min() < 0:
        return False
    if pixels.dtype.kind == "f" and not (np.isfinite(pixels).all() and (pixels == np.rint(pixels)).all()):
        return False
    same = both = 0
    for first, second in (((slice(None), slice(1, None)), (slice(None), slice(-1))), ((slice(1, None),), (slice(-1),))):
        neighbours = inside[first] & inside[second]
        both += int(neighbours.sum())
        same += int((neighbours & (pixels[first] == pixels[second])).sum())
    return both >= 4 and same >= _FLAT * both


def is_label_image_of(path: Path, image: Path) -> bool:
    """Whether a file is a label image, by its content, and as large as an image.

    Parameters
    ----------
    path : Path
        The file that may be a label image.
    image : Path
        The image.

    Returns
    -------
    bool
        False also if one of them can't be read.
    """
    try:
        labels, pictured = open_labels(path)[0], open_image(image)
        if (labels.n_frames, labels.shape) != (pictured.n_frames, pictured.shape):
            return False
        (pixels,) = labels.read([0])
    except CellCycleError:
        return False
    return not isinstance(pixels, Unreadable) and len(pixels) == 1 and looks_like_labels(pixels[0])


def _has_palette(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            return picture.mode == "P"
    except Exception:  # noqa: BLE001 - damage is told where the image is read
        return False


@dataclass(frozen=True, eq=False, kw_only=True)
class _Palette(ImageFile):
    """A PNG whose pixels are numbers of colours: the numbers are the labels."""

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The numbers, (1, Y, X), once per index."""
        try:
            with Image.open(self.path) as picture:
                numbers = np.asarray(picture)
        except Exception:  # noqa: BLE001 - a damaged file can make a decoder raise anything
            return [Unreadable(f"{self.path.name} is damaged; export or copy it again")] * len(frames)
        return [numbers[np.newaxis]] * len(frames)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Npz(ImageFile):
    """The first array of a file of NumPy, (Y, X) or (T, Y, X)."""

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The frames at the given indices, each (1, Y, X)."""
        try:
            array = _read_npz(self.path, self.path.stat().st_mtime_ns)
        except Exception:  # noqa: BLE001 - a damaged file can make a decoder raise anything
            return [Unreadable(f"{self.path.name} is damaged; save it again")] * len(frames)
        planes = array.reshape(-1, *self.shape)
        return [planes[frame][np.newaxis] for frame in frames]


def _open_npz(path: Path) -> _Npz:
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".npy"))
            with archive.open(name) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
    except Exception as error:  # a damaged file can make a decoder raise anything
        raise ReadError(f"{path.name} can't be read as a file of NumPy; save it again") from error
    if len(shape) not in (2, 3) or dtype.kind not in "uib" or not 0 < np.prod(shape, dtype=float) < _LARGEST_PIXELS:
        raise ImageError(f"{path.name} has no labels of shape (Y, X) or (T, Y, X); save the label image as TIFF")
    frames = shape[0] if len(shape) == 3 else 1
    axes = "TYX"[-len(shape) :]
    return _Npz(
        path=path,
        axes=axes,
        frame_axes=axes[:-2],
        n_frames=frames,
        channels=("",),
        shape=(shape[-2], shape[-1]),
        dtype=dtype,
    )


@lru_cache(maxsize=2)
def _read_npz(path: Path, _changed: int) -> NDArray[np.generic]:
    with np.load(path, allow_pickle=False) as arrays:
        found: NDArray[np.generic] = arrays[arrays.files[0]]
    return found
