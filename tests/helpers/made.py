"""Cells made by formula, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Job, run_job


def finished_job(result: Any, *events: object) -> Job[object, Any]:
    """A job that yields `events` and returns `result`."""
    yield from events
    return result


def recorded(job: Job[Any, Any]) -> tuple[Any, list[Any]]:
    """Run a job to its end; its result, and the events on the way."""
    events: list[Any] = []
    return run_job(job, events.append), events


def made_pixels(phases: np.ndarray, seed: int = 0) -> np.ndarray:
    """Discs of 16-bit counts, (N, 3, 40, 40): brightfield, darkfield, dna; their size and stain tell the phase."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:40, :40]
    radius = 6 + 2 * phases + random.normal(0, 0.2, len(phases))
    disc = np.hypot(y - 19.5, x - 19.5) < radius[:, None, None]
    planes = np.stack([680 - 200 * disc, 27 + 90 * disc * (x < 20), 35 + disc * (20 + 12 * phases)[:, None, None]], 1)
    return np.clip(planes + random.normal(0, 3, planes.shape), 0, 65535).astype(np.uint16)


def field_of(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """30 of the made cells in a field, brightfield and darkfield, and their labels from 1."""
    planes = np.stack([np.full((300, 360), 680, np.uint16), np.full((300, 360), 27, np.uint16)])
    labels = np.zeros((300, 360), np.int32)
    y, x = np.mgrid[:40, :40]
    disc = np.hypot(y - 19.5, x - 19.5) < 13
    for number, cell in enumerate(cells.read(range(0, 90, 3))):
        top, left = 10 + 58 * (number // 6), 10 + 58 * (number % 6)
        planes[:, top : top + 40, left : left + 40] = cell.pixels[:2]
        labels[top : top + 40, left : left + 40][disc] = number + 1
    return planes, labels
