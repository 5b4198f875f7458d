"""The compression of Amnis files: 30817 for 16-bit images, 30818 for 8-bit masks, 1 for none.

A strip contains the channels of one object side by side; it is decoded to planes of shape (C, H, W).
All arithmetic is modulo 2**16, like the pixels, so every sum below may overflow and is still exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UNCOMPRESSED = 1
GREYSCALE = 30817
BITMASK = 30818

MOST_NIBBLES = 11
"""Nibbles of a number. A longer one has more than 32 bits, but no difference of 16-bit pixels is that large."""

_GROUP_BYTES = 1 << 16
"""Strips are decoded in groups of this size: this needs few calls, and fits into the cache of the processor."""


class DamagedStripError(ValueError):
    """The bytes of a strip can't be the pixels that its directory promises."""


class Strip(NamedTuple):
    """The encoded pixels of one object; height and width are those of one channel."""

    content: NDArray[np.uint8]
    compression: int
    height: int
    width: int
    n_channels: int

    @property
    def n_pixels(self) -> int:
        """Number of pixels of all channels."""
        return self.height * self.width * self.n_channels


def decode_images(strips: Sequence[Strip], planes: Sequence[int]) -> list[NDArray[np.int16] | DamagedStripError]:
    """Decode some channels of many objects.

    Parameters
    ----------
    strips : sequence of Strip
        With compression 30817 or 1.
    planes : sequence of int
        Indices of the channels to decode.

    Returns
    -------
    list of ndarray of int16, shape (C, H, W), or DamagedStripError
        For each strip its channels in the order of `planes`, or what is wrong with it.
    """
    images: list[NDArray[np.int16] | DamagedStripError] = []
    for group in _groups(strips):
        if not _is_packed(group[0]):
            images.append(_plain_image(group[0], planes))
            continue
        for strip, numbers in zip(group, _numbers(group), strict=True):
            images.append(numbers if isinstance(numbers, DamagedStripError) else _image(strip, numbers, planes))
    return images


def decode_mask(strip: Strip) -> NDArray[np.uint8]:
    """Decode the mask of one object, with compression 30818 or 1, to shape (C, H, W); or raise DamagedStripError."""
    content, compression, height, width, n_channels = strip
    runs = np.ones(len(content), np.intp) if compression == UNCOMPRESSED else content[1::2].astype(np.intp) + 1
    values = content if compression == UNCOMPRESSED else content[::2]
    if len(values) != len(runs) or runs.sum() != strip.n_pixels:
        raise DamagedStripError(f"its mask does not have the {strip.n_pixels} pixels of its image")
    return np.repeat(values, runs).reshape(height, n_channels, width).transpose(1, 0, 2).copy()


def _is_packed(strip: Strip) -> bool:
    return strip.compression != UNCOMPRESSED and len(strip.content) > 0


def _groups(strips: Sequence[Strip]) -> Iterator[Sequence[Strip]]:
    """Consecutive compressed strips to decode together; each other strip is a group of its own."""
    first, n_bytes = 0, 0
    for index, strip in enumerate(strips):
        n_bytes += len(strip.content)
        if index > first and not (_is_packed(strip) and _is_packed(strips[first]) and n_bytes <= _GROUP_BYTES):
            yield strips[first:index]
            first, n_bytes = index, len(strip.content)
    if strips:
        yield strips[first:]


def _plain_image(strip: Strip, planes: Sequence[int]) -> NDArray[np.int16] | DamagedStripError:
    content, _, height, width, n_channels = strip
    if len(content) != 2 * strip.n_pixels:
        return _damage(strip)
    pixels = content.view("<i2").reshape(height, n_channels, width)[:, list(planes)]
    return pixels.transpose(1, 0, 2).astype(np.int16, order="C")


def _image(strip: Strip, differences: NDArray[np.int16], planes: Sequence[int]) -> NDArray[np.int16]:
    """Planes (C, H, W) from mixed second differences, which continue from each channel to the next."""
    height, width = strip.height, strip.width
    first, stop = min(planes, default=0), max(planes, default=-1) + 1
    upto_last = differences.reshape(height, -1)[:, : stop * width]
    rows = np.cumsum(upto_last, axis=1, dtype=np.int32)[:, first * width :]  # int32: faster than int16 in numpy
    columns = np.cumsum(rows, axis=0, dtype=np.int32).reshape(height, stop - first, width)
    between = columns.transpose(1, 0, 2).astype(np.int16, order="C")
    wanted = [plane - first for plane in planes]
    return between if wanted == list(range(len(between))) else between[wanted]


def _numbers(strips: Sequence[Strip]) -> list[NDArray[np.int16] | DamagedStripError]:
    """The signed numbers of each strip, modulo 2**16: 3 bits per nibble, and as many nibbles as a number needs."""
    joined = np.concatenate([strip.content for strip in strips])
    stops = 2 * np.cumsum([len(strip.content) for strip in strips])  # in nibbles
    words = joined.astype("<u2") << 4
    more = ((words | joined) & 0x0808).view(np.uint8) != 0  # of each nibble: bit 3, "another one follows"
    unfinished = more[stops - 1]
    more[stops - 1] = False  # an unfinished number must not continue in the next strip
    before = joined[:-1] >> 4
    before[stops[:-1] // 2 - 1] = 0
    words[1:] |= before
    values: NDArray[np.int16] = _PAIRS.take(words).view("<i2")
    too_long = _complete_long_numbers(values, joined, more)
    damaged = set(np.searchsorted(stops, too_long, side="right").tolist())
    parts = zip(strips, np.split(values, stops[:-1]), np.split(~more, stops[:-1]), unfinished.tolist(), strict=True)
    return [
        _damage(strip) if index in damaged else _checked(strip, values[ends], ends, cut)
        for index, (strip, values, ends, cut) in enumerate(parts)
    ]


def _checked(
    strip: Strip, numbers: NDArray[np.int16], ends: NDArray[np.bool_], unfinished: bool
) -> NDArray[np.int16] | DamagedStripError:
    """The numbers, if there are as many as pixels and at most one nibble of padding; so a lost byte is noticed."""
    padded = len(numbers) == strip.n_pixels + 1 and bool(ends[-2])
    if padded or (len(numbers) == strip.n_pixels and not unfinished):
        return numbers[: strip.n_pixels]
    return _damage(strip)


def _damage(strip: Strip) -> DamagedStripError:
    return DamagedStripError(
        f"its strip of {len(strip.content)} bytes does not contain exactly {strip.n_pixels} pixels"
    )


def _complete_long_numbers(
    values: NDArray[np.int16], strip: NDArray[np.uint8], more: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Insert numbers of three or more nibbles into `values`, at their ends; return the ends of those too long."""
    ends = np.flatnonzero(more[:-2] & more[1:-1] & ~more[2:]) + 2
    numbers = _signed(_nibbles(strip, ends))
    going, position = np.arange(len(ends)), ends - 1  # which numbers have a nibble at `position`
    for _ in range(MOST_NIBBLES - 1):
        if not len(going):
            break
        numbers[going] = numbers[going] << 3 | _nibbles(strip, position) & 7
        further = more[position - 1]  # False for the last nibble of the strip before
        going, position = going[further], position[further] - 1
    values[ends] = numbers.astype(np.int16)
    return ends[going]


def _nibbles(strip: NDArray[np.uint8], positions: NDArray[np.intp]) -> NDArray[np.intp]:
    """Nibbles at `positions`; the low nibble of each byte comes first."""
    nibbles: NDArray[np.intp] = strip[positions >> 1].astype(np.intp) >> 4 * (positions & 1) & 15
    return nibbles


def _values_of_pairs() -> NDArray[np.uint32]:
    """The two int16 numbers that end at the nibbles of a byte, at the index ``byte << 4 | nibble before it``.

    This is right for numbers of one or two nibbles, as nearly all are.
    """
    key = np.arange(1 << 12)
    before, low, high = key & 15, key >> 4 & 15, key >> 8
    ended_by_low = np.where(before & 8, _signed(low) << 3 | before & 7, _signed(low))
    ended_by_high = np.where(low & 8, _signed(high) << 3 | low & 7, _signed(high))
    return np.stack([ended_by_low, ended_by_high], axis=1).astype("<i2").view("<u4").ravel()


def _signed(nibble: NDArray[np.intp]) -> NDArray[np.intp]:
    """Value of the last nibble of a number; its bit 2 is the sign."""
    return (nibble & 7) - 2 * (nibble & 4)


_PAIRS = _values_of_pairs()
