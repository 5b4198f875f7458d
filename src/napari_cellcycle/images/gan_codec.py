"""Encode the counts of an instrument as numbers near 1 for a generator of cells, and decode what it makes.

Brightfield is encoded relative to its background. The other channels have bright spots a hundred times their noise, so
they are encoded by the inverse hyperbolic sine, which is linear near 0 and logarithmic far from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD, Cells
from napari_cellcycle.errors import ImageError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.batches import prepare_batches, read_batch
from napari_cellcycle.images.model_input import InputSpec, Normalisation, background


@dataclass(frozen=True)
class ChannelCode:
    """How one channel is encoded.

    Attributes
    ----------
    background : float
        Counts where there is no cell. Each real cell's own background is subtracted; synthetic cells get this one.
    knee : float
        Counts above background where the inverse hyperbolic sine turns from linear to logarithmic; 0: the channel is
        encoded relative to its background instead.
    spread : float
        Standard deviation of the numbers after that.
    """

    background: float
    knee: float
    spread: float


@dataclass(frozen=True)
class Encoding:
    """How cells are encoded for a generator, and decoded.

    Attributes
    ----------
    channels : tuple of str
        Roles of the channels, in order.
    size_px : int
        Edge of the crop.
    pixel_size_um : float
        Edge of a pixel in micrometres.
    codes : tuple of ChannelCode
        One per channel.
    dtype : str
        Of the counts: ``uint16``, or ``float32`` where cameras or programs gave other numbers.
    """

    channels: tuple[str, ...]
    size_px: int
    pixel_size_um: float
    codes: tuple[ChannelCode, ...]
    dtype: str = "uint16"

    @property
    def spec(self) -> InputSpec:
        """How images are prepared for `encode`."""
        kinds = (Normalisation("ratio" if name == BRIGHTFIELD else "offset") for name in self.channels)
        return InputSpec(self.channels, self.size_px, self.pixel_size_um, tuple(kinds))

    def encode(self, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images (N, C, S, S), prepared as `spec` says, as numbers with a standard deviation of 1."""
        encoded = [_arcsinh(prepared[:, c], code.knee) / code.spread for c, code in enumerate(self.codes)]
        return np.stack(encoded, axis=1).astype(np.float32)

    def encode_cells(self, cells: Cells) -> NDArray[np.float32]:
        """The readable ones of a few cells, shape (N, C, S, S)."""
        return self.encode(read_batch(cells.select_channels(self.channels)).prepare(self.spec))

    def decode(self, encoded: NDArray[np.float32]) -> NDArray[np.generic]:
        """Encoded cells (N, C, S, S) as an instrument would have recorded them."""
        counts = np.stack(
            [_counts(encoded[:, c].astype(np.float64), code) for c, code in enumerate(self.codes)], axis=1
        )
        if self.dtype == "float32":
            return counts.astype(np.float32)
        return counts.round().clip(0, np.iinfo(np.uint16).max).astype(np.uint16)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        codes = [{"background": c.background, "bend": c.knee, "spread": c.spread} for c in self.codes]
        return {
            "channels": list(self.channels),
            "size_px": self.size_px,
            "pixel_size_um": self.pixel_size_um,
            "codes": codes,
            "dtype": self.dtype,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Encoding:
        """Read what `to_dict` returned; KeyError, TypeError or ValueError if it is something else."""
        codes = tuple(
            ChannelCode(**{"knee" if key == "bend" else key: code[key] for key in code}) for code in values["codes"]
        )
        if values["dtype"] not in ("uint16", "float32") or len(codes) != len(values["channels"]):
            raise ValueError("encoding does not fit together")
        return cls(
            tuple(values["channels"]), int(values["size_px"]), float(values["pixel_size_um"]), codes, values["dtype"]
        )


@dataclass(frozen=True, eq=False)
class EncodedCells:
    """Real cells as a generator is trained on them.

    Attributes
    ----------
    encoding : Encoding
        How they are encoded.
    images : ndarray of float32, shape (N, C, S, S)
        With a standard deviation near 1.
    positions : ndarray of int, shape (N,)
        Position of each among the cells that were read; unreadable ones are left out.
    """

    encoding: Encoding
    images: NDArray[np.float32]
    positions: NDArray[np.intp]


def encode_cells(
    cells: Cells, channels: tuple[str, ...], size_px: int, pixel_size_um: float
) -> Job[Progress | Note, EncodedCells]:
    """Read cells, and fit an encoding to them.

    Parameters
    ----------
    cells : Cells
        Real ones.
    channels : tuple of str
        Channels to encode, in order.
    size_px : int
        Edge of the crop.
    pixel_size_um : float
        Edge of a pixel in micrometres; cells with other pixels are resampled.

    Returns
    -------
    EncodedCells
        The readable cells; for each other one there is a `Note`.

    Raises
    ------
    ChannelError
        The cells lack one of `channels`.
    ImageError
        None of them can be read.
    """
    unfitted = Encoding(channels, size_px, pixel_size_um, ())
    images, backgrounds, positions, dtypes = [], [], [], set[np.dtype[np.generic]]()
    for batch, prepared in prepare_batches(cells.select_channels(channels), unfitted.spec):
        yield from batch.notes
        images.append(prepared)
        backgrounds += [background(cell) for cell in batch.images]
        positions.append(batch.indices)
        dtypes |= {cell.pixels.dtype for cell in batch.images}
        yield batch.progress("reading cells")
    if not backgrounds:
        raise ImageError("none of the cells could be read, so no generator can be trained on them; open other files")
    all_images = np.concatenate(images)
    counts = all(dtype in (np.dtype(np.uint8), np.dtype(np.uint16)) for dtype in dtypes)
    codes = _fit_codes(all_images, np.median(backgrounds, axis=0), channels)
    encoding = Encoding(channels, size_px, pixel_size_um, codes, "uint16" if counts else "float32")
    return EncodedCells(encoding, encoding.encode(all_images), np.concatenate(positions))


def _fit_codes(
    prepared: NDArray[np.float32], backgrounds: NDArray[np.floating], channels: tuple[str, ...]
) -> tuple[ChannelCode, ...]:
    codes = []
    for number, name in enumerate(channels):
        values = prepared[:, number]
        # three quarters of a crop's pixels are background, noise or faint: brighter ones are compressed
        knee = 0.0 if name == BRIGHTFIELD else float(np.percentile(np.abs(values), 75)) or 1.0
        spread = float(_arcsinh(values, knee).std(dtype=np.float64))
        codes.append(ChannelCode(float(backgrounds[number]), knee, spread if spread > 0 else 1.0))
    return tuple(codes)


def _arcsinh(values: NDArray[np.float32], knee: float) -> NDArray[np.float32]:
    return np.arcsinh(values / knee) if knee else values


def _counts(encoded: NDArray[np.float64], code: ChannelCode) -> NDArray[np.float64]:
    values = encoded * code.spread
    if not code.knee:
        return code.background * (1 + values)
    brightest = np.arcsinh(np.iinfo(np.uint16).max / code.knee)  # an outlier of a generator must not overflow
    counts: NDArray[np.float64] = code.background + code.knee * np.sinh(np.clip(values, -brightest, brightest))
    return counts
