"""All docks in one real window: buttons pressed at random, and layers and docks taken away in the middle of work.

    PYTHONPATH=tests/helpers xvfb-run -a python tests/faults/docks.py --jobs 500 --seed 0 -o OUT

What is counted: jobs, what disturbed them, exceptions, and whether time and memory stay as they are.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import napari
import npe2
import numpy as np
import psutil
import tiny  # noqa: F401 - registers a network for tests
from example_files import write_tiff
from made import made_pixels
from qtpy.QtWidgets import QApplication, QDialog, QFileDialog, QMessageBox, QPushButton, QWidget

from napari_cellcycle.events import result_of
from napari_cellcycle.gui.dock_tabs import PLUGIN, show_dock
from napari_cellcycle.gui.layers.gallery import open_gallery, show_gallery
from napari_cellcycle.jobs.config import ReadSettings

LONGEST_JOB_S = 3.0
PATIENCE_S = 120.0


def write_plate(folder: Path, seed: int) -> None:
    """20 cells of G1, S and G2 each."""
    for number, phase in enumerate(("G1", "S", "G2")):
        pixels = made_pixels(np.full(20, number), seed=seed + number)
        for channel, planes in zip(("Ch3", "Ch6", "Ch4"), pixels.swapaxes(0, 1), strict=True):
            write_tiff(folder / phase / f"cells_{channel}.tif", planes, metadata={"axes": "TYX"})


class Monkey:
    """Presses what can be pressed, and takes away what can be taken away."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.draw = folder, random.Random(seed)
        self.viewer = napari.Viewer(show=True)
        self.names = [widget.display_name for widget in _widgets()]
        self.docks: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        sys.excepthook = lambda _kind, error, trace: self.wrong.append(
            "".join(traceback.format_exception(type(error), error, trace)[-3:])
        )
        self._answer_dialogs()

    def _answer_dialogs(self) -> None:
        def path(*_: Any) -> tuple[str, str]:
            return str(self.draw.choice(["", self.folder / f"saved{self.draw.random()}.csv", "/proc/none/x.csv"])), ""

        for name in ("getSaveFileName", "getOpenFileName"):
            setattr(QFileDialog, name, staticmethod(path))
        QFileDialog.getOpenFileNames = staticmethod(lambda *_: ([str(self.folder / "plate0")], ""))
        QFileDialog.getExistingDirectory = staticmethod(lambda *_: str(self.draw.choice(["", *self._folders()])))
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        QMessageBox.question = staticmethod(lambda *_: self.draw.choice([yes, no]))
        QDialog.exec = QDialog.exec_ = lambda *_: 0

    def _folders(self) -> list[str]:
        new = self.folder / f"new{self.draw.random()}"
        new.mkdir()
        return [str(new), str(self.folder / "plate0"), "/proc"]

    def events(self, seconds: float) -> None:
        """Let Qt work."""
        last = time.monotonic() + seconds
        while time.monotonic() < last:
            QApplication.processEvents()
            time.sleep(0.005)

    def dock(self) -> Any:
        """One of the docks, opened if it is not."""
        name = self.draw.choice(self.names)
        if name not in self.docks:
            self.docks[name] = show_dock(self.viewer, name)
        return self.docks[name]

    def press(self, dock: QWidget) -> None:
        """One of its buttons, the one that starts the work more often."""
        buttons = [
            button for button in dock.findChildren(QPushButton) if button.isEnabled() and button.isVisibleTo(dock)
        ]
        if buttons:
            run = getattr(dock, "run_button", None)
            button = run if run in buttons and self.draw.random() < 0.5 else self.draw.choice(buttons)
            self.counts[f"pressed in {type(dock).__name__}"] += 1
            button.click()

    def disturb(self) -> None:
        """Something that the work does not expect."""
        layers, kind = (
            self.viewer.layers,
            self.draw.choice("nothing nothing delete rename clear close cancel show".split()),
        )
        self.counts[f"disturbed by {kind}"] += 1
        if kind == "delete" and len(layers):
            del layers[self.draw.randrange(len(layers))]
        elif kind == "rename" and len(layers):
            layers[self.draw.randrange(len(layers))].name = self.draw.choice(["phase", "brightfield - x", "", "a/b"])
        elif kind == "clear":
            layers.clear()
        elif kind == "close" and self.docks:
            name = self.draw.choice(list(self.docks))
            self.viewer.window.remove_dock_widget(self.docks.pop(name))
        elif kind == "cancel":
            for dock in self.docks.values():
                if dock.job is not None:
                    dock.progress.cancel.click()
        elif kind == "theme":
            self.viewer.theme = self.draw.choice(["dark", "light"])

    def open_cells(self) -> None:
        """A gallery, if there is none."""
        if not len(self.viewer.layers):
            plate = self.folder / f"plate{self.draw.randrange(2)}"
            show_gallery(self.viewer, result_of(open_gallery([plate], ReadSettings())))

    def end_jobs(self) -> None:
        """Cancel what runs, and wait for its end."""
        last = time.monotonic() + PATIENCE_S
        while any(dock.job is not None for dock in self.docks.values()):
            for dock in list(self.docks.values()):
                if dock.job is not None and dock.progress.cancel.isEnabled():
                    dock.progress.cancel.click()
            self.events(0.05)
            if time.monotonic() > last:
                self.wrong.append(f"a job does not end: {[n for n, d in self.docks.items() if d.job is not None]}")
                return

    def job(self) -> bool:
        """One round; whether a job was started."""
        self.open_cells()
        dock = self.dock()
        self.events(0.02)
        self.press(dock)
        started = getattr(dock, "job", None) is not None
        self.events(self.draw.uniform(0, LONGEST_JOB_S if self.draw.random() < 0.3 else 0.3))
        self.disturb()
        self.events(0.05)
        self.end_jobs()
        return started


def _widgets() -> list[Any]:
    manager = npe2.PluginManager.instance()
    if PLUGIN not in manager:
        manager.register(npe2.PluginManifest.from_distribution(PLUGIN))
    return list(manager.get_manifest(PLUGIN).contributions.widgets)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CELLCYCLE_HOME"] = f"{folder}/home"
        for number in range(2):
            write_plate(Path(folder) / f"plate{number}", 10 * number)
        monkey = Monkey(Path(folder), options.seed)
        lines, n_jobs, began = [], 0, time.monotonic()
        while n_jobs < options.jobs:
            n_jobs += monkey.job()
            if n_jobs % 25 == 0 and len(lines) < n_jobs // 25:
                memory = psutil.Process().memory_info().rss / 2**20
                lines.append(
                    f"{n_jobs} jobs: {memory:.0f} MB, {time.monotonic() - began:.0f} s, {len(monkey.wrong)} wrong"
                )
                print(lines[-1], flush=True)
        monkey.viewer.close()
        lines += [f"{count} x {what}" for what, count in monkey.counts.most_common()]
        lines += [f"{count} x {what}" for what, count in Counter(monkey.wrong).most_common()]
        print("\n".join(lines[-40:]))
        if options.output:
            options.output.write_text("\n".join(lines) + "\n")
    os._exit(min(len(monkey.wrong), 1))  # Qt's own end is no part of this


if __name__ == "__main__":
    main()
