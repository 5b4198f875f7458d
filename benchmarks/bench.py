"""Every stage and every format in one table: ``make bench`` writes it into benchmarks/README.md.

    NAPARI_CELLCYCLE_DATA=... python benchmarks/bench.py [--cells 1000 10000 100000] [--formats tiff zarr ...]

Cells of Jurkat, and objects of the example .cif, are repeated in a temporary folder. Each run is a process of its own.
Ratios come first: all figures of a table are from one run, and other programs disturb the times of the processor less
than those of the clock.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
import torch
from amnis import repeat_objects
from numpy.typing import NDArray
from PIL import Image

import napari_cellcycle as cc
from napari_cellcycle.images.batches import read_batch
from napari_cellcycle.images.cell_features import measure_cells
from napari_cellcycle.io.writers.results import write_table
from napari_cellcycle.io.writers.stack import StackSpec, tiff_stack
from napari_cellcycle.io.writers.zarr import zarr_stack
from napari_cellcycle.models.batchnorm_fusion import fuse_for_inference
from napari_cellcycle.predict import PredictionWork, matched_input, predict_prepared

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- made by make bench -->\n", "<!-- end of make bench -->\n"
CHANNELS = ("brightfield", "darkfield")
MOST_FILES = 10_000
"""Folders of more cells, with two files each, are not made."""
STAGE_CELLS = 2048


class Run(NamedTuple):
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def main() -> None:
    """Measure, print the tables, and put them into the README."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--formats", nargs="+", choices=list(MAKERS), default=list(MAKERS))
    options = parser.parse_args()
    parts = [_about(), _limits(), _stages()]
    runs: dict[tuple[str, int], Run] = {}
    seed: dict[int, Run] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for n_cells in options.cells:
            for name in options.formats:
                if name == "PNG" and n_cells > MOST_FILES:
                    continue
                source = MAKERS[name](Path(temporary), n_cells)
                out = Path(temporary) / "out"
                command = [sys.executable, "-m", "napari_cellcycle", "classify", str(source), "-o", str(out)]
                runs[name, n_cells] = _measured([*command, "--overwrite", *LAYOUT.get(name, ())])
                if name == "PNG":
                    script = str(Path(__file__).with_name("seed_script.py"))
                    seed[n_cells] = _measured([sys.executable, script, str(source), str(Path(temporary) / "seed.csv")])
                subprocess.run(["rm", "-rf", str(source), str(out)], check=True)
    parts += [_ratios(runs, seed), _end_to_end(runs, seed)]
    text = "\n".join(parts)
    print(text)
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _about() -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    processor = platform.processor() or platform.machine()
    lines = [line for line in _read(Path("/proc/cpuinfo")).splitlines() if line.startswith("model name")]
    name = lines[0].partition(":")[2].strip() if lines else processor
    load = f"{os.getloadavg()[0]:.0f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        f"`make bench`, {datetime.date.today()}, commit {commit.strip()}, {os.cpu_count()} cores of {name}, "
        f"{platform.system()}, Python {platform.python_version()}, torch {torch.__version__}; "
        f"other programs: load {load}.\n"
    )


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _limits() -> str:
    """What this computer can do at most, with one thread."""
    torch.set_num_threads(1)
    rows = []
    for kind in (torch.float32, torch.bfloat16):
        square = torch.randn(1024, 1024).to(kind)
        rows.append(
            (
                f"matrix product, {kind}".replace("torch.", ""),
                f"{2 * 1024**3 / _best(lambda s=square: s @ s) / 1e9:.0f} GFLOP/s",
            )
        )
    block = np.zeros(2**27, np.uint8)
    rows.append(("copy in memory", f"{block.nbytes / _best(block.copy) / 1e9:.1f} GB/s"))
    with tempfile.NamedTemporaryFile() as file:
        started = time.perf_counter()
        file.write(block.data)
        os.fsync(file.fileno())
        rows.append(("write to disk", f"{block.nbytes / (time.perf_counter() - started) / 1e9:.2f} GB/s"))
    return _table(("limits of this computer, one thread", ""), rows)


def _stages() -> str:
    """Time of the processor per cell in each stage, and its share."""
    model, device = cc.load_model("default"), torch.device("cpu")
    with tempfile.TemporaryDirectory() as temporary:
        path = MAKERS["OME-TIFF"](Path(temporary), STAGE_CELLS)
        stages = {"open": _best(lambda: cc.read_cells(path), 3)}
        cells = cc.read_cells(path).select_channels(model.card.input.channels)
        rows = np.arange(STAGE_CELLS)
        stages["decode"] = _best(lambda: read_batch(cells, rows), 3)
        batch, spec = read_batch(cells, rows), matched_input(model, cells)
        stages["crop and normalise"] = _best(lambda: batch.prepare(spec), 3)
        images = batch.prepare(spec)[:256]
        work = PredictionWork(model, cells, spec, "cpu", 256)
        stages["forward"] = 8 * _best(lambda: predict_prepared(work.ready, images, device))
        prediction = cc.classify(cells, model, device="cpu")
        stages["write the table"] = _best(lambda: write_table(prediction, Path(temporary) / "phases.csv"), 3)
    whole = sum(stages.values())
    seed = cc.load_model("duque2024")
    blank = np.zeros((256, 2, seed.card.input.size_px, seed.card.input.size_px), np.float32)

    ready = replace(seed, network=fuse_for_inference(seed.network, device))
    others = {
        "forward, `duque2024` instead": 8 * _best(lambda: predict_prepared(ready, blank, device), 2),
        "features by scikit-image instead": 32 * _best(lambda: measure_cells(images[:64], CHANNELS), 1),
    }
    lines = [
        (name, f"{seconds / whole:.2f}", f"{1e6 * seconds / STAGE_CELLS:.1f} µs")
        for name, seconds in (stages | others).items()
    ]
    return _table(("stage of `default`, OME-TIFF, one thread", "of the whole", "processor, a cell"), lines)


def _ratios(runs: dict[tuple[str, int], Run], seed: dict[int, Run]) -> str:
    rows = []
    for n_cells, script in seed.items():
        ratios = [
            f"{script.cpu_s / runs['PNG', n_cells].cpu_s:.1f}",
            f"{script.wall_s / runs['PNG', n_cells].wall_s:.1f}",
        ]
        rows.append((f"{n_cells:,} pairs of PNG files: the seed's script, times `classify`", *ratios))
    for name in dict.fromkeys(name for name, _ in runs):
        sizes = sorted(n for other, n in runs if other == name)
        for few, many in pairwise(sizes):
            growth = [
                f"{runs[name, many].cpu_s / runs[name, few].cpu_s:.1f}",
                f"{runs[name, many].wall_s / runs[name, few].wall_s:.1f}",
            ]
            rows.append((f"{name}: {many:,} cells, times {few:,} cells", *growth))
    return _table(("ratio", "processor", "clock"), rows)


def _end_to_end(runs: dict[tuple[str, int], Run], seed: dict[int, Run]) -> str:
    named = {**runs, **{("the seed's script, PNG", n_cells): run for n_cells, run in seed.items()}}
    rows = [
        (
            name,
            f"{n_cells:,}",
            f"{run.wall_s:.1f} s",
            f"{n_cells / run.wall_s:,.0f}",
            f"{run.cpu_s:.1f} s",
            f"{n_cells / run.cpu_s:,.0f}",
            f"{run.peak_mb:.0f} MB",
        )
        for (name, n_cells), run in named.items()
    ]
    heads = (
        "`classify`, start to end",
        "cells",
        "clock",
        "cells/s",
        "processor",
        "cells by second of it",
        "peak memory",
    )
    return _table(heads, rows)


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _best(work: Callable[[], object], repeats: int = 5) -> float:
    """Smallest time of the processor in seconds."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


# A process counts the memory of the one that started it as its own, so a small one starts it
STARTER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
if done.returncode:
    sys.exit(done.stderr.decode())
print(json.dumps([time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def _measured(command: list[str]) -> Run:
    started = subprocess.run([sys.executable, "-c", STARTER, *command], stdout=subprocess.PIPE, check=True)
    return Run(*json.loads(started.stdout))


def _pixels() -> NDArray[np.uint16]:
    """All labelled cells of Jurkat, (N, 2, 40, 40)."""
    folder = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"
    with warnings.catch_warnings(action="ignore"):
        cells = cc.read_cells(folder).select_channels(CHANNELS)
    return np.stack([cell.pixels for cell in cells.read(range(len(cells)))])


def _stack(path: Path, n_cells: int, write: Callable) -> Path:
    pixels = _pixels()
    spec = StackSpec((n_cells, *pixels.shape[1:]), pixels.dtype, CHANNELS, 0.5, synthetic=False, masks=False)
    with write(path, spec) as put:
        for start in range(0, n_cells, spec.block_cells):
            put(start, pixels[np.arange(start, min(start + spec.block_cells, n_cells)) % len(pixels)], None)
    return path


def _png(folder: Path, n_cells: int) -> Path:
    (target := folder / "png").mkdir()
    pixels = _pixels()
    for number in range(n_cells):
        for plane, channel in zip(pixels[number % len(pixels)], ("Ch3", "Ch6"), strict=True):
            Image.fromarray(plane).save(target / f"{number:07}_{channel}.png")
    return target


def _montages(folder: Path, n_cells: int) -> Path:
    (target := folder / "montages").mkdir()
    pixels, edge = _pixels(), 30
    for number, start in enumerate(range(0, n_cells, edge**2)):
        chosen = pixels[np.arange(start, start + edge**2) % len(pixels)]
        grid = chosen.reshape(edge, edge, *chosen.shape[1:]).transpose(2, 1, 3, 0, 4).reshape(2, edge * 40, edge * 40)
        for plane, channel in zip(grid, ("Ch3", "Ch6"), strict=True):
            tifffile.imwrite(target / f"{channel}_CP{number + 1:04}.tif", plane)
    return target


def _cif(folder: Path, n_cells: int) -> Path:
    repeat_objects(Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "cif" / "example.cif", folder / "large.cif", n_cells)
    return folder / "large.cif"


MAKERS: dict[str, Callable[[Path, int], Path]] = {
    "OME-TIFF": lambda folder, n: _stack(folder / "cells.ome.tif", n, tiff_stack),
    "OME-Zarr": lambda folder, n: _stack(folder / "cells.zarr", n, zarr_stack),
    "montages": _montages,
    "PNG": _png,
    ".cif": _cif,
}
LAYOUT = {"montages": ("--layout", "montage")}


if __name__ == "__main__":
    main()
