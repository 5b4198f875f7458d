"""Changes to files that keep enough of their structure for a reader to go on: a number here, a piece of text there.

Each change is decided by one seed, so that a file that broke something is made again from the original and its seeds.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from typing import Any

import numpy as np

NUMBERS = (0, 1, -1, 2, 3, 7, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 10**8)
TEXTS = ("", "0", "-1", "nan", "inf", "1e400", "9" * 5000, "=1+1", "\0", "\ud800", "é\u202e", "../" * 9, "a" * 70_000)
VALUES: tuple[Any, ...] = (None, True, False, 0, -1, 1.5, 2**63, 10**310, 1e308, "", "x", "é", [], {}, [[]], {"": None})
TAGS = (254, 256, 257, 258, 259, 262, 270, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 330, 338, 339, 50839)
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def mutate(data: bytes, seed: int) -> bytes:
    """A file with some change, decided by `seed`."""
    random = np.random.default_rng(seed)
    if random.random() < 0.2:
        return _any_bytes(data, random)
    for change in (_tiff, _png, _archive, _tensors, _json, _json_lines, _text):
        try:
            changed = change(data, random)
        except (ValueError, LookupError, ArithmeticError, struct.error, RecursionError, zipfile.BadZipFile, zlib.error):
            continue
        if changed is not None:
            return changed
    return _any_bytes(data, random)


def _any_bytes(data: bytes, random: np.random.Generator) -> bytes:
    found = bytearray(data)
    for _ in range(int(random.integers(1, 5))):
        at = int(random.integers(len(found) + 1))
        length = int(random.choice([1, 2, 4, 16, 256]))
        kind = random.integers(8)
        if kind == 0:
            del found[at:]
        elif kind == 1:
            del found[at : at + length]
        elif kind == 2:
            found[at:at] = found[at : at + length] * int(random.integers(1, 9))
        elif kind == 3:
            found[at:at] = random.bytes(length)
        elif kind == 4:
            found[at : at + length] = bytes([int(random.choice([0, 255]))]) * len(found[at : at + length])
        elif kind == 5:
            _put(found, at, int(random.choice(NUMBERS)), random)
        elif at < len(found):
            found[at] ^= 1 << int(random.integers(8))
    return bytes(found)


def _put(found: bytearray, at: int, number: int, random: np.random.Generator) -> None:
    size, order = int(random.choice([1, 2, 4, 8])), str(random.choice(["little", "big"]))
    if at + size <= len(found):
        found[at : at + size] = (number % 256**size).to_bytes(size, order)  # type: ignore[arg-type]


def _tiff(data: bytes, random: np.random.Generator) -> bytes | None:
    """One entry of one directory, a link between directories, or the text that describes the image."""
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    found, entries, links = bytearray(data), *_directories(data)
    order, entry_format = ("<" if data[:1] == b"I" else ">"), ("HHQQ" if 43 in data[2:4] else "HHII")
    kind = random.integers(6)
    if kind == 0 and links:
        target = int(random.choice([0, 8, *links, int(random.integers(len(data)))]))
        struct.pack_into(order + entry_format[2], found, int(random.choice(links)), target)
        return bytes(found)
    at = entries[int(random.integers(len(entries)))]
    tag, type_, count, value = struct.unpack_from(order + entry_format, data, at)
    if kind == 1 and (texts := [entry for entry in entries if data[entry : entry + 2] in (b"\x0e\1", b"\1\x0e")]):
        _, _, count, value = struct.unpack_from(order + entry_format, data, texts[0])
        text = _text(data[value : value + count].rstrip(b"\0"), random)
        struct.pack_into(order + entry_format, found, texts[0], 270, 2, len(text) + 1, len(found))
        return bytes(found) + text + b"\0"
    if kind == 2:
        tag = int(random.choice(TAGS))
    elif kind == 3:
        type_ = int(random.choice([*SIZES, 0, 14, 255]))
    elif kind == 4:
        count = int(random.choice(NUMBERS)) % 2**32
    elif SIZES.get(type_, 1) * count > struct.calcsize(entry_format[2]) and random.random() < 0.7:
        _put(
            found,
            value + SIZES.get(type_, 1) * int(random.integers(min(count, 999))),
            int(random.choice(NUMBERS)),
            random,
        )
    else:
        value = int(random.choice([int(random.choice(NUMBERS)), len(data), value + 1, max(value - 1, 0)])) % 2**32
    struct.pack_into(order + entry_format, found, at, tag, type_, count, value)
    return bytes(found)


def _directories(data: bytes) -> tuple[list[int], list[int]]:
    """Where the entries of the directories of a TIFF lie, and where the links to the next ones do."""
    order, big = ("<" if data[:1] == b"I" else ">"), 43 in data[2:4]
    count, link, size = ("Q", "Q", 20) if big else ("H", "I", 12)
    entries: list[int] = []
    links = [8 if big else 4]
    while len(links) < 50:
        at = struct.unpack_from(order + link, data, links[-1])[0]
        if not 0 < at < len(data):
            break
        n_entries = struct.unpack_from(order + count, data, at)[0]
        start = at + struct.calcsize(order + count)
        entries += [start + size * number for number in range(min(n_entries, 60))]
        links.append(start + size * n_entries)
    return entries, links


def _png(data: bytes, random: np.random.Generator) -> bytes | None:
    """One chunk, with a checksum that is right again."""
    if not data.startswith(b"\x89PNG"):
        return None
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    number = int(random.integers(len(chunks)))
    kind, content = chunks[number]
    if kind == b"IDAT" and random.random() < 0.5:
        content = zlib.compress(_any_bytes(zlib.decompress(content), random))
    elif kind == b"IHDR" and random.random() < 0.5:
        wide, high = (int(random.choice(NUMBERS[:14])) for _ in range(2))
        content = struct.pack(">II", wide, high) + content[8:]
    else:
        content = _any_bytes(content, random)
    chunks[number] = (
        bytes(random.choice([kind, b"PLTE", b"tRNS", b"iCCP"])) if random.random() < 0.1 else kind,
        content,
    )
    if random.random() < 0.1:
        chunks.insert(number, chunks[int(random.integers(len(chunks)))])
    return data[:8] + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def _archive(data: bytes, random: np.random.Generator) -> bytes | None:
    """One member of a zip, packed again."""
    if not data.startswith(b"PK"):
        return None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = str(random.choice(list(members)))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, content in members.items():
            archive.writestr(each, _any_bytes(content, random) if each == name else content)
    return packed.getvalue()


def _tensors(data: bytes, random: np.random.Generator) -> bytes | None:
    """The header of a file of tensors, or some of its numbers."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= len(data) - 8 or data[8:9] != b"{":
        return None
    header, content = json.loads(data[8 : 8 + length]), bytearray(data[8 + length :])
    names = [name for name in header if name != "__metadata__"]
    kind = random.integers(5)
    if kind == 0:
        text = _json_text(_changed(header, random))
    elif kind == 1 and "__metadata__" in header:
        values = header["__metadata__"]
        name = str(random.choice(list(values)))
        values[name] = _json_text(_changed(json.loads(values[name]), random)).decode(errors="surrogateescape")
        text = _json_text(header)
    elif kind == 2:
        one, other = (str(random.choice(names)) for _ in range(2))
        header[one], header[other] = header[other], header[one]
        text = _json_text(header)
    else:
        text = data[8 : 8 + length]
        start, stop = header[str(random.choice(names))]["data_offsets"]
        number = np.array([random.choice([np.nan, np.inf, -1, 1e30, 0, 1e-45])], "<f4").tobytes()
        for at in (
            range(start, stop - 3, 4) if kind == 3 else [start + 4 * int(random.integers(max(1, (stop - start) // 4)))]
        ):
            content[at : at + 4] = number
    return struct.pack("<Q", len(text)) + text + bytes(content)


def _json(data: bytes, random: np.random.Generator) -> bytes | None:
    if data.lstrip()[:1] not in (b"{", b"["):
        return None
    return _text(data, random) if random.random() < 0.2 else _json_text(_changed(json.loads(data), random))


def _json_lines(data: bytes, random: np.random.Generator) -> bytes | None:
    if data[:1] != b"{":
        return None
    lines = data.split(b"\n")
    number = int(random.integers(len(lines) - 1))
    lines[number] = _json_text(_changed(json.loads(lines[number]), random))
    return b"\n".join(lines)


def _json_text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="surrogateescape")


def _changed(value: Any, random: np.random.Generator) -> Any:
    """JSON with one value, key or item that is another, gone, there twice, or nested deeply."""
    places: list[tuple[Any, Any]] = []

    def walk(found: Any) -> None:
        for key, item in found.items() if isinstance(found, dict) else enumerate(found):
            places.append((found, key))
            if isinstance(item, dict | list):
                walk(item)

    if isinstance(value, dict | list):
        walk(value)
    if not places:
        return VALUES[int(random.integers(len(VALUES)))]
    where, key = places[int(random.integers(len(places)))]
    kind = random.integers(9)
    if kind == 0:
        del where[key]
    elif kind == 1 and isinstance(where, dict):
        where[str(random.choice([*TEXTS[:6], "version", "__class__"]))] = where[key]
    elif kind == 2 and isinstance(where, list):
        where.extend([where[key]] * int(random.choice([1, 2, 1000])))
    elif kind == 3:
        for _ in range(int(random.choice([5, 30, 900]))):
            where[key] = [where[key]]
    elif kind == 4:
        other, place = places[int(random.integers(len(places)))]
        where[key] = json.loads(json.dumps(other[place])) if place in other or isinstance(other, list) else None
    elif kind in (5, 6) and isinstance(where[key], int | float):
        where[key] = [*NUMBERS, -where[key], where[key] * 1.0000001, float("nan"), float("inf")][
            int(random.integers(22))
        ]
    elif kind in (5, 6) and isinstance(where[key], str):
        where[key] = TEXTS[int(random.integers(len(TEXTS)))]
    else:
        where[key] = VALUES[int(random.integers(len(VALUES)))]
    return value


def _text(data: bytes, random: np.random.Generator) -> bytes:
    """Text with another number, word, line or column."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    at = int(random.integers(len(lines)))
    kind = random.integers(7)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines[at:at] = [lines[int(random.integers(len(lines)))]] * int(random.choice([1, 2, 2000]))
    elif kind == 2:
        other = int(random.integers(len(lines)))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        mark = str(random.choice([",", ";", "\t", '"', "|", "<", "&", " "]))
        lines[at] = lines[at].replace(",", mark) if random.random() < 0.5 else lines[at] + mark
    else:
        words = re.split(r"([\w.+-]+)", lines[at])
        number = int(random.integers(len(words)))
        words[number] = str(random.choice(NUMBERS)) if kind == 4 else TEXTS[int(random.integers(len(TEXTS)))]
        lines[at] = "".join(words)
    return "\n".join(lines).encode("utf-8", "surrogatepass" if random.random() < 0.5 else "replace")
