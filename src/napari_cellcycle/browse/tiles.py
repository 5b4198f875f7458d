"""Images of single cells as small pictures: read when they are asked for, and forgotten when there are too many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, DNA, Cells, evenly_spaced
from napari_cellcycle.events import Job

COMPOSITE = "all channels"
"""Instead of the name of a channel: brightfield in grey with the others over it in colour."""
LIMIT_BYTES = 200_000_000
_BATCH = 48  # cells that are read together: few enough that the first ones are soon seen
_N_SAMPLED = 128
_COLOURS = {DARKFIELD: (255, 190, 60), DNA: (80, 150, 255)}
_OTHER_COLOURS = ((255, 90, 255), (90, 255, 120), (90, 255, 255))
_GREY_SHARE = 0.75  # of brightfield in a composite, so that colours still show on it


@dataclass(frozen=True, eq=False)
class Tile:
    """The picture of one cell.

    Attributes
    ----------
    planes : ndarray of uint8, shape (C, Y, X)
        Its channels, each from black to white.
    scale : float
        Length of its pixels, where a tile is 1 wide.
    """

    planes: NDArray[np.uint8]
    scale: float


@dataclass(frozen=True, eq=False)
class _Contrast:
    """What is the same for all cells: black and white point of each channel, and what a tile is wide."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    gamma: NDArray[np.float32]
    width: float
    pixel: float
    """Edge of a pixel where it is not known."""


class Tiles:
    """Pictures of cells, all with the same contrast and at the same scale.

    Reading may happen in one thread while another one takes pictures.

    Parameters
    ----------
    cells : Cells
        Whose images are read, when they are asked for.
    limit_bytes : int
        Memory for pictures; those that were asked for longest ago are forgotten.
    """

    def __init__(self, cells: Cells, limit_bytes: int = LIMIT_BYTES) -> None:
        self.cells, self._limit_bytes, self._n_bytes = cells, limit_bytes, 0
        self._known: OrderedDict[int, Tile | Unreadable] = OrderedDict()
        self._contrast: _Contrast | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self.cells.channels

    def __contains__(self, row: int) -> bool:
        return row in self._known

    def get(self, row: int) -> Tile | Unreadable | None:
        """The picture of a cell, or why it can't be read; None if it was not read yet."""
        return self._known.get(row)

    def missing(self, rows: Iterable[int]) -> list[int]:
        """Those of `rows` that were not read yet, in their order; the others are kept longest."""
        wanted = []
        for row in rows:
            if row in self._known:
                self._known.move_to_end(row)
            else:
                wanted.append(row)
        return wanted

    def read(self, rows: Sequence[int]) -> None:
        """Read some cells at once."""
        if self._contrast is None:
            self._contrast = _measure(self.cells)
        for row, image in zip(rows, self.cells.read(rows), strict=True):
            tile = self._make(row, image, self._contrast) if isinstance(image, CellImage) else image
            before = self._known.pop(row, None)
            self._n_bytes += _size(tile) - _size(before)
            self._known[row] = tile
        while self._n_bytes > self._limit_bytes and len(self._known) > len(rows):
            _, old = self._known.popitem(last=False)
            self._n_bytes -= _size(old)

    def _make(self, row: int, image: CellImage, contrast: _Contrast) -> Tile:
        pixels = image.pixels.astype(np.float32)
        share = np.nan_to_num((pixels - contrast.low) / (contrast.high - contrast.low))
        planes = (np.clip(share, 0, 1) ** contrast.gamma * 255 + 0.5).astype(np.uint8)
        edge = float(self.cells.pixel_size_um[row])
        return Tile(planes, (edge if np.isfinite(edge) else contrast.pixel) / contrast.width)


def read_tiles(tiles: Tiles, wanted: Callable[[], Sequence[int]]) -> Job[list[int], None]:
    """Read cells, a few at a time, until all are known that are wanted.

    Parameters
    ----------
    tiles : Tiles
        Where to keep their pictures.
    wanted : callable
        Gives the cells that are wanted now, the most urgent first; it is asked again after each batch.

    Returns
    -------
    Job
        Its events are the cells that were read.
    """
    while rows := tiles.missing(wanted())[:_BATCH]:
        tiles.read(rows)
        yield rows


def picture_of(tile: Tile, channels: Sequence[str], shown: str = COMPOSITE) -> NDArray[np.uint8]:
    """One channel of a tile in grey, or all of them together in colour.

    Parameters
    ----------
    tile : Tile
        Of one cell.
    channels : sequence of str, length C
        What its planes show.
    shown : str
        One of `channels`, or `COMPOSITE`.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
    """
    if shown in channels:
        return np.repeat(tile.planes[channels.index(shown)][:, :, None], 3, axis=2)
    others = iter(_OTHER_COLOURS)
    dark = np.full((*tile.planes.shape[1:], 3), 255, np.float32)  # what is left to white
    for name, plane in zip(channels, tile.planes, strict=True):
        if name == BRIGHTFIELD:
            dark *= 1 - (_GREY_SHARE / 255) * plane[:, :, None]
        else:
            colour = np.array(_COLOURS.get(name) or next(others, (255, 255, 255)), np.float32)
            dark *= 1 - colour * (plane[:, :, None] / np.float32(255 * 255))
    return (255.5 - dark).astype(np.uint8)


def ground_of(picture: NDArray[np.uint8]) -> tuple[int, int, int]:
    """The colour around the cell in a picture, to fill a tile that is larger than it.

    Parameters
    ----------
    picture : ndarray of uint8, shape (Y, X, 3)
        Of a cell.

    Returns
    -------
    tuple of int
        Red, green and blue, each the median along the edge.
    """
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    red, green, blue = np.median(edge, axis=0).astype(int).tolist()
    return red, green, blue


def _size(tile: Tile | Unreadable | None) -> int:
    return tile.planes.nbytes if isinstance(tile, Tile) else 0


def _measure(cells: Cells) -> _Contrast:
    """Contrast and scale from a sample of cells: brightfield on grey, other channels on black."""
    rows = evenly_spaced(len(cells), _N_SAMPLED)
    found = zip(cells.pixel_size_um[rows].tolist(), cells.read(rows.tolist()), strict=True)
    sample = [(size, image.pixels) for size, image in found if isinstance(image, CellImage)]
    limits = [_limits(name, [pixels[channel] for _, pixels in sample]) for channel, name in enumerate(cells.channels)]
    known = [size for size, _ in sample if np.isfinite(size)]
    pixel = float(np.median(known)) if known else 1.0
    edges = [max(pixels.shape[1:]) * (size if np.isfinite(size) else pixel) for size, pixels in sample]
    low, high, gamma = np.array(limits, np.float32).T[:, :, None, None]
    return _Contrast(low, high, gamma, float(np.percentile(edges, 95, method="higher")) if edges else 1.0, pixel)


def _limits(channel: str, planes: Sequence[NDArray[np.generic]]) -> tuple[float, float, float]:
    """Black point, white point and gamma of a channel."""
    values = np.concatenate([np.zeros(0), *(plane.ravel() for plane in planes)]).astype(np.float32)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0, 1.0
    low, high = np.percentile(values, (0.1, 99.9) if channel == BRIGHTFIELD else (25, 99.8)).tolist()
    gamma = 1.0 if channel == BRIGHTFIELD else 0.7  # shows dim scatter next to bright spots
    return low, high if high > low else low + 1, gamma
