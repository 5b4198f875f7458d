"""Writing that fails, at the nth call, as a full disk, a quota or a broken one makes it fail.

What was there stays as it was, nothing half is left, and the user reads one sentence.

    PYTHONPATH=tests/helpers python tests/faults/broken_disk.py --faults 100 -o OUT
"""

from __future__ import annotations

import argparse
import builtins
import errno
import io
import os
import random
import resource
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_kinds import KINDS

from napari_cellcycle.errors import CellCycleError

CODES = ("ENOSPC", "EDQUOT", "EIO", "EFBIG")
GOOD = ": one sentence, and nothing changed"
CALLS = ("write", "fsync", "replace", "mkdir", "open")
Write = Callable[[Path], object]


@dataclass
class Disk:
    """Counts the calls that write below a folder, and lets one of them fail."""

    folder: Path
    fails: tuple[str, int] = ("", 0)
    error: int = errno.ENOSPC
    counts: Counter[str] = field(default_factory=Counter)

    def passes(self, call: str, path: object) -> None:
        """Count a call; OSError if it is the one that fails."""
        if not isinstance(path, str | os.PathLike) or not str(path).startswith(str(self.folder)):
            return
        if call == "mkdir" and Path(path).is_dir():  # it would fail anyhow, and that is meant
            return
        self.counts[call] += 1
        if (call, self.counts[call]) == self.fails:
            raise OSError(self.error, os.strerror(self.error), str(path))


class _File(io.FileIO):
    """A file whose writes are counted; what Python writes into files goes through it."""

    disk: Disk

    def write(self, data: Any) -> int:
        self.disk.passes("write", self.name)
        return super().write(data)


@contextmanager
def on(disk: Disk) -> Iterator[None]:
    """Everything that Python writes below the folder of `disk` is counted by it."""
    real_open, file_kind = builtins.open, type("File", (_File,), {"disk": disk})

    def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **how: Any) -> Any:
        ours = isinstance(file, str | os.PathLike) and str(file).startswith(str(disk.folder))
        if not ours or not set(mode) & set("wax+"):
            return real_open(file, mode, buffering, *rest, **how)
        disk.passes("open", file)
        raw = file_kind(file, mode.replace("b", "").replace("t", ""))
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, *rest, **how)

    def counted(call: str, function: Callable[..., Any], place: int = 0) -> Callable[..., Any]:
        def call_it(*arguments: Any, **how: Any) -> Any:
            disk.passes(call, arguments[place] if place >= 0 else disk.folder)
            return function(*arguments, **how)

        return call_it

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtins, "open", opened)
        patch.setattr(io, "open", opened)
        for call, place in (("replace", 1), ("mkdir", 0), ("fsync", -1)):
            patch.setattr(os, call, counted(call, getattr(os, call), place))
        if disk.fails[0] == "size":  # libraries in C write past Python
            resource.setrlimit(resource.RLIMIT_FSIZE, (disk.fails[1], limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, the hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def trial(write: Write, before: Path, call: str, number: int, code: str) -> str:
    """What happens if one call fails."""
    folder = Path(tempfile.mkdtemp(dir=before.parent))
    shutil.copytree(before, folder, dirs_exist_ok=True)
    disk = Disk(folder, (call, number), getattr(errno, code))
    known = contents(folder)
    try:
        with on(disk):
            write(folder)
        return "nobody noticed"
    except CellCycleError as error:
        said = str(error)
        if os.strerror(disk.error) not in said:
            return f"it does not say why: {said}"
    except Exception as error:  # noqa: BLE001 - a finding
        return f"{type(error).__name__}: {error}"[:200]
    left = contents(folder)
    if changed := sorted(name for name in known if left.get(name) != known[name]):
        return f"{changed[0]} changed"
    if more := sorted(left.keys() - known.keys()):
        return f"{more[0]} is left"
    shutil.rmtree(folder)
    return GOOD.removeprefix(": ")


def _calls(folder: Path) -> None:
    from calls import made_prediction

    from napari_cellcycle.io.writers.results import write_table

    write_table(made_prediction(np.arange(7, dtype=np.int8).repeat(300)), folder / "phases.csv")


def _parquet(folder: Path) -> None:
    from calls import made_prediction

    from napari_cellcycle.io.writers.results import write_parquet

    write_parquet(made_prediction(np.arange(7, dtype=np.int8)), folder / "phases.parquet")


def _json(folder: Path) -> None:
    from napari_cellcycle.io.writers.results import write_json

    write_json({"a": list(range(9000))}, folder / "summary.json")


def _picture(folder: Path) -> None:
    from napari_cellcycle.io.writers.results import write_picture

    write_picture(np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8), folder / "montage.png")


def _labels(folder: Path) -> None:
    from napari_cellcycle.annotate.label_file import Decision, append_decisions

    said = Decision("a.tif", 1, "G1", True, "ada", "person", "by hand", "2026-01-02T03:04:05Z")
    append_decisions(folder / "cellcycle_labels.jsonl", [said] * 20)


def _rounds(folder: Path) -> None:
    from napari_cellcycle.annotate.rounds import Round, append_round

    done = Round(
        model="m",
        start_from="default",
        n_labels=9,
        n_trained=9,
        n_tested=3,
        macro_f1=0.5,
        low=0.4,
        high=0.6,
        text="better",
        when="2026-01-02T03:04:05Z",
    )
    append_round(folder / "cellcycle_rounds.jsonl", done)


def _project(folder: Path) -> None:
    from napari_cellcycle.project import OpenData, save_project

    save_project(folder / "mine", [OpenData("plate", [str(folder)], 2)], {"camera": {"zoom": 2.0}})


def _stack(suffix: str) -> Write:
    def write(folder: Path) -> None:
        from napari_cellcycle.events import result_of
        from napari_cellcycle.jobs.config import ReadSettings
        from napari_cellcycle.jobs.convert import convert_files

        result_of(convert_files([folder / "plate"], folder / f"out{suffix}", ReadSettings()))

    return write


def _lists(folder: Path) -> None:
    from calls import made_prediction

    from napari_cellcycle.io.writers.cytometry import write_object_lists

    write_object_lists(made_prediction(np.arange(7, dtype=np.int8)), folder / "lists")


def _fcs(folder: Path) -> None:
    from calls import made_prediction

    from napari_cellcycle.io.writers.cytometry import write_fcs

    write_fcs(made_prediction(np.arange(7, dtype=np.int8)), folder / "fcs")


def _checkpoint(folder: Path) -> None:
    import torch

    from napari_cellcycle.store.checkpoints import write_checkpoint

    write_checkpoint(folder / "run", {"a": torch.zeros(5)}, {"seconds": 1.0})


def _note(folder: Path) -> None:
    from napari_cellcycle.store.run_registry import remember_run

    os.environ["NAPARI_CELLCYCLE_HOME"] = str(folder / "home")
    remember_run(folder / "plate")


WRITERS: dict[str, Write] = {
    "phases.csv": _calls,
    "phases.parquet": _parquet,
    "summary.json": _json,
    "montage.png": _picture,
    "labels": _labels,
    "rounds": _rounds,
    "project": _project,
    "OME-TIFF": _stack(".ome.tif"),
    "OME-Zarr": _stack(".zarr"),
    "object lists": _lists,
    "FCS": _fcs,
    "model": KINDS["model"].write,
    "generator": KINDS["generator"].write,
    "finder": KINDS["finder"].write,
    "unfinished training": _checkpoint,
    "saved layers": KINDS["saved layers"].write,
    "remembered model": _note,
}


def trials(name: str, n_faults: int, seed: int = 0) -> Iterator[str]:
    """Results of faults at random calls, of those that the writer makes."""
    write, draw = WRITERS[name], random.Random(f"{seed} {name}")
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        before.mkdir()
        KINDS["TIFF stack"].write(before / "plate")
        if name in ("labels", "rounds"):
            write(before)  # they are appended to
        disk = Disk(Path(folder) / "count")
        shutil.copytree(before, disk.folder)
        with on(disk):
            write(disk.folder)
        possible = [(call, number + 1) for call in CALLS for number in range(disk.counts[call])]
        old = contents(before)
        largest = max(len(data) for name, data in contents(disk.folder).items() if old.get(name) != data)
        for _ in range(n_faults):
            call, number, code = *draw.choice(possible), draw.choice(CODES)
            if draw.random() < 0.2:
                call, number, code = "size", draw.randrange(largest), "EFBIG"
            yield f"{call}: {trial(write, before, call, number, code)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=100, help="for each kind of file")
    parser.add_argument("--kind", action="append")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    bad = 0
    for name in options.kind or WRITERS:
        counts = Counter(trials(name, options.faults))
        wrong = {
            said: count for said, count in counts.items() if not said.endswith(": one sentence, and nothing changed")
        }
        bad += sum(wrong.values())
        line = f"{name}: {options.faults} faults, {options.faults - sum(wrong.values())} right"
        line += "".join(f"\n  {count} x {said}" for said, count in wrong.items())
        print(line, flush=True)
        if options.output:
            with options.output.open("a") as file:
                print(line, file=file)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
