"""How fast Amnis files are read: unpacking, opening a large file, and `classify` from end to end.

    NAPARI_CELLCYCLE_DATA=... OMP_NUM_THREADS=1 python benchmarks/amnis.py unpack
    NAPARI_CELLCYCLE_DATA=... python benchmarks/amnis.py large [--objects 100000] [--no-classify]

`unpack` compares the reader with a plain object-by-object one in the same run, since absolute rates depend on the
machine. `large` makes a file by repeating the objects of ``cif/example.cif`` in a temporary folder, removed afterwards.
"""

from __future__ import annotations

import argparse
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.io.amnis import AmnisFile, AmnisObject, open_amnis
from napari_cellcycle.io.amnis.tiff_directories import read_chain, read_first

_BATCH = 256
_BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 12: 8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("unpack", "large"))
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--classify", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    example = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "cif" / "example.cif"
    if options.what == "unpack":
        time_unpacking(example)
        return
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.cif"
        repeat_objects(example, large, options.objects)
        time_large(large)
        if options.classify:
            time_classify(large, Path(folder) / "out")


def time_unpacking(example: Path) -> None:
    """Objects per second, images and masks, against a plain reader; the best of sixty alternating runs."""
    opened = open_amnis(example)
    everyone = range(len(opened))
    strips = _strips(example, opened)
    runs: dict[str, Callable[[], object]] = {
        "plain numpy, object by object, already in memory": lambda: [_plain(*strip) for strip in strips],
        "all 6 channels": lambda: opened.read(everyone),
        "brightfield and darkfield": lambda: opened.read(everyone, [4, 5]),
        "the first channel": lambda: opened.read(everyone, [0]),
    }
    seconds = dict.fromkeys(runs, np.inf)
    for _ in range(60):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    plain = next(iter(seconds.values()))
    for name, taken in seconds.items():
        print(f"{len(opened) / taken:8,.0f} objects/s  {plain / taken:5.2f} x plain  {name}")


def _strips(path: Path, opened: AmnisFile) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8], AmnisObject]]:
    content = np.frombuffer(path.read_bytes(), np.uint8)
    rows = opened._table  # private: only here are the packed bytes
    images = [content[row["image"] :][: row["image_bytes"]] for row in rows]
    masks = [content[row["mask"] :][: row["mask_bytes"]] for row in rows]
    return list(zip(images, masks, opened, strict=True))


def _plain(image: NDArray[np.uint8], mask: NDArray[np.uint8], truth: AmnisObject) -> None:
    """Unpack in the straightforward way: split nibbles, sum those of each number, sum the differences."""
    n_channels, height, width = truth.image.shape
    nibbles = np.empty(2 * len(image), np.int64)
    nibbles[::2], nibbles[1::2] = image & 15, image >> 4
    ends = np.flatnonzero(nibbles < 8)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    digit = np.arange(ends[-1] + 1) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((nibbles[: ends[-1] + 1] & 7) << (3 * digit), starts)
    numbers -= ((nibbles[ends] & 4) != 0).astype(np.int64) << (3 * lengths)
    strip = numbers[: truth.image.size].reshape(height, -1).cumsum(axis=0).cumsum(axis=1).astype(np.int16)
    planes = strip.reshape(height, n_channels, width).transpose(1, 0, 2)
    runs = np.repeat(mask[::2], mask[1::2].astype(np.int64) + 1)
    inside = runs.reshape(height, n_channels, width).transpose(1, 0, 2)
    if not (np.array_equal(planes, truth.image) and np.array_equal(inside, truth.mask)):
        raise AssertionError("the two ways differ")


def repeat_objects(example: Path, large: Path, n_objects: int) -> None:
    """Write a file of `n_objects` by repeating those of `example`, with ids and offsets of their own."""
    content = example.read_bytes()
    with example.open("rb", buffering=0) as file:
        chain = read_chain(file, read_first(file)[1]).directories
    start, stop = int(chain["offset"][0]), len(content)
    block, ids, offsets, last_link = _block(content, chain["offset"].tolist(), start)
    length, per_block = stop - start, len(ids)
    with large.open("wb") as file:
        file.write(content[:start])
        for repeat in range(-(-n_objects // per_block)):
            shift = repeat * length
            shifted = bytearray(block)
            for offset in offsets:
                struct.pack_into("<I", shifted, offset, (struct.unpack_from("<I", block, offset)[0] + shift) % 2**32)
            for number, offset in enumerate(ids):
                struct.pack_into("<I", shifted, offset, repeat * per_block + number)
            more = (repeat + 1) * per_block < n_objects
            struct.pack_into("<I", shifted, last_link, (stop + shift) % 2**32 if more else 0)
            file.write(shifted)


def _block(content: bytes, directories: list[int], start: int) -> tuple[bytes, list[int], list[int], int]:
    """Bytes of all objects, and where in them ids, offsets and the last link lie."""
    block = content[start:]
    ids, offsets, link = [], [], 0
    for directory in directories:
        (n_entries,) = struct.unpack_from("<H", content, directory)
        for entry in range(directory + 2 - start, directory + 2 - start + 12 * n_entries, 12):
            tag, kind, count = struct.unpack_from("<HHI", block, entry)
            if tag == 33003:
                ids.append(entry + 8)
            elif tag == 273 or _BYTES_OF_TYPE.get(kind, 4) * count > 4:
                offsets.append(entry + 8)
        link = directory + 2 - start + 12 * n_entries
        offsets.append(link)
    return block, ids, offsets[:-1], link


def time_large(path: Path) -> None:
    """Opening after one pass over the chain, and reading all of brightfield and darkfield."""
    gigabytes = path.stat().st_size / 2**30
    open_amnis(path)
    start = time.perf_counter()
    opened = open_amnis(path)
    print(f"{time.perf_counter() - start:.2f} s to open {len(opened):,} objects, {gigabytes:.2f} GB")
    start, worked = time.perf_counter(), time.process_time()
    for first in range(0, len(opened), _BATCH):
        opened.read(range(first, min(first + _BATCH, len(opened))), [4, 5])
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    print(f"{seconds:.1f} s to read brightfield, darkfield and masks of all, {worked:.1f} s of processor time")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB peak memory")


def time_classify(path: Path, output: Path) -> None:
    """The command, in its own process."""
    command = [sys.executable, "-m", "napari_cellcycle", "classify", str(path), "-o", str(output)]
    start = time.perf_counter()
    subprocess.run([*command, "--channels", "darkfield=Ch6"], check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{time.perf_counter() - start:.1f} s to classify, {used.ru_utime + used.ru_stime:.1f} s of processor time; "
        f"{used.ru_maxrss / 1024:.0f} MB peak memory"
    )


if __name__ == "__main__":
    main()
