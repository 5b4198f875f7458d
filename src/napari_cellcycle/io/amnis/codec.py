"""How Amnis packs pixels: compression 30817 for 16-bit images, 30818 for 8-bit masks, 1 for none.

A strip holds the channels of one object side by side; it is unpacked to planes of shape (C, H, W).
All arithmetic is modulo 2**16, as the pixels are, so every sum below may wrap and still be exact.
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
"""A longer number has more than 32 bits, and no difference of 16-bit pixels is that large."""

_GROUP_BYTES = 1 << 16
"""Strips are taken apart together until they hold this much: fewer calls, and yet within the processor's cache."""


class DamagedStripError(ValueError):
    """The bytes of a strip can't be the pixels that its directory promises."""


class Strip(NamedTuple):
    """The pixels of one object as they lie in the file; height and width are those of one channel."""

    content: NDArray[np.uint8]
    compression: int
    height: int
    width: int
    n_channels: int

    @property
    def n_pixels(self) -> int:
        """Of all channels."""
        return self.height * self.width * self.n_channels


def decode_images(strips: Sequence[Strip], planes: Sequence[int]) -> list[NDArray[np.int16] | DamagedStripError]:
    """Unpack the wanted channels of many objects.

    Parameters
    ----------
    strips : sequence of Strip
        Of compression 30817 or 1.
    planes : sequence of int
        Positions of the wanted channels in a strip.

    Returns
    -------
    list of ndarray of int16, shape (C, H, W), or DamagedStripError
        For each strip the wanted channels, in the order of `planes`, or what is wrong with it.
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
    """Unpack one object's mask, of compression 30818 or 1, to shape (C, H, W); or raise DamagedStripError."""
    content, compression, height, width, n_channels = strip
    runs = np.ones(len(content), np.intp) if compression == UNCOMPRESSED else content[1::2].astype(np.intp) + 1
    values = content if compression == UNCOMPRESSED else content[::2]
    if len(values) != len(runs) or runs.sum() != strip.n_pixels:
        raise DamagedStripError(f"its mask does not have the {strip.n_pixels} pixels of its image")
    return np.repeat(values, runs).reshape(height, n_channels, width).transpose(1, 0, 2).copy()


def _is_packed(strip: Strip) -> bool:
    return strip.compression != UNCOMPRESSED and len(strip.content) > 0


def _groups(strips: Sequence[Strip]) -> Iterator[Sequence[Strip]]:
    """Packed strips that are worth taking apart together; any other stands alone. In order."""
    first, n_bytes = 0, 0
    for place, strip in enumerate(strips):
        n_bytes += len(strip.content)
        if place > first and not (_is_packed(strip) and _is_packed(strips[first]) and n_bytes <= _GROUP_BYTES):
            yield strips[first:place]
            first, n_bytes = place, len(strip.content)
    if strips:
        yield strips[first:]


def _plain_image(strip: Strip, planes: Sequence[int]) -> NDArray[np.int16] | DamagedStripError:
    content, _, height, width, n_channels = strip
    if len(content) != 2 * strip.n_pixels:
        return DamagedStripError(f"its strip holds {len(content)} bytes for {strip.n_pixels} pixels")
    pixels = content.view("<i2").reshape(height, n_channels, width)[:, list(planes)]
    return pixels.transpose(1, 0, 2).astype(np.int16, order="C")


def _image(strip: Strip, differences: NDArray[np.int16], planes: Sequence[int]) -> NDArray[np.int16]:
    """Planes (C, H, W) out of mixed second differences, which run on from each channel into the next."""
    height, width = strip.height, strip.width
    first, stop = min(planes, default=0), max(planes, default=-1) + 1
    upto_last = differences.reshape(height, -1)[:, : stop * width]
    rows = np.cumsum(upto_last, axis=1, dtype=np.int32)[:, first * width :]  # int32: faster than int16 in numpy
    columns = np.cumsum(rows, axis=0, dtype=np.int32).reshape(height, stop - first, width)
    between = columns.transpose(1, 0, 2).astype(np.int16, order="C")
    wanted = [plane - first for plane in planes]
    return between if wanted == list(range(len(between))) else between[wanted]


def _numbers(strips: Sequence[Strip]) -> list[NDArray[np.int16] | DamagedStripError]:
    """The signed numbers of each strip: 3 bits a nibble, as many nibbles as each needs, modulo 2**16."""
    joined = np.concatenate([strip.content for strip in strips])
    last = np.cumsum([len(strip.content) for strip in strips]) - 1  # byte of each strip
    words = joined.astype("<u2") << 4
    more = ((words | joined) & 0x0808).view(np.uint8) != 0  # of each nibble: bit 3, "another one follows"
    unfinished = more[2 * last + 1]
    more[2 * last + 1] = False  # a number that a strip leaves unfinished must not reach into the next strip
    before = joined[:-1] >> 4
    before[last[:-1]] = 0
    words[1:] |= before
    values: NDArray[np.int16] = _PAIRS.take(words).view("<i2")
    ends = ~more
    long_ends = np.flatnonzero(more[:-2] & more[1:-1] & ends[2:]) + 2
    too_long = _complete_long_numbers(values, joined, more, long_ends)
    faulty = {*np.searchsorted(last, too_long // 2).tolist()}
    found: list[NDArray[np.int16] | DamagedStripError] = []
    start = 0
    for place, strip in enumerate(strips):
        stop = 2 * int(last[place]) + 2
        numbers: NDArray[np.int16] = values[start:stop][ends[start:stop]]
        if place in faulty:
            found.append(DamagedStripError(f"its strip holds a number of more than {MOST_NIBBLES} nibbles"))
        elif not _is_complete(len(numbers), strip.n_pixels, bool(unfinished[place]), ends[start:stop]):
            found.append(DamagedStripError(f"its strip holds {len(numbers)} numbers for {strip.n_pixels} pixels"))
        else:
            found.append(numbers[: strip.n_pixels])
        start = stop
    return found


def _is_complete(n_numbers: int, n_pixels: int, unfinished: bool, ends: NDArray[np.bool_]) -> bool:
    """Whether there are exactly the promised numbers, and at most one nibble of padding: one byte astray shows here."""
    padded = n_numbers == n_pixels + 1 and bool(ends[-2])
    return padded or (n_numbers == n_pixels and not unfinished)


def _complete_long_numbers(
    values: NDArray[np.int16], strip: NDArray[np.uint8], more: NDArray[np.bool_], ends: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Put in place the numbers of three nibbles and more that end at `ends`; return the ends of those too long."""
    numbers = _signed(_nibbles(strip, ends))
    going, place = np.arange(len(ends)), ends - 1  # which numbers have a nibble at `place`
    for _ in range(MOST_NIBBLES - 1):
        if not len(going):
            break
        numbers[going] = numbers[going] << 3 | _nibbles(strip, place) & 7
        further = (place > 0) & more[place - 1]
        going, place = going[further], place[further] - 1
    values[ends] = numbers.astype(np.int16)
    return ends[going]


def _nibbles(strip: NDArray[np.uint8], places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Nibbles at `places`, the low one of each byte first."""
    halves = 4 * (places & 1)
    nibbles: NDArray[np.intp] = strip[places >> 1].astype(np.intp) >> halves & 15
    return nibbles


def _values_of_pairs() -> NDArray[np.uint32]:
    """Side by side, as int16, the numbers that a byte's two nibbles end, at ``byte << 4 | nibble before it``.

    Right for numbers of one or two nibbles; nearly all are that short.
    """
    second, (first, before) = np.arange(1 << 12) >> 8, np.divmod(np.arange(1 << 12) & 255, 16)
    pairs = [
        np.where(b & 8, _signed(last) << 3 | b & 7, _signed(last)) for last, b in ((first, before), (second, first))
    ]
    return np.stack(pairs, axis=1).astype("<i2").view("<u4").ravel()


def _signed(nibble: NDArray[np.intp]) -> NDArray[np.intp]:
    """Value of a number's last nibble, whose bit 2 is the sign."""
    return (nibble & 7) - 2 * (nibble & 4)


_PAIRS = _values_of_pairs()
