"""The longest stall of the GUI thread in each action of each dock, first use included, in a real window.

NAPARI_CELLCYCLE_DATA=... xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/dock_stalls.py [--where]

All labelled cells of Jurkat's first experiment are opened, classified, looked at, labelled, tested, trained on, and so
on. A timer in the GUI thread says how long it did not come to it; another thread looks where the GUI thread is then,
so that napari's own work on its layers can be told from ours. --where prints that place for the longest stalls.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

TICK_MS = 5
LOOKED_AT_S = 0.03
"""A stall as long as this is looked into."""
LAYER_WORK = ("add_layer", "insert", "remove", "_on_layer", "paintGL", "on_draw", "set_data", "_update_thumbnail")
DATA = Path(os.environ["NAPARI_CELLCYCLE_DATA"])


class Stalls:
    """How long the GUI thread did not come to a timer of its own, and where it was meanwhile."""

    def __init__(self) -> None:
        self.last, self.longest_s = time.perf_counter(), 0.0
        self.places: list[list[str]] = []
        self._main = threading.get_ident()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)
        threading.Thread(target=self._look, daemon=True).start()

    def _tick(self) -> None:
        now = time.perf_counter()
        stall, self.last = now - self.last, now
        if stall > self.longest_s:
            self.longest_s, self.places = stall, self._seen
        self._seen: list[list[str]] = []

    def _look(self) -> None:
        self._seen, looked = [], time.perf_counter()
        while True:
            time.sleep(0.005)
            if time.perf_counter() - self.last > LOOKED_AT_S:
                others = [one.ident for one in threading.enumerate() if one.ident != threading.get_ident()]
                # One look in a long stall means that another thread did not let Python go on
                for one in others if time.perf_counter() - looked > LOOKED_AT_S else [self._main]:
                    self._seen.append(_stack(one))
            looked = time.perf_counter()

    def restart(self) -> None:
        """Forget what was measured before."""
        self.last, self.longest_s, self.places = time.perf_counter(), 0.0, []

    def is_napari(self) -> bool:
        """Whether napari worked on its layers for most of the longest stall."""
        found = [any("/napari/" in line and line.split()[-1] in LAYER_WORK for line in stack) for stack in self.places]
        return sum(found) * 2 > len(found) > 0

    def where(self) -> str:
        """Our own innermost place, and the innermost place at all, in most looks."""
        pairs = Counter()
        for stack in self.places:
            if "threading.py" in stack[-1] or "selectors" in stack[-1]:
                continue
            ours = [line for line in stack if "napari_cellcycle" in line and "benchmarks" not in line]
            pairs[(_short(ours[-1]) if ours else "-", _short(stack[-1]))] += 1
        return "; ".join(f"{n}x {ours} > {last}" for (ours, last), n in pairs.most_common(6))


def _stack(thread: int | None) -> list[str]:
    """Where a thread is. No frame is kept: it would keep its painters, and Qt crashes if these paint too long."""
    found, frame = [], sys._current_frames().get(thread or 0)
    while frame is not None:
        found.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return found[::-1]


def _short(line: str) -> str:
    return "/".join(line.split("/")[-2:])


class Window:
    """A viewer and its docks, driven as a user does it."""

    def __init__(self, *, where: bool) -> None:
        self.viewer, self._where = napari.Viewer(), where
        self.viewer.window.resize(1500, 950)
        self.pump(2)
        self.stalls = Stalls()
        self.longest: list[tuple[float, str]] = []

    def pump(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let Qt work."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and not until():
            QApplication.processEvents()
            time.sleep(0.001)

    @contextmanager
    def action(self, what: str, dock: Any = None) -> Iterator[None]:
        """Measure what is done inside, and what follows from it until the dock's work is done."""
        self.pump(0.5)
        self.stalls.restart()
        yield
        self.pump(0.3)
        if dock is not None:
            self.pump(600, lambda: dock.job is None)
        self.pump(0.7)
        mark = " (napari's own layers)" if self.stalls.is_napari() else ""
        print(f"{what:<58} {1000 * self.stalls.longest_s:6.0f} ms{mark}", flush=True)
        if self._where and self.stalls.longest_s > 0.1:
            print(f"    {self.stalls.where()}", flush=True)
        if not mark:
            self.longest.append((self.stalls.longest_s, what))

    def open(self, name: str) -> Any:
        """Open a dock, as the menu does."""
        found: list[Any] = []
        with self.action(f"{name}: open the dock"):
            found.append(self.viewer.window.add_plugin_dock_widget("napari-cellcycle", name, tabify=True)[1])
        return found[0]


def main() -> None:
    """Print the longest stall of each action."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--where", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CELLCYCLE_HOME"] = folder
        window = Window(where=options.where)
        QFileDialog.getExistingDirectory = staticmethod(lambda *_: str(Path(folder) / "saved"))  # type: ignore[method-assign]
        QFileDialog.getSaveFileName = staticmethod(lambda *_: (str(Path(folder) / "saved.csv"), ""))  # type: ignore[method-assign]
        (Path(folder) / "saved").mkdir()
        shutil.copytree(DATA / "jurkat" / "Experiment_1", Path(folder) / "cells")  # labels are kept beside the data
        cells(window, Path(folder) / "cells")
        for part in (gallery, evaluation, training, populations, stain):
            part(window)
        longest, what = max(window.longest)
        print(f"longest, napari's own work on layers apart: {1000 * longest:.0f} ms ({what})", flush=True)
    os._exit(0)  # Qt's own end is no part of this


def cells(window: Window, folder: Path) -> None:
    """Open cells, and classify them."""
    dock = window.open("Open cells")
    with window.action("Open cells: look into the folder", dock):
        dock.look_into([str(folder)])
    with window.action("Open cells: open", dock):
        dock.open_button.click()
    classify = window.open("Classify")
    for which in ("first", "second"):
        with window.action(f"Classify: {which} run", classify):
            classify.run_button.click()


def gallery(window: Window) -> None:
    """Look at cells, order and label them, and ask what comes next."""
    dock = window.open("Gallery")
    with window.action("Gallery: sort by probability", dock):
        dock.choices.sort.choose("probability")
    with window.action("Gallery: group by call", dock):
        dock.choices.group.choose("call")
    dock.grid.setFocus()
    for key in ("Home", "1", "2", "Return"):
        with window.action(f"Gallery: key {key}", dock):
            QTest.keyClick(dock.grid, getattr(Qt.Key, f"Key_{key}"))
    for queue in [dock.choices.queue.itemData(number) for number in range(1, dock.choices.queue.count())]:
        with window.action(f"Gallery: queue {queue}", dock):
            dock.choices.queue.choose(queue)
    with window.action("Gallery: what the model looked at", dock):
        dock.explain_button.click()
    with window.action("Gallery: show all", dock):
        dock.show_all.click()


def evaluation(window: Window) -> None:
    """Compare calls with the truth."""
    dock = window.open("Evaluate")
    with window.action("Evaluate: run", dock):
        dock.run_button.click()
    for number in range(dock.tabs.count()):
        with window.action(f"Evaluate: tab {dock.tabs.tabText(number)}", dock):
            dock.tabs.setCurrentIndex(number)
    with window.action("Evaluate: save the report", dock):
        dock.save_button.click()


def training(window: Window) -> None:
    """Train for an epoch, and make cells."""
    dock = window.open("Train")
    dock.form.show_values({"epochs": 1})
    with window.action("Train: one epoch", dock):
        dock.run_button.click()
    dock = window.open("Augment")
    with window.action("Augment: some seconds of a training, then cancel", dock):
        dock.run_button.click()
        window.pump(8)
        if dock.job is not None:
            dock.progress.cancel.click()


def populations(window: Window) -> None:
    """All views of the classified cells."""
    dock = window.open("Populations")
    window.pump(600, lambda: dock.job is None)
    for number in range(dock.tabs.count()):
        with window.action(f"Populations: tab {dock.tabs.tabText(number)}", dock):
            dock.tabs.setCurrentIndex(number)
    with window.action("Populations: draw the map", dock):
        dock.map_button.click()


def stain(window: Window) -> None:
    """Gates on the stain of the same cells."""
    dock = window.open("Label by stain")
    with window.action("Label by stain: measure", dock):
        dock.run_button.click()
    with window.action("Label by stain: label the cells", dock):
        dock.label_button.click()


if __name__ == "__main__":
    main()
