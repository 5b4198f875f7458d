"""Damage files of every kind, read them, and judge what comes: cells, or one sentence; never anything else.

What makes the reader run through lines that it never ran through before is damaged further, as AFL does [1]_.

    PYTHONPATH=tests/helpers python tests/faults/damaged_files.py --inputs 20000 --seed 0 -o OUT
    PYTHONPATH=tests/helpers python tests/faults/damaged_files.py --again "OME-TIFF:17.204"

References
----------
.. [1] Zalewski, American fuzzy lop, https://lcamtuf.coredump.cx/afl/
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from file_kinds import KINDS, FileKind
from mutations import mutate

import napari_cellcycle
from napari_cellcycle.errors import CellCycleError, CellCycleWarning

SECONDS, PATIENCE, MEMORY = 5, 60, 2**30
"""Of one file: of computing, of waiting on a busy machine, and bytes."""
LONGEST = 1000
PACKAGE = str(Path(napari_cellcycle.__file__).parent)
Files = dict[str, bytes]
Recipe = tuple[int, ...]
"""The seeds of the changes, one after the other."""


def damaged(files: Files, recipe: Recipe) -> Files:
    """Files with the changes of a recipe."""
    found = dict(files)
    for seed in recipe:
        name = sorted(found)[np.random.default_rng(seed).integers(len(found))]
        found[name] = mutate(found[name], seed)
    return found


@dataclass
class Original:
    """A kind of file on disk, and the part of it that is damaged."""

    kind: FileKind
    folder: Path
    all: Files = field(init=False)
    changed: Files = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.kind.write(self.folder)
        self.all = self._bytes(("**/*",))
        self.changed = self._bytes(self.kind.changed)
        self.kind.read(self._copy({}))

    def _bytes(self, patterns: tuple[str, ...]) -> Files:
        paths = {path for pattern in patterns for path in self.folder.glob(pattern) if path.is_file()}
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in sorted(paths)}

    def _copy(self, changes: Files) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self.folder.parent))
        for name, data in {**self.all, **changes}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder

    def verdict(self, changes: Files) -> tuple[str, set[tuple[str, int, int]]]:
        """What reading says, and which steps from line to line of our code it made."""
        import shutil

        folder = self._copy(changes)
        steps: set[tuple[str, int, int]] = set()
        try:
            with _bounded(), warnings.catch_warnings():
                warnings.simplefilter("error", append=True)
                warnings.simplefilter("ignore", CellCycleWarning)
                sys.settrace(_recorder(steps))
                self.kind.read(folder)
            return "read", steps
        except CellCycleError as error:
            return _judged(str(error)), steps
        except Exception as error:  # noqa: BLE001 - a finding, to be counted and shown
            return _described(error), steps
        finally:
            sys.settrace(None)
            os.chdir("/")
            shutil.rmtree(folder, ignore_errors=True)


def _recorder(steps: set[tuple[str, int, int]]) -> Any:
    def local(frame: FrameType, event: str, _: object) -> Any:
        nonlocal before
        if event == "line":
            steps.add((frame.f_code.co_filename, before, frame.f_lineno))
            before = frame.f_lineno
        return local

    before = 0
    return lambda frame, event, argument: local if frame.f_code.co_filename.startswith(PACKAGE) else None


class _bounded:
    """No more time than a file may take."""

    def __enter__(self) -> None:
        for number, timer, seconds in _TIMERS:
            signal.signal(number, _too_long)
            signal.setitimer(timer, seconds)

    def __exit__(self, *_: object) -> None:
        for _, timer, _ in _TIMERS:
            signal.setitimer(timer, 0)


_TIMERS = ((signal.SIGPROF, signal.ITIMER_PROF, SECONDS), (signal.SIGALRM, signal.ITIMER_REAL, PATIENCE))


class TooLongError(BaseException):
    """No reader catches it."""


def _too_long(*_: object) -> None:
    raise TooLongError


def _judged(sentence: str) -> str:
    if "\n" in sentence or len(sentence) > LONGEST:
        return f"a sentence that is none: {sentence[:200]!r}"
    if found := re.search(r"\b[A-Za-z]+(Error|Exception)\b|Traceback|<class|object at 0x|\(\)", sentence):
        return f"a sentence with {found[0]}: {sentence[:200]}"
    return "one sentence"


def _described(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(PACKAGE)]
    where = f"{frames[-1].filename.removeprefix(PACKAGE)}:{frames[-1].name}" if frames else "?"
    return f"{type(error).__name__} in {where}: {str(error)[:150]}"


GOOD = ("read", "one sentence")


def hunt(original: Original, n_inputs: int, seed: int) -> Iterator[tuple[Recipe, str]]:
    """Recipes and verdicts; a recipe that led to new steps is continued later."""
    random = np.random.default_rng(seed)
    kept: list[Recipe] = [()]
    known: set[tuple[str, int, int]] = set()
    for _ in range(n_inputs):
        base = kept[int(random.integers(len(kept)))] if random.random() < 0.7 else ()
        recipe = (*base, int(random.integers(2**31)))
        yield recipe, ""  # announced, as this may be the last that is heard of it
        try:
            verdict, steps = original.verdict(damaged(original.changed, recipe))
        except TooLongError:
            verdict, steps = f"more than {SECONDS} s", set()
        if steps - known and len(recipe) < 6:
            kept.append(recipe)
        known |= steps
        yield recipe, verdict


def work(name: str, n_inputs: int, seed: int) -> None:
    """One process: a line for each input, first announced, then judged."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CELLCYCLE_HOME"] = str(Path(folder) / "home")
        original = Original(KINDS[name], Path(folder) / "original")
        resource.setrlimit(resource.RLIMIT_AS, (_memory() + MEMORY, -1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for recipe, verdict in hunt(original, n_inputs, seed):
            print(json.dumps([recipe, verdict]), flush=True)


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def run(name: str, n_inputs: int, seed: int) -> Iterator[tuple[Recipe, str]]:
    """Verdicts of a process, and of the next one where it died or hung."""
    done = 0
    while done < n_inputs:
        command = [sys.executable, __file__, "--worker", name, "--inputs", str(n_inputs - done), "--seed", str(seed)]
        with tempfile.TemporaryFile("w+") as said:  # not a pipe, which would be full one day
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
            last: Recipe | None = None
            for recipe, verdict in _lines(process):
                last = None if verdict else recipe
                if verdict:
                    done += 1
                    yield recipe, verdict
            if process.wait() == 0:
                return
            if last is None:
                said.seek(0)
                raise SystemExit(f"{name}: {said.read()}")
        done += 1
        yield last, f"the process ended with {process.returncode}"
        seed += 1_000_003


def _lines(process: subprocess.Popen[str]) -> Iterator[tuple[Recipe, str]]:
    """What `work` prints, until it ends or says nothing for long."""
    watch = _Watch(process)
    assert process.stdout is not None
    for line in process.stdout:
        watch.seen()
        if line.startswith("[["):  # libraries print too
            recipe, verdict = json.loads(line)
            yield tuple(recipe), verdict
    watch.end()


class _Watch:
    """Kills a process that says nothing for long, as it hangs where no signal is seen."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        import threading

        self._process, self._last, self._ended = process, time.monotonic(), threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def seen(self) -> None:
        self._last = time.monotonic()

    def end(self) -> None:
        self._ended.set()

    def _look(self) -> None:
        while not self._ended.wait(5):
            if time.monotonic() - self._last > 3 * PATIENCE:
                self._process.kill()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", help="one of them, instead of all")
    parser.add_argument("-o", "--output", type=Path, help="file for counts and findings")
    parser.add_argument("--again", help="KIND:RECIPE, to do one again and see its traceback")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.inputs, options.seed)
        return 0
    if options.again:
        return again(*options.again.rsplit(":", 1))
    names = options.kind or list(KINDS)
    total = sum(KINDS[name].share for name in names)
    bad = 0
    for name in names:
        started = time.monotonic()
        counts: Counter[str] = Counter()
        examples: dict[str, Recipe] = {}
        for recipe, verdict in run(name, round(options.inputs * KINDS[name].share / total), options.seed):
            kind = re.sub(r"\d+", "N", verdict)
            counts[kind] += 1
            if kind not in examples or len(recipe) < len(examples[kind]):
                examples[kind] = recipe
        wrong = {kind: count for kind, count in counts.items() if kind not in GOOD}
        bad += sum(wrong.values())
        lines = [
            f"{name}: {sum(counts.values())} inputs, {counts['read']} read, {counts['one sentence']} one sentence, "
        ]
        lines[0] += f"{sum(wrong.values())} else; {time.monotonic() - started:.0f} s"
        for kind, count in Counter(wrong).most_common():
            lines.append(f"  {count} x {kind}  [{name}:{'.'.join(map(str, examples[kind]))}]")
        print("\n".join(lines), flush=True)
        if options.output:
            with options.output.open("a") as file:
                print("\n".join(lines), file=file)
    return min(bad, 1)


def again(name: str, recipe: str) -> int:
    """Read one damaged file without any net; the files stay, to be looked at."""
    folder = Path(tempfile.mkdtemp())
    os.environ["NAPARI_CELLCYCLE_HOME"] = str(folder / "home")
    original = Original(KINDS[name], folder / "original")
    copy = original._copy(damaged(original.changed, tuple(map(int, recipe.split(".")))))
    print(f"the damaged files are in {copy}")
    original.kind.read(copy)
    return 0


if __name__ == "__main__":
    sys.exit(main())
