"""The chain of TIFF directories in an Amnis file: one per image and one per mask, each with the offset of the next.

The file is a classic little-endian TIFF with offsets of 32 bits. After 4 GB they overflow; as everything is written
in order, an offset that points backwards is really 2**32 larger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

WRAP = 1 << 32
_BATCH = 8192
_USUAL_BYTES = 512
"""Bytes to read at once for a directory; that of an image has 31 entries, so 378 bytes."""

_ENTRY = np.dtype([("tag", "<u2"), ("type", "<u2"), ("count", "<u4"), ("value", "<u4")])
_VALUE_MASK = np.full(1 << 16, 0xFFFFFFFF, np.uint32)
_VALUE_MASK[[1, 2, 6, 7]] = 0xFF  # bytes of an inline value beyond the size of its type are arbitrary
_VALUE_MASK[[3, 8]] = 0xFFFF

_COLUMNS = {
    "kind": 33002,
    "id": 33003,
    "width": 256,
    "height": 257,
    "bits": 258,
    "compression": 259,
    "strip": 273,
    "n_bytes": 279,
    "line": 33016,
    "column": 33056,
    "saturation": 33054,
}

_ROW = np.dtype([("offset", "<i8"), *((name, "<u4") for name in _COLUMNS), ("n_strips", "<u4")])
"""A row of the table of `read_chain`: 56 bytes per directory."""


class Tag(NamedTuple):
    """One entry of a directory: an inline value, or the offset of its data."""

    n_values: int
    value: int


@dataclass(frozen=True)
class Chain:
    """The directories after the first one, and the reason if the chain is broken."""

    directories: NDArray[np.void]
    broken: str | None


class _BrokenChain(Exception):
    """The next directory is not valid."""


def read_first(file: BinaryIO) -> tuple[dict[int, Tag], int]:
    """Entries of the first directory by tag, and the offset of the directory; ValueError if there is none."""
    file.seek(0)
    start = file.read(8)
    if len(start) < 8 or start[:4] != b"II*\0":
        raise ValueError("it has no TIFF header")
    offset = int.from_bytes(start[4:8], "little")
    try:
        entries = np.frombuffer(_read_directory(file, offset)[2:-4], _ENTRY)
    except _BrokenChain as error:
        raise ValueError(str(error)) from None
    columns = zip(entries["tag"].tolist(), entries["count"].tolist(), _values(entries).tolist(), strict=True)
    return {tag: Tag(count, value) for tag, count, value in columns}, offset


def read_chain(file: BinaryIO, first: int) -> Chain:
    """Read all directories after the first one.

    Parameters
    ----------
    file : binary file
        Unbuffered: each directory is one small read.
    first : int
        Offset of the first directory, which describes the file; it is not part of the result.

    Returns
    -------
    Chain
        In the order of the file, with 56 bytes of memory per directory.
    """
    tables: list[NDArray[np.void]] = []
    offsets: list[int] = []
    chunks: list[bytes] = []
    broken = None
    try:
        for offset, chunk in _follow(file, first):
            offsets.append(offset)
            chunks.append(chunk)
            if len(chunks) == _BATCH:
                tables.append(_parse(offsets, chunks))
                offsets, chunks = [], []
    except _BrokenChain as error:
        broken = str(error)
    tables.append(_parse(offsets, chunks))
    return Chain(np.concatenate(tables), broken)


def _follow(file: BinaryIO, first: int) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each directory after the first one; only forwards, so that it always ends."""
    here, chunk = first, _read_directory(file, first)
    while following := int.from_bytes(chunk[-4:], "little"):
        offset = following if following > here else following + (here - following + WRAP) // WRAP * WRAP
        if offset < here + len(chunk):
            raise _BrokenChain(f"the directory at byte {here} points to byte {following}, where no directory can be")
        here, chunk = offset, _read_directory(file, offset)
        yield here, chunk


def _read_directory(file: BinaryIO, offset: int) -> bytes:
    """A whole directory: number of entries, entries, offset of the next."""
    file.seek(offset)
    chunk = file.read(_USUAL_BYTES)
    length = 12 * int.from_bytes(chunk[:2], "little") + 6
    if length > len(chunk):
        chunk += file.read(length - len(chunk))
        if length > len(chunk):
            raise _BrokenChain(f"the directory at byte {offset} is cut off")
    if length == 6:
        raise _BrokenChain(f"the directory at byte {offset} is empty")
    return chunk[:length]


def _parse(offsets: list[int], chunks: list[bytes]) -> NDArray[np.void]:
    """Rows of the table; directories of the same length are parsed together."""
    table = np.zeros(len(chunks), _ROW)
    table["offset"] = offsets
    lengths = np.fromiter(map(len, chunks), np.intp, len(chunks))
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        joined = np.frombuffer(b"".join([chunks[row] for row in rows]), np.uint8).reshape(len(rows), length)
        entries = np.ascontiguousarray(joined[:, 2:-4]).view(_ENTRY).ravel()
        owners = np.repeat(rows, length // 12)
        tags = entries["tag"].copy()
        for name, tag in _COLUMNS.items():
            hits = np.flatnonzero(tags == tag)
            table[name][owners[hits]] = _values(entries[hits])
            if name == "strip":
                table["n_strips"][owners[hits]] = entries["count"][hits]
    return table


def _values(entries: NDArray[np.void]) -> NDArray[np.uint32]:
    inline = entries["count"] <= 4  # more than that is an offset whatever the type
    return np.where(inline, entries["value"] & _VALUE_MASK[entries["type"]], entries["value"])
