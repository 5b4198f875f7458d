"""How Amnis packs pixels: compression 30817 for 16-bit images, 30818 for 8-bit masks, 1 for none.

A strip holds the channels of one object side by side; it is unpacked to planes of shape (C, H, W).
All arithmetic is modulo 2**16, as the pixels are, so every sum below may wrap and still be exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UNCOMPRESSED = 1
GREYSCALE = 30817
BITMASK = 30818

MOST_NIBBLES = 11
"""A longer number has more than 32 bits, and no difference of 16-bit pixels is that large."""


class DamagedStripError(ValueError):
    """The bytes of a strip can't be the pixels that its directory promises."""


class Layout(NamedTuple):
    """Height and width of one channel, and how many lie side by side."""

    height: int
    width: int
    n_channels: int

    @property
    def n_pixels(self) -> int:
        return self.height * self.width * self.n_channels


def _values_of_pairs() -> NDArray[np.int16]:
    """Value that nibble `last` ends, given the nibble `before` it, at ``last << 4 | before``.

    Bit 3 says "another nibble follows"; bits 0-2 are data, and signed in the last nibble of a number.
    """
    last, before = np.divmod(np.arange(256), 16)
    signed = (last & 7) - 8 * (last & 4 != 0)
    values: NDArray[np.int64] = np.where(before & 8, 8 * signed + (before & 7), signed)
    return values.astype(np.int16)


_PAIRS = _values_of_pairs()


def decode_image(
    strip: NDArray[np.uint8], compression: int, layout: Layout, planes: Sequence[int]
) -> NDArray[np.int16]:
    """Unpack the wanted channels of one object's image strip.

    Parameters
    ----------
    strip : ndarray of uint8, shape (n_bytes,)
        The strip as it lies in the file.
    compression : int
        30817 or 1.
    layout : Layout
        What it holds.
    planes : sequence of int
        Positions of the wanted channels in the strip.

    Returns
    -------
    ndarray of int16, shape (C, H, W)
        The wanted channels, in the order of `planes`.

    Raises
    ------
    DamagedStripError
        The strip holds fewer or more pixels than `layout` says.
    """
    height, width, n_channels = layout
    if compression == UNCOMPRESSED:
        if len(strip) != 2 * layout.n_pixels:
            raise DamagedStripError(f"{len(strip)} bytes for {layout.n_pixels} pixels of 16 bits")
        pixels = strip.view("<i2").reshape(height, n_channels, width)[:, planes]
        return np.ascontiguousarray(pixels.transpose(1, 0, 2), np.int16)
    stop = (max(planes, default=-1) + 1) * width
    differences = _numbers(strip, layout.n_pixels).reshape(height, n_channels * width)[:, :stop]
    rows = np.cumsum(differences, axis=1, dtype=np.int32)  # numpy sums int32 several times faster than int16
    wanted = rows.reshape(height, -1, width)[:, planes]
    pixels = np.cumsum(wanted, axis=0, dtype=np.int32).transpose(1, 0, 2)
    return pixels.astype(np.int16, order="C")


def decode_mask(strip: NDArray[np.uint8], compression: int, layout: Layout) -> NDArray[np.uint8]:
    """Unpack one object's mask strip (30818 or 1) to shape (C, H, W); see `decode_image`."""
    height, width, n_channels = layout
    runs = np.ones(len(strip), np.intp) if compression == UNCOMPRESSED else strip[1::2].astype(np.intp) + 1
    values = strip if compression == UNCOMPRESSED else strip[::2]
    if len(values) != len(runs) or runs.sum() != layout.n_pixels:
        raise DamagedStripError(f"its mask does not have the {layout.n_pixels} pixels of its image")
    return np.repeat(values, runs).reshape(height, n_channels, width).transpose(1, 0, 2).copy()


def _numbers(strip: NDArray[np.uint8], n_numbers: int) -> NDArray[np.int16]:
    """The signed numbers, of 3 bits a nibble and as many nibbles as each needs, modulo 2**16."""
    nibbles = np.stack([strip & 15, strip >> 4], axis=1).ravel()
    pairs = nibbles << 4
    pairs[1:] |= nibbles[:-1]
    values = _PAIRS.take(pairs)  # right wherever a number of one or two nibbles ends
    more = nibbles > 7
    ends = ~more
    _check_count(ends, n_numbers)
    _complete_long_numbers(values, nibbles, more, ends)
    return values[ends][:n_numbers]


def _check_count(ends: NDArray[np.bool_], n_numbers: int) -> None:
    """Exactly the promised numbers, and at most one nibble of padding: one byte astray shows here."""
    n_found = int(np.count_nonzero(ends))
    padded = n_found == n_numbers + 1 and bool(ends[-2:].all())
    if not (n_found == n_numbers or padded) or not ends[-2:].any():
        raise DamagedStripError(f"its strip holds {n_found} numbers for {n_numbers} pixels")


def _complete_long_numbers(
    values: NDArray[np.int16], nibbles: NDArray[np.uint8], more: NDArray[np.bool_], ends: NDArray[np.bool_]
) -> None:
    """Put in place the numbers of three nibbles and more, from their most significant nibble down."""
    long_ends = np.flatnonzero(more[:-2] & more[1:-1] & ends[2:]) + 2
    numbers = values[long_ends]
    going = np.arange(len(long_ends))  # which of the long numbers have a nibble at `place`
    place = long_ends - 2
    for _ in range(MOST_NIBBLES - 2):
        if not len(going):
            break
        numbers[going] = (numbers[going] << 3) | (nibbles[place] & 7)
        further = (place > 0) & more[place - 1]
        going, place = going[further], place[further] - 1
    if len(going):
        raise DamagedStripError(f"its strip holds a number of more than {MOST_NIBBLES} nibbles")
    values[long_ends] = numbers
