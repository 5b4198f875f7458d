"""Kill every command at random times: inputs stay, no file is torn, and the same command then ends as it should.

PYTHONPATH=tests/helpers python tests/faults/kills.py --kills 200 --seed 0 -o OUT
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import pkgutil
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import tifffile
import tiny  # noqa: F401 - registers a network for tests
from example_files import write_tiff
from made import made_pixels
from PIL import Image

from napari_cellcycle.cli import main as main_of_cli

QUICK = "--model tiny --epochs 4 --batch-size 16 --learning-rate 0.03 --device cpu"
COMMANDS: dict[str, str] = {
    "classify": "classify plate -o out --model model",
    "classify, all exports": "classify plate -o out --model model --export parquet,fcs,object-lists",
    "convert to TIFF": "convert plate -o out.ome.tif",
    "convert to Zarr": "convert plate -o out.zarr",
    "evaluate": "evaluate plate -o out --model model",
    "evaluate --cv": f"evaluate plate -o out --cv 2 {QUICK}",
    "train": f"train plate -o out {QUICK}",
    "retrain": "retrain plate -o out --start-from model --device cpu",
    "augment": "augment plate -o out --method wgan-gp --phase G2 -n 3 --steps 3 --batch-size 8 --device cpu",
    "label": "label plate -o out --dna Ch4",
    "populations": "populations plate -o out --model model --by folder",
    "next": "next plate -o out.csv --model model",
    "train-finder": "train-finder fields -o out --steps 10 --batch-size 2 --device cpu",
    "demo": "demo -o out",
}
NEW_FOLDERS = ("train", "retrain", "augment", "train-finder")
"""Commands that replace nothing, even if they are asked to."""
CHANGING = {
    *("metrics.json", "summary.json", "report.html", "labels.html", "model.json", "finder.json", "quality.json"),
    "cellcycle_labels.jsonl",
    "cellcycle_rounds.jsonl",
}
"""They hold times and versions, so that their bytes may differ."""
CHANGING_KINDS = (".png", ".svg", ".fcs", ".parquet", ".tif")


def prepare(folder: Path) -> None:
    """Inputs for all commands, and a model."""
    from discs import write_field

    for number, phase in enumerate(("G1", "S", "G2")):
        pixels = made_pixels(np.full(60, number), seed=number)
        for channel, planes in zip(("Ch3", "Ch6", "Ch4"), pixels.swapaxes(0, 1), strict=True):
            write_tiff(folder / "plate" / phase / f"cells_{channel}.tif", planes, metadata={"axes": "TYX"})
    (folder / "fields").mkdir()
    for number in range(4):
        write_field(folder / "fields", f"field{number}", number)
    done = run(folder, f"train plate -o model {QUICK}")
    assert done.code == 0, done.said
    label = "cellcycle_labels.jsonl"
    said = {"annotator": "ada", "kind": "person", "drawn": "by hand", "when": "2026-01-02T03:04:05Z", "sure": True}
    lines = [{"napari_cellcycle_labels": 1}]
    for phase in ("G1", "S", "G2"):
        lines += [{"source": f"{phase}/cells_Ch3.tif", "cell": cell, "label": phase, **said} for cell in range(12)]
    (folder / "plate" / label).write_text("".join(json.dumps(line) + "\n" for line in lines))


class Run:
    """A command in a process of its own, which is forked, so that it need not import everything again."""

    def __init__(self, folder: Path, command: str) -> None:
        self._said = folder / "home" / "said.txt"
        self._said.parent.mkdir(exist_ok=True)
        self._number = os.fork()
        if self._number == 0:
            self._become(folder, command)
        self.code: int | None = None

    def _become(self, folder: Path, command: str) -> NoReturn:
        code = 1
        try:
            os.chdir(folder)
            os.environ["NAPARI_CELLCYCLE_HOME"] = str(folder / "home")
            sys.stdout = sys.stderr = self._said.open("w", buffering=1)
            code = main_of_cli(command.split())
        except BaseException:  # noqa: BLE001 - told by the exit code
            traceback.print_exc()
        finally:
            os._exit(code)

    def wait(self, seconds: float = 900) -> bool:
        """Whether it ended within some seconds."""
        last = time.monotonic() + seconds
        while self.code is None and time.monotonic() < last:
            number, status = os.waitpid(self._number, os.WNOHANG)
            if number:
                self.code = os.waitstatus_to_exitcode(status)
            else:
                time.sleep(0.01)
        return self.code is not None

    def signal(self, number: int) -> None:
        """Send it a signal, and wait for its end."""
        os.kill(self._number, number)
        self.wait()

    @property
    def said(self) -> str:
        """Its last words."""
        return self._said.read_text()[-700:]


def run(folder: Path, command: str) -> Run:
    """Run a command to its end."""
    done = Run(folder, command)
    done.wait()
    return done


def contents(folder: Path, inside: str = "") -> dict[str, str]:
    """A hash of each file whose bytes are always the same, and for the others the empty text."""
    found = {}
    for path in sorted((folder / inside).rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith("home/"):
            changes = path.name in CHANGING or path.suffix in CHANGING_KINDS or "generator" in name
            found[name] = "" if changes else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def torn(path: Path) -> str:
    """What is wrong with a file that a killed run left; empty if nothing is."""
    try:
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".png":
            Image.open(path).load()
        elif path.suffix == ".tif":
            tifffile.imread(path)
        elif (path.suffix == ".html" and not path.read_text().rstrip().endswith("</html>")) or (
            path.suffix == ".csv" and not path.read_bytes().endswith(b"\n")
        ):
            return "cut off"
    except Exception as error:  # noqa: BLE001 - a finding
        return repr(error)
    return ""


class Command:
    """One command, its undisturbed results and how long it takes."""

    def __init__(self, prepared: Path, name: str) -> None:
        self.prepared, self.name, self.text = prepared, name, COMMANDS[name]
        folder = self.fresh()
        self.before = contents(folder)
        began = time.monotonic()
        done = run(folder, self.text)
        self.seconds = time.monotonic() - began
        assert done.code == 0, f"{name}: {done.said}"
        self.after = contents(folder)
        shutil.rmtree(folder)

    def fresh(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="kill-", dir=self.prepared.parent))
        for name in ("plate", "fields", "model"):
            shutil.copytree(self.prepared / name, folder / name)
        return folder

    def kill(self, after: float, number: int = signal.SIGKILL) -> list[str]:
        """Kill it after some seconds, look at what is there, and run it again; what was wrong."""
        folder = self.fresh()
        killed = Run(folder, self.text)
        if not killed.wait(after):
            killed.signal(number)
        wrong = list(self._look(folder))
        if number != signal.SIGKILL and (hidden := [name for name in contents(folder) if "/.cellcycle-" in f"/{name}"]):
            wrong.append(f"left {hidden[0]} after a signal that can be answered")
        if killed.code != 0:
            wrong += self._again(folder)
        shutil.rmtree(folder)
        return wrong

    def _look(self, folder: Path) -> Iterator[str]:
        now = contents(folder)
        for name, known in self.before.items():
            if name not in now or (known and now[name] != known and name != "plate/cellcycle_labels.jsonl"):
                yield f"the input {name} changed"
        for name in sorted(now.keys() - self.before.keys()):
            if "/.cellcycle-" in f"/{name}" or ".unfinished/" in name:
                continue
            if name not in self.after:
                yield f"{name} is left"
            elif self.after[name] and now[name] != self.after[name]:
                yield f"{name} differs"
            elif problem := torn(folder / name):
                yield f"{name} is torn ({problem})"

    def _again(self, folder: Path) -> Iterator[str]:
        extra = self._what_the_user_adds(folder)
        done = run(folder, self.text + extra)
        if done.code:
            yield f"again{extra} it ends with {done.code}: {done.said}"
            return
        now = contents(folder)
        for name in sorted(self.after.keys() | now.keys()):
            if now.get(name) != self.after.get(name):
                yield f"again{extra}, {name} {'is left' if name not in self.after else 'differs or is missing'}"

    def _what_the_user_adds(self, folder: Path) -> str:
        if any(path.name.endswith(".unfinished") for path in folder.iterdir()):
            return " --resume"
        return " --overwrite" if any(folder.glob("out*")) and self.name not in NEW_FOLDERS else ""


def warm_up() -> None:
    """Import what the commands need, so that a forked process is killed in its work and not in its imports."""
    import napari_cellcycle.jobs

    for module in pkgutil.walk_packages(napari_cellcycle.jobs.__path__, "napari_cellcycle.jobs."):
        importlib.import_module(module.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of all commands together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", action="append", help="one of them, instead of all")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    names = options.command or list(COMMANDS)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared"
        prepared.mkdir()
        warm_up()
        prepare(prepared)
        for name in names:
            command, draw = Command(prepared, name), random.Random(f"{options.seed} {name}")
            counts: Counter[str] = Counter()
            n_kills = -(-options.kills // len(names))
            for number in range(n_kills):
                after = command.seconds * draw.uniform(0, 1.02)
                counts.update(command.kill(after, signal.SIGTERM if number % 5 == 4 else signal.SIGKILL) or ["right"])
            line = f"{name}: {n_kills} kills in {command.seconds:.1f} s, " + "; ".join(
                f"{count} x {what}" for what, count in counts.most_common()
            )
            bad += n_kills - counts["right"]
            print(line, flush=True)
            if options.output:
                with options.output.open("a") as file:
                    print(line, file=file)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
