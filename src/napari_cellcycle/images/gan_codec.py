"""Between the counts of an instrument and the numbers near 1 that a generator of cells learns.

Brightfield is told relative to its background. The other channels have bright spots a hundred times their noise, so
they are told by the inverse hyperbolic sine, which is linear near 0 and a logarithm far from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import BRIGHTFIELD, Cells
from napari_cellcycle.errors import ImageError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.model_input import InputSpec, Normalisation, background, prepare

READ_AT_ONCE = 512


@dataclass(frozen=True)
class ChannelCode:
    """How one channel is told.

    Attributes
    ----------
    background : float
        Counts where no cell is; each real cell's own is taken off, made cells lie on this.
    bend : float
        Counts above background where the inverse hyperbolic sine bends; 0: relative to the background, without it.
    spread : float
        Standard deviation of what comes out of that.
    """

    background: float
    bend: float
    spread: float


@dataclass(frozen=True)
class Encoding:
    """How cells are told to a generator, and made again of what it says.

    Attributes
    ----------
    channels : tuple of str
        Their roles, in order.
    size_px : int
        Edge of the crop.
    pixel_size_um : float
        Edge of a pixel in micrometres.
    codes : tuple of ChannelCode
        One a channel.
    dtype : str
        Of the counts: ``uint16``, or ``float32`` where cameras or programs gave other numbers.
    """

    channels: tuple[str, ...]
    size_px: int
    pixel_size_um: float
    codes: tuple[ChannelCode, ...]
    dtype: str = "uint16"

    def encode(self, above_background: NDArray[np.float32]) -> NDArray[np.float32]:
        """Prepared images (N, C, S, S), as `unencoded_spec` asks for them, to numbers of spread 1."""
        told = [_bent(above_background[:, c], code.bend) / code.spread for c, code in enumerate(self.codes)]
        return np.stack(told, axis=1).astype(np.float32)

    def decode(self, told: NDArray[np.float32]) -> NDArray[np.generic]:
        """What a generator says, (N, C, S, S), as an instrument would have recorded it."""
        counts = np.stack([_counts(told[:, c].astype(np.float64), code) for c, code in enumerate(self.codes)], axis=1)
        if self.dtype == "float32":
            return counts.astype(np.float32)
        return counts.round().clip(0, np.iinfo(np.uint16).max).astype(np.uint16)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        codes = [{"background": c.background, "bend": c.bend, "spread": c.spread} for c in self.codes]
        return {
            "channels": list(self.channels),
            "size_px": self.size_px,
            "pixel_size_um": self.pixel_size_um,
            "codes": codes,
            "dtype": self.dtype,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Encoding:
        """Read what `to_dict` gave; KeyError, TypeError or ValueError if it is something else."""
        codes = tuple(ChannelCode(**code) for code in values["codes"])
        if values["dtype"] not in ("uint16", "float32") or len(codes) != len(values["channels"]):
            raise ValueError("encoding does not fit together")
        return cls(
            tuple(values["channels"]), int(values["size_px"]), float(values["pixel_size_um"]), codes, values["dtype"]
        )


def unencoded_spec(channels: tuple[str, ...], size_px: int, pixel_size_um: float) -> InputSpec:
    """How `prepare` gives the images that `Encoding.encode` takes."""
    kinds = (Normalisation("ratio" if name == BRIGHTFIELD else "offset") for name in channels)
    return InputSpec(channels, size_px, pixel_size_um, tuple(kinds))


def encode_cells(
    cells: Cells, channels: tuple[str, ...], size_px: int, pixel_size_um: float
) -> Job[Progress | Note, EncodedCells]:
    """Read `cells`, and fit an encoding to them; the result is `EncodedCells`.

    Raises
    ------
    ChannelError
        The cells lack one of `channels`.
    ImageError
        None of them can be read.
    """
    wanted, spec = cells.select_channels(channels), unencoded_spec(channels, size_px, pixel_size_um)
    images, backgrounds, places, kinds = [], [], [], set[np.dtype[np.generic]]()
    for start in range(0, len(cells), READ_AT_ONCE):
        batch = np.arange(start, min(start + READ_AT_ONCE, len(cells)))
        read = wanted.read(batch.tolist())
        good = np.array([isinstance(cell, CellImage) for cell in read])
        kept = [cell for cell in read if isinstance(cell, CellImage)]
        images.append(prepare(kept, spec, cells.pixel_size_um[batch[good]]))
        backgrounds += [background(cell) for cell in kept]
        places.append(batch[good])
        kinds |= {cell.pixels.dtype for cell in kept}
        yield Progress(int(batch[-1]) + 1, len(cells), "reading cells")
    if not backgrounds:
        raise ImageError("none of the cells could be read, so no generator can learn from them; open other files")
    above = np.concatenate(images)
    counts = all(kind in (np.dtype(np.uint8), np.dtype(np.uint16)) for kind in kinds)
    codes = _fit_codes(above, np.median(backgrounds, axis=0), channels)
    encoding = Encoding(channels, size_px, pixel_size_um, codes, "uint16" if counts else "float32")
    return EncodedCells(encoding, encoding.encode(above), np.concatenate(places))


@dataclass(frozen=True, eq=False)
class EncodedCells:
    """Real cells as a generator learns them.

    Attributes
    ----------
    encoding : Encoding
        How they are told.
    images : ndarray of float32, shape (N, C, S, S)
        Of spread near 1.
    positions : ndarray of int, shape (N,)
        Where each stands among the cells that were asked for; unreadable ones are left out.
    """

    encoding: Encoding
    images: NDArray[np.float32]
    positions: NDArray[np.intp]


def _fit_codes(
    above: NDArray[np.float32], backgrounds: NDArray[np.floating], channels: tuple[str, ...]
) -> tuple[ChannelCode, ...]:
    codes = []
    for number, name in enumerate(channels):
        values = above[:, number]
        # three quarters of a crop's pixels are background, noise or faint: what is brighter is squeezed
        bend = 0.0 if name == BRIGHTFIELD else float(np.percentile(np.abs(values), 75)) or 1.0
        spread = float(_bent(values, bend).std(dtype=np.float64))
        codes.append(ChannelCode(float(backgrounds[number]), bend, spread if spread > 0 else 1.0))
    return tuple(codes)


def _bent(values: NDArray[np.float32], bend: float) -> NDArray[np.float32]:
    return np.arcsinh(values / bend) if bend else values


def _counts(told: NDArray[np.float64], code: ChannelCode) -> NDArray[np.float64]:
    values = told * code.spread
    if not code.bend:
        return code.background * (1 + values)
    brightest = np.arcsinh(np.iinfo(np.uint16).max / code.bend)  # a generator's slip must not overflow
    counts: NDArray[np.float64] = code.background + code.bend * np.sinh(np.clip(values, -brightest, brightest))
    return counts
