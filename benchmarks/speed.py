"""Times that users notice: imports, --help, classifying; and the forward pass of each model as a ratio.

NAPARI_CELLCYCLE_DATA=... python benchmarks/speed.py
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import napari_cellcycle as cc
from napari_cellcycle.models.batchnorm_fusion import fuse_for_inference
from napari_cellcycle.predict import predict_prepared
from napari_cellcycle.store.models import shipped_models

REPEATS = 5


def main() -> None:
    """Print all times."""
    python = [sys.executable, "-c"]
    bare = best_of(lambda: run([*python, "pass"]))
    imported = best_of(lambda: run([*python, "import napari_cellcycle"]))
    print(f"import napari_cellcycle   {1000 * (imported - bare):6.1f} ms")
    help_time = best_of(lambda: run([sys.executable, "-m", "napari_cellcycle", "--help"]))
    print(f"napari-cellcycle --help   {1000 * help_time:6.1f} ms, with Python's own start")
    forward()
    classify()


def forward() -> None:
    """From prepared cells in memory to phases, DNA content and flags."""
    times = {}
    for name in shipped_models():
        model = cc.load_model(name)
        model = replace(model, network=fuse_for_inference(model.network, torch.device("cpu")))
        spec = model.card.input
        images = np.random.default_rng(0).normal(size=(256, len(spec.channels), spec.size_px, spec.size_px))
        batch = images.astype(np.float32)
        predict_prepared(model, batch, torch.device("cpu"))
        times[name] = best_of(lambda m=model, b=batch: predict_prepared(m, b, torch.device("cpu"))) / len(batch)
    for name, seconds in times.items():
        share = seconds / times["duque2024"]
        print(f"forward pass, {name:<10} {1 / seconds:9.0f} cells/s, {share:.3f} of duque2024's time")


def classify() -> None:
    """The whole command on the labelled Jurkat cells, in its own process."""
    cells = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"
    with tempfile.TemporaryDirectory() as folder:
        seconds = run([sys.executable, "-m", "napari_cellcycle", "classify", str(cells), "-o", folder])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"classify Experiment_1     {seconds:6.1f} s, {2733 / seconds:.0f} cells/s, peak {peak:.0f} MiB, with the start"
    )


def best_of(measured: Callable[[], object]) -> float:
    """Smallest of several times in seconds: the one that other processes disturbed least."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        measured()
        times.append(time.perf_counter() - started)
    return min(times)


def run(command: list[str]) -> float:
    """Wall seconds of a command."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
