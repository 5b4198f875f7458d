"""What other instruments, cameras and file formats do to raw images of cells, and images that no model can classify."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, rotate
from skimage.transform import resize

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, Cells

CHANNELS = (BRIGHTFIELD, DARKFIELD)
SEED = 0
CORNER_PX = 6
_EACH_AND_BOTH = ((0,), (1,), (0, 1))

Planes = NDArray[np.float64]  # (C, Y, X), raw counts
Alter = Callable[[Planes, np.random.Generator], Planes]


@dataclass(frozen=True)
class Change:
    """A change of each cell, and the factor of its pixel size, which the model knows."""

    group: str
    name: str
    alter: Alter
    pixel_size: float = 1.0


@dataclass(frozen=True, eq=False)
class Recording:
    """Statistics of all cells that the changes of single cells need; each of shape (C, 1, 1)."""

    background: Planes
    darkest: Planes
    brightest: Planes

    @classmethod
    def of(cls, pixels: NDArray[np.generic]) -> Recording:
        """Measure all cells (N, C, Y, X); one pixel in a thousand lies outside the display range at each end."""
        border = np.concatenate([pixels[:, :, [0, -1]].reshape(*pixels.shape[:2], -1), pixels[..., 0]], axis=-1)
        levels = [np.median(border, axis=(0, 2)), *np.percentile(pixels, [0.1, 99.9], axis=(0, 2, 3))]
        return cls(*(level[:, None, None] for level in levels))


@dataclass(frozen=True, eq=False)
class ChangedImages:
    """Cells as another instrument would have recorded them, in whole counts."""

    cells: Cells
    alter: Alter

    def __len__(self) -> int:
        return len(self.cells)

    def read(self, indices: Sequence[int]) -> list[CellImage]:
        """Changed cells; a cell is changed in the same way each time."""
        images = zip(indices, self.cells.read(indices), strict=True)
        changed = [self.alter(image.pixels.astype(float), np.random.default_rng((SEED, i))) for i, image in images]
        return [CellImage(np.clip(planes.round(), 0, 65535).astype(np.uint16)) for planes in changed]


def change_cells(cells: Cells, change: Change, pixel_size_um: float) -> Cells:
    """`cells`, recorded with pixels of `pixel_size_um`, after `change`."""
    sizes = np.full(len(cells), pixel_size_um * change.pixel_size, np.float32)
    return replace(cells, images=ChangedImages(cells, change.alter), pixel_size_um=sizes)


def instruments(recording: Recording) -> Iterator[Change]:
    """Changes that should cost a good model little accuracy."""
    yield Change("as recorded", "", lambda planes, _: planes)
    yield from _gains_and_offsets(recording)
    whole = recording.darkest, recording.brightest
    for group, codec in (("8-bit", lambda planes: planes), ("JPEG, quality 90", _through_jpeg)):
        yield Change(group, "one range for the data set", lambda p, _, codec=codec: codec(_to_8_bit(p, *whole)))
        yield Change(group, "own range of each cell", lambda p, _, codec=codec: codec(_to_8_bit(p, *_own_range(p))))
    for size, shift in ((55, (0, 0)), (66, (0, 0)), (66, (-6, 7))):
        where = "" if shift == (0, 0) else ", cell 6 px above and 7 px right of the middle"
        yield Change("crop", f"{size} px{where}", lambda p, r, size=size, shift=shift: _widen(p, size, shift, r))
    for factor in (0.8, 0.9, 1.1, 1.25):
        yield Change("pixel size, known", f"x {factor}", lambda p, _, f=factor: _resample(p, f), factor)
    for sigma in (0.5, 0.8):
        yield Change("blur", f"Gaussian, {sigma} px", lambda p, _, s=sigma: gaussian_filter(p, (0, s, s)))
    for share in (0.05, 0.1):
        yield Change("noise", f"{share:.0%} of the cell's spread", lambda p, r, s=share: _add_noise(p, s, r))
    for degrees in (5, 15):
        yield Change("rotation", f"{degrees} degrees", lambda p, _, d=degrees: _turn(p, d))


def no_such_cells(recording: Recording) -> Iterator[Change]:
    """Changes after which no phase can be seen; such cells should be flagged."""
    yield Change("two cells in a crop", "", lambda planes, _: _doubled(planes, recording.background))
    yield Change("channels swapped", "", lambda planes, _: planes[::-1])
    yield Change("contrast inverted", "", lambda planes, _: np.maximum(2 * recording.background - planes, 0))
    yield Change("pixels shuffled", "", lambda p, r: r.permutation(p.reshape(len(p), -1), axis=1).reshape(p.shape))
    yield Change("no cell, noise alone", "", lambda planes, random: _background(planes, planes.shape[-1], random))
    yield Change("noise", "50% of the cell's spread", lambda planes, random: _add_noise(planes, 0.5, random))
    yield Change("blur", "Gaussian, 3 px", lambda planes, _: gaussian_filter(planes, (0, 3, 3)))
    yield Change("pixel size, not known", "x 0.67", lambda planes, _: _resample(planes, 0.67))


def no_darkfield(recording: Recording) -> Change:
    """The darkfield plane exists, but is empty."""
    return Change("darkfield missing", "an empty plane in its place", lambda p, _: _on(p, (1,), recording.background))


def _gains_and_offsets(recording: Recording) -> Iterator[Change]:
    for which in _EACH_AND_BOTH:
        where = " and ".join(CHANNELS[channel] for channel in which)
        for gain in (0.8, 1.2):
            yield Change("gain", f"x {gain}, {where}", lambda p, _, w=which, gain=gain: _on(p, w, gain * p))
    for which in _EACH_AND_BOTH:
        where = " and ".join(CHANNELS[channel] for channel in which)
        for share in (-0.2, 0.2):
            offset = share * recording.background
            yield Change("offset", f"{share:+.0%}, {where}", lambda p, _, w=which, o=offset: _on(p, w, p + o))


def _on(planes: Planes, which: tuple[int, ...], changed: Planes) -> Planes:
    """`planes` with the channels `which` taken from `changed`."""
    chosen = np.isin(np.arange(len(planes)), which)[:, None, None]
    return np.where(chosen, changed, planes)


def _own_range(planes: Planes) -> tuple[Planes, Planes]:
    return planes.min(axis=(1, 2), keepdims=True), planes.max(axis=(1, 2), keepdims=True)


def _to_8_bit(planes: Planes, darkest: Planes, brightest: Planes) -> Planes:
    return np.clip((planes - darkest) / np.maximum(brightest - darkest, 1) * 255, 0, 255).round()


def _through_jpeg(planes: Planes) -> Planes:
    read = []
    for plane in planes:
        file = BytesIO()
        Image.fromarray(plane.astype(np.uint8)).save(file, "JPEG", quality=90)
        read.append(np.asarray(Image.open(file), dtype=np.float64))
    return np.stack(read)


def _widen(planes: Planes, size: int, shift: tuple[int, int], random: np.random.Generator) -> Planes:
    height, width = planes.shape[1:]
    wide = _background(planes, size, random)
    top, left = (size - height) // 2 + shift[0], (size - width) // 2 + shift[1]
    wide[:, top : top + height, left : left + width] = planes
    return wide


def _background(planes: Planes, size: int, random: np.random.Generator) -> Planes:
    """Pixels drawn from the corners of an image, where no cell is: the camera's noise hardly has neighbours."""
    ends = (slice(0, CORNER_PX), slice(-CORNER_PX, None))
    corners = [planes[:, rows, columns].reshape(len(planes), -1) for rows in ends for columns in ends]
    return np.stack([random.choice(values, (size, size)) for values in np.concatenate(corners, axis=1)])


def _resample(planes: Planes, factor: float) -> Planes:
    """With pixels larger by `factor`."""
    shape = [round(length / factor) for length in planes.shape[1:]]
    return np.stack([resize(plane, shape, order=3, mode="edge", anti_aliasing=factor > 1) for plane in planes])


def _add_noise(planes: Planes, share: float, random: np.random.Generator) -> Planes:
    return planes + share * planes.std(axis=(1, 2), keepdims=True) * random.standard_normal(planes.shape)


def _turn(planes: Planes, degrees: float) -> Planes:
    return rotate(planes, degrees, axes=(1, 2), reshape=False, order=3, mode="nearest")


def _doubled(planes: Planes, background: Planes) -> Planes:
    """The cell twice, 24 px apart, as far as the image shows both."""
    excess = planes - background
    left, right = np.zeros_like(excess), np.zeros_like(excess)
    left[..., :-12], right[..., 12:] = excess[..., 12:], excess[..., :-12]
    return background + left + right
