"""Writes synthetic .cif and .rif files, object by object, so that tests need no data of anyone.

Its encoder is written number by number from the description of the format, as unlike the reader as can be.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BYTE, ASCII, SHORT, LONG, DOUBLE = 1, 2, 3, 4, 12
PERSONAL = {33005: b"Jane Doe", 33026: b"C:\\Users\\jane\\secret"}


@dataclass
class WrittenObject:
    """One object to write: image (C, H, W) of 16 bits, and a mask of the same shape in a .cif."""

    image: NDArray[np.int16]
    mask: NDArray[np.uint8] | None = None
    object_id: int | None = None
    compression: int = 30817
    mask_compression: int = 30818


@dataclass
class WrittenFile:
    """Where things lie in a file that was written: offsets of directories and (start, size) of strips."""

    directories: list[int] = field(default_factory=list)
    strips: list[tuple[int, int]] = field(default_factory=list)


def encode_numbers(numbers: Sequence[int]) -> bytes:
    """Each number as nibbles of 3 data bits, least significant first; bit 3 set where another follows."""
    nibbles = []
    for number in numbers:
        while not -4 <= number <= 3:
            nibbles.append(number & 7 | 8)
            number >>= 3
        nibbles.append(number & 7)
    if len(nibbles) % 2:
        nibbles.append(0)
    return bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def encode_image(image: NDArray[np.int16]) -> bytes:
    """Mixed second differences of the channels side by side, row by row."""
    strip = np.concatenate(list(image), axis=1).astype(np.int64)
    differences = np.diff(np.diff(strip, axis=0, prepend=0), axis=1, prepend=0)
    return encode_numbers(differences.ravel().tolist())


def encode_mask(mask: NDArray[np.uint8]) -> bytes:
    """Runs of one value, as pairs of the value and the run's length less one."""
    pixels = np.concatenate(list(mask), axis=1).ravel().tolist()
    runs: list[list[int]] = []
    for pixel in pixels:
        if runs and runs[-1][0] == pixel and runs[-1][1] < 255:
            runs[-1][1] += 1
        else:
            runs.append([pixel, 0])
    return bytes(number for run in runs for number in run)


def acquisition_xml(channels: Sequence[int], brightfield: Sequence[int], magnification: int) -> bytes:
    """The three elements that matter, among others, under a root of any name."""
    in_use, lit = (" ".join("1" if n in some else "0" for n in range(1, 13)) for some in (channels, brightfield))
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n<qwertz>'
        f"<Illumination><BFOnOff>1</BFOnOff><BfLedIndicators_0_11>{lit} </BfLedIndicators_0_11></Illumination>"
        f"<Imaging><PMTMagnification>12</PMTMagnification><Magnification>{magnification}</Magnification>"
        f"<ChannelInUseIndicators_0_11>{in_use} </ChannelInUseIndicators_0_11></Imaging></qwertz>\n"
    ).encode()


def write_amnis(
    path: Path,
    objects: Sequence[WrittenObject],
    channels: Sequence[int],
    *,
    brightfield: Sequence[int] = (),
    magnification: int = 40,
    n_objects: int | None = None,
    xml: bytes | None = None,
    channel_count: int | None = None,
    hole: int = 0,
) -> WrittenFile:
    """Write a .cif where objects have masks, else a .rif.

    Parameters
    ----------
    path : Path
        File to write.
    objects : sequence of WrittenObject
        Their channels are those of `channels`, in that order.
    channels, brightfield : sequence of int
        Numbers from 1 of the channels in use, and of the brightfield ones.
    magnification : int
        20, 40 or 60.
    n_objects : int, optional
        What the header promises; the true number where left out.
    xml : bytes, optional
        Acquisition XML of your own.
    channel_count : int, optional
        Tag 33000, left out as in many real files unless given.
    hole : int
        Bytes left out before each object of the second half, so that offsets wrap past 4 GB; the file is sparse.

    Returns
    -------
    Written
        Where directories and strips lie.
    """
    xml = acquisition_xml(channels, brightfield, magnification) if xml is None else xml
    written = WrittenFile()
    header = [
        (256, LONG, 1, 1),
        (257, LONG, 1, 1),
        *([] if channel_count is None else [(33000, LONG, 1, channel_count)]),
        (33002, SHORT, 1, 1),
        *((tag, ASCII, len(text), text) for tag, text in PERSONAL.items()),
        (33018, LONG, 1, len(objects) if n_objects is None else n_objects),
        (33027, ASCII, len(xml), xml),  # no NUL at its end
    ]
    with path.open("wb") as file:
        file.write(b"II*\0" + struct.pack("<I", 8))
        link = _write_directory(file, header, b"", written)
        for position, item in enumerate(objects):
            if position >= len(objects) // 2:
                file.seek(hole, 1)
            for tags, strip in _directories(item, position, len(channels)):
                here = file.tell()
                file.seek(link)
                file.write(struct.pack("<I", here % 2**32))
                file.seek(here)
                link = _write_directory(file, tags, strip, written)
    return written


def _directories(item: WrittenObject, position: int, n_channels: int):
    n_images, height, width = item.image.shape
    size = [(256, LONG, 1, n_images * width), (257, LONG, 1, height)]
    object_id = position if item.object_id is None else item.object_id
    packed = encode_image(item.image) if item.compression == 30817 else _side_by_side(item.image, "<i2")
    saturation = struct.pack(f"<{n_channels}d", *range(n_channels))
    yield (
        [
            (254, BYTE, 2, 2),
            *size,
            (258, SHORT, 1, 16 | 0xABCD0000),  # junk behind an inline value
            (259, SHORT, 1, item.compression | 0x12340000),
            (266, SHORT, 1, 0),
            (273, LONG, 1, None),
            (277, SHORT, 1, 1),
            (279, LONG, 1, len(packed)),
            (306, ASCII, 19, b"1/2/2026 3:04:05 PM"),
            (33002, SHORT, 1, 2 | 0x77770000),
            (33003, LONG, 1, object_id),
            (33016, LONG, 1, 1000 * position),
            (33054, DOUBLE, n_channels, saturation),
            (33056, LONG, 1, 30),
        ],
        packed,
    )
    if item.mask is None:
        return
    packed = encode_mask(item.mask) if item.mask_compression == 30818 else _side_by_side(item.mask, "u1")
    yield (
        [
            (254, BYTE, 2, 6),
            *size,
            (258, SHORT, 1, 8),
            (259, SHORT, 1, item.mask_compression),
            (273, LONG, 1, None),
            (277, BYTE, 2, 1),
            (279, LONG, 1, len(packed)),
            (33002, SHORT, 1, 3),
        ],
        packed,
    )


def _side_by_side(planes: NDArray[np.generic], dtype: str) -> bytes:
    return np.concatenate(list(planes), axis=1).astype(dtype).tobytes()


def _write_directory(file, tags, strip: bytes, written: WrittenFile) -> int:
    """Write a directory, its strip and what its tags point to; return where its link to the next one lies."""
    start = file.tell()
    written.directories.append(start)
    link = start + 2 + 12 * len(tags)
    at = link + 4
    entries, data = b"", b""
    for tag, kind, count, value in tags:
        if value is None:
            value = at + len(data)
            written.strips.append((value, len(strip)))
            data += strip
        elif isinstance(value, bytes):
            value, data = at + len(data), data + value
        entries += struct.pack("<HHII", tag, kind, count, value % 2**32)
    file.write(struct.pack("<H", len(tags)) + entries + b"\0\0\0\0" + data)
    return link
