"""The chain of headers (IFDs) in a TIFF file, followed without building an object for each page."""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from

import numpy as np
from numpy.typing import NDArray

_STRIP_OFFSETS = 273
_WITHOUT_EFFECT = frozenset((269, 270, 271, 272, 282, 283, 285, 296, 297, 305, 306, 315, 316))
"""Tags that change no pixel: texts, resolutions and page numbers. Their values may differ from page to page."""
_OFFSET_TYPES = {4: "u4", 16: "u8"}
_INLINE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MOST_TAGS = 4096
_COMPARED_AT_ONCE = 16_384

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class IfdFormat:
    """How headers are written.

    Attributes
    ----------
    order : str
        Byte order, ``<`` or ``>``.
    is_big : bool
        Whether it is a BigTIFF.
    """

    order: str
    is_big: bool

    @classmethod
    def of(cls, content: Bytes) -> IfdFormat | None:
        """The format of a file, by its first bytes; None if it is no TIFF."""
        return _BY_FIRST_BYTES.get(content[:4].tobytes())

    def first(self, content: Bytes) -> int:
        """Where the first header begins; 0 if the file ends before it is said."""
        at = self.offset_bytes
        return self._number("Q" if self.is_big else "I", content, at) if len(content) >= 2 * at else 0

    @property
    def count_bytes(self) -> int:
        return 8 if self.is_big else 2

    @property
    def offset_bytes(self) -> int:
        return 8 if self.is_big else 4

    @property
    def tag_bytes(self) -> int:
        return 4 + 2 * self.offset_bytes

    @property
    def offset_type(self) -> str:
        return f"{self.order}u{self.offset_bytes}"

    def n_tags(self, content: Bytes, at: int) -> int:
        """Number of tags of the header at an offset; -1 if none can be there."""
        if not 8 <= at <= len(content) - self.count_bytes:
            return -1
        n_tags = self._number("Q" if self.is_big else "H", content, at)
        ends = at + self.count_bytes + n_tags * self.tag_bytes + self.offset_bytes
        return n_tags if n_tags <= _MOST_TAGS and ends <= len(content) else -1

    def next_after(self, content: Bytes, at: int) -> int:
        """Where tifffile looks for the header after that at an offset, be it one or not; 0 if it sees an end."""
        if at > len(content) - self.count_bytes:
            return 0
        n_tags = self._number("Q" if self.is_big else "H", content, at)
        ends = min(at + self.count_bytes + n_tags * self.tag_bytes + self.offset_bytes, len(content))
        where = ends - self.offset_bytes
        if n_tags > _MOST_TAGS or where < at + self.count_bytes:
            return 0
        following = self._number("Q" if self.is_big else "I", content, where)
        return following if following < len(content) else 0

    def _number(self, kind: str, content: Bytes, at: int) -> int:
        return int(unpack_from(self.order + kind, content.data, at)[0])


_BY_FIRST_BYTES = {
    b"II*\0": IfdFormat("<", False),
    b"MM\0*": IfdFormat(">", False),
    b"II+\0": IfdFormat("<", True),
    b"MM\0+": IfdFormat(">", True),
}


def runs_in_a_circle(content: Bytes, written: IfdFormat, first: int) -> bool:
    """Whether a chain comes back to one of its headers, so that whoever follows it never ends.

    Parameters
    ----------
    content : ndarray of uint8
        The file.
    written : IfdFormat
        How its headers are written.
    first : int
        Offset of the first header.

    Returns
    -------
    bool
        By Brent's method, which keeps no list of headers.
    """
    at = mark = first
    steps, mark_again = 0, 1
    while at := written.next_after(content, at):
        if at == mark:
            return True
        steps += 1
        if steps == mark_again:
            mark, steps, mark_again = at, 0, 2 * mark_again
    return False


def equal_strips(content: Bytes, written: IfdFormat, first: int) -> NDArray[np.int64] | None:
    """Where the pixels of each page lie, if pages differ in nothing else and their headers are equally far apart.

    Parameters
    ----------
    content : ndarray of uint8
        The file.
    written : IfdFormat
        How its headers are written.
    first : int
        Offset of the first header, which may have a description more and lie anywhere.

    Returns
    -------
    ndarray of int64, shape (N,), or None
        Offset of the only strip of each page; None for any other file. They may lie outside the file.
    """
    head = _Ifd.read(content, written, first)
    second = None if head is None else _Ifd.read(content, written, head.following)
    if head is None or second is None or head.strip_type is None or not head.has_pixels_as(second):
        return None
    step = second.following - second.at
    if not second.n_bytes <= step <= len(content):
        return None
    n_equal = _count(content, written, second, step)
    if not n_equal or not _are_equal(content, second, step, n_equal):
        return None
    if not all(_lie_inside(content, second, code, step, n_equal) for code in second.tags.keys() & _WITHOUT_EFFECT):
        return None
    strips = [head.strip(content, 0, 1), second.strip(content, step, n_equal)]
    return np.concatenate(strips)


@dataclass(frozen=True)
class _Ifd:
    """One header: its tags by code, as they are written, and where each begins."""

    at: int
    following: int
    n_bytes: int
    written: IfdFormat
    tags: dict[int, bytes]
    begins: dict[int, int]

    @classmethod
    def read(cls, content: Bytes, written: IfdFormat, at: int) -> _Ifd | None:
        """The header at an offset; None if there is none, or it has a tag twice."""
        n_tags, size = written.n_tags(content, at), written.tag_bytes
        if n_tags < 1:
            return None
        begins = {}
        for where in range(at + written.count_bytes, at + written.count_bytes + n_tags * size, size):
            begins[int(unpack_from(f"{written.order}H", content.data, where)[0])] = where
        if len(begins) < n_tags:
            return None
        tags = {code: content[where : where + size].tobytes() for code, where in begins.items()}
        n_bytes = written.count_bytes + n_tags * size + written.offset_bytes
        return cls(at, written.next_after(content, at), n_bytes, written, tags, begins)

    @property
    def strip_type(self) -> str | None:
        """Data type of the offset of its only strip; None if it has several."""
        kind, count = self.kind_and_count(_STRIP_OFFSETS)
        return f"{self.written.order}{_OFFSET_TYPES[kind]}" if count == 1 and kind in _OFFSET_TYPES else None

    def strip(self, content: Bytes, step: int, n: int) -> NDArray[np.int64]:
        """Offset of the strip of this header and of those that follow every `step` bytes."""
        where = self.value_begins(_STRIP_OFFSETS)
        return np.ndarray((n,), str(self.strip_type), content, where, (step,)).astype(np.int64)

    def value_begins(self, code: int) -> int:
        """Offset of the value of a tag."""
        return self.begins[code] + 4 + self.written.offset_bytes

    def has_pixels_as(self, other: _Ifd) -> bool:
        """Whether all tags that count are the same, and stand in the header itself."""
        mine, others = self._that_count(), other._that_count()
        inline = all(self._is_inline(code) for code in mine)
        return inline and mine == others and self.strip_type == other.strip_type

    def _that_count(self) -> dict[int, bytes]:
        free = _WITHOUT_EFFECT | {_STRIP_OFFSETS}
        return {code: tag for code, tag in self.tags.items() if code not in free}

    def kind_and_count(self, code: int) -> tuple[int, int]:
        """Number of the data type of a tag, and how many values it has."""
        if code not in self.tags:
            return 0, 0
        kind, count = unpack_from(f"{self.written.order}H{'Q' if self.written.is_big else 'I'}", self.tags[code], 2)
        return int(kind), int(count)

    def _is_inline(self, code: int) -> bool:
        kind, count = self.kind_and_count(code)
        return kind in _INLINE_BYTES and _INLINE_BYTES[kind] * count <= self.written.offset_bytes


def _count(content: Bytes, written: IfdFormat, second: _Ifd, step: int) -> int:
    """How many headers follow at equal steps, with the second one; 0 if the chain goes on or ends elsewhere."""
    where = second.at + second.n_bytes - written.offset_bytes
    n_fit = (len(content) - where - written.offset_bytes) // step + 1
    found = np.ndarray((n_fit,), written.offset_type, content, where, (step,)).astype(np.int64)
    leaves = np.flatnonzero(found != second.at + step * np.arange(1, n_fit + 1))
    return int(leaves[0]) + 1 if len(leaves) and found[leaves[0]] == 0 else 0


def _are_equal(content: Bytes, second: _Ifd, step: int, n_equal: int) -> bool:
    """Whether headers differ only in where their pixels lie, in tags without effect, and in where the next one is."""
    counts = np.ones(second.n_bytes, bool)
    counts[-second.written.offset_bytes :] = False
    for code in second.tags.keys() & (_WITHOUT_EFFECT | {_STRIP_OFFSETS}):
        begin = second.value_begins(code) - second.at
        counts[begin : begin + second.written.offset_bytes] = False
    headers = np.ndarray((n_equal, second.n_bytes), np.uint8, content, second.at, (step, 1))
    parts = (headers[start : start + _COMPARED_AT_ONCE] for start in range(0, n_equal, _COMPARED_AT_ONCE))
    return not any((np.any(part != headers[0], axis=0) & counts).any() for part in parts)


def _lie_inside(content: Bytes, second: _Ifd, code: int, step: int, n_equal: int) -> bool:
    """Whether the values of a tag, where they stand outside the headers, are in the file."""
    kind, count = second.kind_and_count(code)
    if kind not in _INLINE_BYTES:
        return False
    n_bytes = _INLINE_BYTES[kind] * count
    if n_bytes <= second.written.offset_bytes:
        return True
    begins = np.ndarray((n_equal,), second.written.offset_type, content, second.value_begins(code), (step,))
    return bool(begins.min() >= 8 and int(begins.max()) + n_bytes <= len(content))
