"""How fast the dock Gallery is with very many cells, in a real window.

NAPARI_CELLCYCLE_DATA=... xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/gallery.py [--cells 100000]

The cells are those of Jurkat, repeated. With --from-file they are written as an OME-TIFF and read by the dock; else
they are repeated in memory, which measures the dock alone and works for a million. Times are those of a clock and,
where one thread does the work, those of its processor, which do not grow when other programs run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pandas as pd
import psutil
import tifffile
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

import napari_cellcycle as cc
from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.events import Job, result_of
from napari_cellcycle.gui.docks.gallery import GalleryWidget
from napari_cellcycle.gui.layers.gallery import OpenedGallery, open_gallery, show_gallery
from napari_cellcycle.gui.layers.phase_layer import phase_layer, phase_numbers, show_phases
from napari_cellcycle.gui.layers.phase_table import result_table
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.phases import N_PHASES, PHASE_LABELS

CHANNELS = ("brightfield", "darkfield")
TICK_MS = 2
LOOK_S = 1.0
N_CORRECTED = 30


@dataclass(frozen=True, eq=False)
class Repeated:
    """Real cells, repeated."""

    pixels: NDArray[np.uint16]
    n_cells: int

    def __len__(self) -> int:
        return self.n_cells

    def read(self, indices: Sequence[int]) -> list[CellImage]:
        return [CellImage(self.pixels[index % len(self.pixels)]) for index in indices]


class Watch:
    """Wall time and time of the processor for this thread, for many repetitions of the same."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.own: list[float] = []

    def __enter__(self) -> Watch:
        self._started = time.perf_counter(), time.thread_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall.append(time.perf_counter() - self._started[0])
        self.own.append(time.thread_time() - self._started[1])

    def say(self, what: str) -> None:
        """Print the middle and the longest."""
        wall, own = 1000 * np.array(self.wall), 1000 * np.array(self.own)
        print(
            f"{what:<60} {np.median(wall):8.0f} ms, longest {wall.max():.0f} ms; "
            f"processor {np.median(own):.0f} ms, longest {own.max():.0f} ms",
            flush=True,
        )


class Stalls:
    """The longest time that the GUI thread did not come to a timer of its own."""

    def __init__(self) -> None:
        self._last, self.longest_s = time.perf_counter(), 0.0
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.longest_s, self._last = max(self.longest_s, now - self._last), now

    def restart(self) -> None:
        """Forget what was measured before."""
        self._last, self.longest_s = time.perf_counter(), 0.0


def main() -> None:
    """Print a table of times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--from-file", action="store_true")
    options = parser.parse_args()
    pixels, phases = jurkat()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CELLCYCLE_HOME"] = folder
        path = Path(folder) / "cells.ome.tif"
        if options.from_file:
            write(path, pixels, options.cells)
        else:
            path.touch()
            use_memory(pixels, phases, options.cells)
        measure(path, phases, options.cells)


def measure(path: Path, phases: NDArray[np.int8], n_cells: int) -> None:
    """Open the cells, and do with them what a user does."""
    viewer, stalls = napari.Viewer(), Stalls()
    viewer.window.resize(1500, 950)
    pump(1)
    say_mb("memory of napari without cells, and of the cells to repeat", rss())
    started = time.perf_counter()
    opened: OpenedGallery = result_of(open_gallery([path], ReadSettings()))
    read = time.perf_counter()
    show_gallery(viewer, opened)
    pump(0.5)
    say("open: read the list of cells and lay out the layers", read - started)
    add_calls(viewer, opened, phases[np.arange(n_cells) % len(phases)])
    pump(1)
    before = rss()
    stalls.restart()
    started, drawn = time.perf_counter(), list[float]()
    dock: GalleryWidget = viewer.window.add_plugin_dock_widget("napari-cellcycle", "Gallery", tabify=True)[1]
    dock.grid.first_drawn.connect(lambda: drawn.append(time.perf_counter()))
    pump(200, lambda: bool(drawn))
    say("dock asked to first picture drawn", drawn[0] - started)
    say("  longest stall of the GUI thread meanwhile", stalls.longest_s)
    pump(1)
    scroll(dock, stalls)
    orders(dock, stalls)
    keys(dock, stalls)
    say_mb("memory that the dock adds", rss() - before)
    if (dock.table.labels.given >= 0).any():  # cells of a stack have no true phase to correct by
        correct(dock)
    say_mb("memory in all", rss())
    viewer.close()


def scroll(dock: GalleryWidget, stalls: Stalls) -> None:
    """Steps of the mouse wheel, and jumps to where nothing was read."""
    bar, steps, jumps = dock.grid.verticalScrollBar(), Watch(), Watch()
    stalls.restart()
    for _ in range(40):
        with steps:
            bar.setValue(bar.value() + 3 * bar.singleStep())
            dock.grid.viewport().repaint()
        pump(0.05)
    steps.say("scroll step")
    for share in np.linspace(0.05, 0.95, 20):
        with jumps:
            bar.setValue(round(share * bar.maximum()))
            pump(5, lambda: not dock.grid.is_reading)
            dock.grid.viewport().repaint()
    jumps.say("jump to cells that are not read yet, until they are drawn")
    say("  longest stall of the GUI thread while scrolling", stalls.longest_s)
    bar.setValue(0)


def orders(dock: GalleryWidget, stalls: Stalls) -> None:
    """Sort, group and filter by each column."""
    dock.more.expand(animate=False)
    pump(0.5)
    sorting, filtering = Watch(), Watch()
    stalls.restart()
    for name in dock.table.names if dock.table is not None else ():
        for box in (dock.choices.sort, dock.choices.group):
            if box.findData(name) > 0:
                with sorting:
                    box.choose(name)
                    dock.grid.viewport().repaint()
                box.setCurrentIndex(0)
                pump(0.05)
    sorting.say("sort or group by a column, until drawn")
    for name in PHASE_LABELS:
        with filtering:
            dock.filters.boxes["call"].choose(name)
            dock.grid.viewport().repaint()
        pump(0.05)
    filtering.say("filter by call, until drawn")
    say("  longest stall of the GUI thread meanwhile", stalls.longest_s)
    dock.show_everything()
    dock.more.collapse(animate=False)
    pump(0.5)


def keys(dock: GalleryWidget, stalls: Stalls) -> None:
    """Label cell after cell by key."""
    dock.grid.setFocus()
    QTest.keyClick(dock.grid, Qt.Key.Key_Home)
    pump(1)  # napari adds the layer that marks the current cell
    labelling, undoing = Watch(), Watch()
    stalls.restart()
    for number in range(60):
        with labelling:
            QTest.keyClick(dock.grid, getattr(Qt.Key, f"Key_{1 + number % N_PHASES}"))
            dock.grid.viewport().repaint()
        pump(0.05)
    labelling.say("key to colour")
    for _ in range(60):
        with undoing:
            QTest.keyClick(dock.grid, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
            dock.grid.viewport().repaint()
        pump(0.05)
    undoing.say("undo to colour")
    say("  longest stall of the GUI thread meanwhile", stalls.longest_s)


def correct(dock: GalleryWidget) -> None:
    """Correct cells that are called wrong, at `LOOK_S` a look."""
    table = dock.table
    started = time.perf_counter()
    dock.more.expand(animate=False)
    dock.filters.boxes["agreement"].choose("call is wrong")
    dock.grid.setFocus()
    QTest.keyClick(dock.grid, Qt.Key.Key_Home)
    for _ in range(N_CORRECTED):
        pump(LOOK_S)
        truth = int(table.labels.given[dock.grid.selection.current])
        QTest.keyClick(dock.grid, getattr(Qt.Key, f"Key_{truth + 1}"))
    say(f"{N_CORRECTED} wrong cells corrected, {LOOK_S:g} s a look", time.perf_counter() - started)
    assert np.count_nonzero(table.decided) == N_CORRECTED


def add_calls(viewer: Any, opened: OpenedGallery, truth: NDArray[np.int8]) -> None:
    """A phase layer of calls of which three in four are right, as if a model had made them."""
    random = np.random.default_rng(0)
    scores = random.normal(size=(len(truth), N_PHASES))
    scores[np.arange(len(truth)), truth] += 2.5
    chances = (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)).astype(np.float32)
    dna = random.normal(3, 1, len(truth)).astype(np.float32)
    table = opened.table
    prediction = Prediction(table["source"].to_numpy(str), table["cell"].to_numpy(), chances, dna)
    features: pd.DataFrame = result_table(prediction, truth, np.zeros(len(truth), bool))
    picture = opened.source.grid.draw_outlines(phase_numbers(prediction.phases))
    layer = phase_layer(picture, features, opened.source, model="made", min_probability=0.0)
    show_phases(viewer, opened.data_set, layer, opened.source.grid)


def jurkat() -> tuple[NDArray[np.uint16], NDArray[np.int8]]:
    """The cells to repeat, (N, 2, 40, 40), and their phases."""
    cells = cc.read_cells(Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1")
    cells = cells.select_channels(CHANNELS)
    return np.stack([image.pixels for image in cells.read(range(len(cells)))]).astype(np.uint16), cells.phases


def write(path: Path, pixels: NDArray[np.uint16], n_cells: int) -> None:
    """Write repeated cells, and the table of their phases is left out."""
    metadata = {"axes": "TCYX", "Channel": {"Name": list(CHANNELS)}}
    tifffile.imwrite(path, pixels[np.arange(n_cells) % len(pixels)], ome=True, bigtiff=True, metadata=metadata)


def use_memory(pixels: NDArray[np.uint16], phases: NDArray[np.int8], n_cells: int) -> None:
    """Let the viewer find repeated cells in memory where it would read a file."""
    given = phases[np.arange(n_cells) % len(phases)]
    from napari_cellcycle.gui.layers import gallery

    def read(*_: object, **__: object) -> Job[Any, Cells]:
        return Cells.build(Repeated(pixels, n_cells), CHANNELS, "cells.ome.tif", phases=given)
        yield

    gallery.open_cells = read  # type: ignore[assignment]


def pump(seconds: float, done: Callable[[], bool] = lambda: False) -> None:
    """Run Qt's events for a while."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not done():
        QApplication.processEvents()
        time.sleep(0.001)


def rss() -> int:
    """Memory of this process in bytes."""
    return int(psutil.Process().memory_info().rss)


def say(what: str, seconds: float) -> None:
    """Print one time."""
    print(f"{what:<60} {1000 * seconds:8.0f} ms", flush=True)


def say_mb(what: str, n_bytes: float) -> None:
    """Print a number of bytes."""
    print(f"{what:<60} {n_bytes / 1e6:8.0f} MB", flush=True)


if __name__ == "__main__":
    main()
