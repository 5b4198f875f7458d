"""Mutates Amnis files and judges what the reader makes of them; for many, run ``python tests/io/amnis_fuzz.py``.

Each file must give right cells or a clear error: an object whose own bytes are untouched is unchanged, an object that
is missing is reported, and nothing but a `ReadError` is ever raised.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
from amnis_writer import WrittenObject, write_amnis

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.amnis import AmnisObject, open_amnis
from napari_cellcycle.io.amnis.tiff_directories import read_chain, read_first

SECONDS_A_FILE = 5
BYTES_OF_MEMORY = 500_000_000


def sample_file(folder: Path) -> Path:
    """A .cif of five objects with all that the format has."""
    random = np.random.default_rng(0)
    objects = []
    for height, width in ((20, 13), (1, 1), (9, 30), (24, 24), (7, 5)):
        image = random.normal(200, 40, (3, height, width)).astype(np.int16)
        objects.append(WrittenObject(image, random.integers(0, 4, image.shape, np.uint8)))
    objects[2].compression = 1
    objects[3].image = random.integers(-(2**15), 2**15, objects[3].image.shape, np.int16)
    path = folder / "sample.cif"
    write_amnis(path, objects, (1, 5, 12), brightfield=(5,))
    return path


def mutate(original: bytes, random: np.random.Generator) -> tuple[bytes, set[int] | None]:
    """A mutated copy, and which bytes were overwritten; None where bytes moved, so that any object may differ."""
    data = bytearray(original)
    kind = random.choice(["bits", "bytes", "numbers", "cut", "drop", "double"], p=[0.3, 0.2, 0.3, 0.1, 0.05, 0.05])
    position, length = int(random.integers(len(data))), int(random.integers(1, 200))
    if kind == "cut":
        return bytes(data[:position]), set(range(position, len(data)))
    if kind == "drop":
        del data[position : position + length]
        return bytes(data), None
    if kind == "double":
        data[position:position] = data[position : position + length]
        return bytes(data), None
    touched = random.integers(len(data), size=int(random.integers(1, 5))).tolist()
    if kind == "numbers":  # offsets, counts and sizes that are wrong, but not by chance
        width, odd = (2, 4)[int(random.integers(2))], random.choice([0, 1, 2**15, 2**16 - 1, 2**31, 2**32 - 1, 8, 600])
        position = min(touched[0], len(data) - width)
        data[position : position + width] = (int(odd) % 256**width).to_bytes(width, "little")
        return bytes(data), set(range(position, position + width))
    for position in touched:
        data[position] = (
            data[position] ^ (1 << int(random.integers(8))) if kind == "bits" else int(random.integers(256))
        )
    return bytes(data), set(touched)


class Judge:
    """Knows the original, and says of a mutated file what became of it."""

    def __init__(self, original: Path) -> None:
        self.data = original.read_bytes()
        opened = open_amnis(original)
        self.objects = {item.object_id: item for item in opened}
        with original.open("rb", buffering=0) as file:
            directories = read_chain(file, read_first(file)[1]).directories
        starts = [*directories["offset"][directories["kind"] == 2].tolist(), len(self.data)]
        self.extents = dict(zip(opened.object_ids.tolist(), pairwise(starts), strict=True))
        self.header = range(starts[0])

    def verdict(self, path: Path, touched: set[int] | None) -> str:
        """``right cells``, ``clear error``, or what is wrong."""
        try:
            opened = open_amnis(path)
        except ReadError:
            return "clear error"
        found = opened.read(range(len(opened)))
        damaged = sum(isinstance(item, Unreadable) for item in found)
        if len(found) - damaged < len(self.objects) and not opened.problems:
            return "objects missing without a word"
        if touched is not None and touched.isdisjoint(self.header):
            times = Counter(opened.object_ids.tolist())  # a mutated id may be that of another object
            readable = [item for item in found if isinstance(item, AmnisObject) and times[item.object_id] == 1]
            if not all(self._right(item, touched) for item in readable):
                return "an untouched object differs"
        return "right cells" if not opened.problems else "right cells and a clear error"

    def _right(self, item: AmnisObject, touched: set[int]) -> bool:
        start, stop = self.extents.get(item.object_id, (0, len(self.data)))
        if any(start <= position < stop for position in touched):
            return True
        original = self.objects[item.object_id]
        return np.array_equal(item.image, original.image) and np.array_equal(item.mask, original.mask)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--original", type=Path, help="file to mutate; a synthetic one where left out")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (BYTES_OF_MEMORY + _memory(), -1))
    signal.signal(signal.SIGALRM, _too_long)
    counts: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(options.original or sample_file(Path(folder)))
        path = Path(folder) / "mutated.cif"
        for number in range(options.files):
            data, touched = mutate(judge.data, np.random.default_rng([options.seed, number]))
            path.write_bytes(data)
            started = time.perf_counter()
            signal.alarm(SECONDS_A_FILE)
            try:
                counts[judge.verdict(path, touched)] += 1
            except Exception as error:  # noqa: BLE001 - a finding, to be counted and shown
                counts[f"{type(error).__name__}: {error} (file {number})"] += 1
            signal.alarm(0)
            slowest = max(slowest, time.perf_counter() - started)
    for verdict, count in counts.most_common():
        print(f"{count:7,} {verdict}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"slowest {slowest:.2f} s, peak memory {peak:.0f} MB")
    return 0


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _too_long(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS_A_FILE} s")


if __name__ == "__main__":
    sys.exit(main())
