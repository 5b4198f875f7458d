"""Augment: real cells in, synthetic cells of rare phases out, with a measure of their quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import iter_duplicates
from napari_cellcycle.datasets.training_cells import count_cells
from napari_cellcycle.errors import SettingError
from napari_cellcycle.evaluation.synthetic.quality import SyntheticQuality
from napari_cellcycle.events import Job, Note, Progress, Stop, never
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.phase_table import sidecar_path, write_sidecar
from napari_cellcycle.io.writers.results import write_json, write_picture
from napari_cellcycle.io.writers.stack import StackSpec, tiff_stack
from napari_cellcycle.jobs.config import AugmentSettings, ReadSettings, WorkerSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.assess_synthetic import assess_synthetic, draw_samples
from napari_cellcycle.jobs.steps.checkpointer import Checkpointer, check_output_free, claimed
from napari_cellcycle.jobs.steps.fill_phases import CELLS_SEED_OFFSET, generate_cells
from napari_cellcycle.jobs.steps.fit_generator import fit_generator
from napari_cellcycle.jobs.steps.generator_plan import GeneratorPlan, channels_to_generate
from napari_cellcycle.jobs.steps.synthetic_counts import phase_counts
from napari_cellcycle.models.trained_generator import Generator
from napari_cellcycle.phase_sets import check_seven
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.store.checkpoints import read_identity, remove_checkpoint
from napari_cellcycle.store.generators import load_generator, save_generator
from napari_cellcycle.training.gan.loop import GanStep, Samples

SYNTHETIC_FILE = "made.ome.tif"


@dataclass(frozen=True, eq=False)
class AugmentResult:
    """The synthetic cells of `augment_cells`, before anything is written.

    Attributes
    ----------
    generator : Generator
        It made the cells.
    cells : Cells
        The synthetic cells.
    real : Cells or None
        The real cells that they were compared with, without duplicates; None if there are none that they can be
        compared with.
    quality : SyntheticQuality or None
        None where it could not be measured.
    picture : ndarray of uint8, shape (Y, X, 3)
        Some real cells next to some synthetic ones.
    fingerprints : ndarray of uint64, shape (N, 4)
        Of the real cells that the generator was trained on; empty if it was not trained here.
    trained_here : bool
        Whether the generator is new.
    """

    generator: Generator
    cells: Cells
    real: Cells | None
    quality: SyntheticQuality | None
    picture: NDArray[np.uint8]
    fingerprints: NDArray[np.uint64]
    trained_here: bool


def augment_files(
    paths: Sequence[str | Path],
    output: Path,
    run: AugmentSettings,
    reading: ReadSettings,
    workers: WorkerSettings | None = None,
    *,
    stop: Stop = never,
) -> Job[Progress | Note | GanStep | Samples, AugmentResult]:
    """Make synthetic cells like those in `paths`, and write them to the new folder `output`; see `augment_cells`."""
    with claimed(Path(output), resume=run.resume):
        return (yield from _augment(paths, Path(output), run, reading, workers, stop))


def _augment(
    paths: Sequence[str | Path],
    output: Path,
    run: AugmentSettings,
    reading: ReadSettings,
    workers: WorkerSettings | None,
    stop: Stop,
) -> Job[Progress | Note | GanStep | Samples, AugmentResult]:
    cells: Cells | None = None
    if paths:
        cells = yield from open_cells(paths, reading)
    elif not run.generator:
        raise SettingError("no input is given to train a generator on; name files of real cells, or a --generator")
    result = yield from augment_cells(cells, output, run, workers, stop=stop)
    save_synthetic(result, output)
    return result


def augment_cells(
    cells: Cells | None,
    output: Path,
    run: AugmentSettings,
    workers: WorkerSettings | None = None,
    *,
    stop: Stop = never,
    show_every: int = 0,
) -> Job[Progress | Note | GanStep | Samples, AugmentResult]:
    """Train a generator on the real ones of `cells`, or load a finished one, and make synthetic cells with it.

    `cells` may be None if ``run.generator`` names a finished one. A stop makes cells with the generator as it is; every
    `show_every` steps there are `Samples`. `save_synthetic` writes to `output` later; meanwhile the folder
    ``OUTPUT.unfinished`` holds what ``run.resume`` needs.

    Raises
    ------
    TooFewCellsError
        A chosen phase has no real cells.
    SettingError, WriteError, ModelError, ChannelError
        The settings don't fit the cells, `output` exists, or the generator can't be used.
    """
    real, counts, fingerprints = None, None, np.zeros((0, 4), np.uint64)
    if cells is not None:
        check_seven(cells.phase_set, "generators make cells")
        real, counts, fingerprints = yield from _distinct(cells)
    if run.generator:
        generator, fingerprints = load_generator(run.generator), fingerprints[:0]
        wanted = phase_counts(counts, run.phase, run.n_cells, list(generator.card.cells_per_phase))
    elif real is not None:
        wanted = phase_counts(counts, run.phase, run.n_cells, None)
        generator = yield from _new_generator(real, output, wanted, run, workers, stop, show_every)
        trained_on = generator.card.cells_per_phase  # not all phases, if it was stopped
        wanted = {phase: n_cells for phase, n_cells in wanted.items() if PHASE_LABELS[phase] in trained_on}
    else:
        raise SettingError("no cells are given to train a generator on")
    synthetic = yield from generate_cells(generator, wanted, run.seed + CELLS_SEED_OFFSET)
    quality, encoding = None, generator.card.encoding
    if real is not None and (missing := sorted(set(encoding.channels) - set(real.channels))):
        yield Note(f"the synthetic cells are not compared with the real ones: these have no {' and no '.join(missing)}")
        real = None
    if real is not None:
        quality = yield from assess_synthetic(
            real, synthetic, encoding, judge=run.judge, device=run.device, seed=run.seed
        )
    if quality is not None:
        generator = replace(generator, card=replace(generator.card, quality=quality.to_dict()))
        yield from map(Note, quality.warnings)
    picture = draw_samples(real, synthetic, encoding)
    return AugmentResult(generator, synthetic, real, quality, picture, fingerprints, not run.generator)


def resumed_settings(output: Path, run: AugmentSettings, wanted: Mapping[int, int]) -> AugmentSettings:
    """`run` with the settings and phases that the unfinished training of `output` was started with.

    Of each phase as many cells are made as `wanted` says.

    Raises
    ------
    ModelError
        What was saved of it is gone or damaged.
    """
    saved = read_identity(output)
    phases = [PHASE_LABELS.index(label) for label in saved.pop("phases")]
    del saved["cells"]
    return replace(
        run,
        method=saved.pop("method"),
        seed=saved.pop("seed"),
        make=tuple(saved.pop("make")),
        phase={phase: wanted.get(phase, 0) for phase in phases},
        generator="",
        resume=True,
        overrides=saved,
    )


def save_synthetic(result: AugmentResult, output: Path) -> None:
    """Write synthetic cells, their quality, and their generator if it is new, to the new folder `output`.

    ``made.ome.tif`` and ``made.csv`` hold the cells, marked as synthetic; ``--generator`` takes ``generator``.

    Raises
    ------
    WriteError
        The folder exists, or can't be written.
    """
    check_output_free(output, resume=True)
    with atomic_path(output) as temporary:
        temporary.mkdir()
        _write_stack(result.cells, temporary / SYNTHETIC_FILE)
        write_sidecar(result.cells, sidecar_path(temporary / SYNTHETIC_FILE))
        if result.quality is not None:
            write_json(result.quality.to_dict(), temporary / "quality.json")
        write_picture(result.picture, temporary / "samples.png")
        if result.trained_here:
            save_generator(result.generator, temporary / "generator", result.fingerprints)
    remove_checkpoint(output)


def _distinct(
    cells: Cells,
) -> Job[Progress | Note, tuple[Cells, tuple[NDArray[np.intp], NDArray[np.intp]], NDArray[np.uint64]]]:
    """The real cells without duplicates, the counts of `count_cells` with the synthetic ones, and fingerprints."""
    duplicates = yield from iter_duplicates(cells)
    keep = duplicates.keep[~cells.synthetic[duplicates.keep]]
    n_synthetic = int(cells.synthetic.sum())
    dropped = {"synthetic": n_synthetic, "duplicate": len(cells) - n_synthetic - len(keep)}
    if any(dropped.values()):
        yield Note(f"{' and '.join(f'{n} {kind} cells' for kind, n in dropped.items() if n)} were left out")
    return cells.subset(keep), count_cells(cells.subset(duplicates.keep)), duplicates.fingerprints[keep]


def _new_generator(
    cells: Cells,
    output: Path,
    wanted: Mapping[int, int],
    run: AugmentSettings,
    workers: WorkerSettings | None,
    stop: Stop,
    show_every: int,
) -> Job[Progress | Note | GanStep | Samples, Generator]:
    """Train a generator, and put the licences of `run` on its card."""
    channels = channels_to_generate(run.make, cells.channels)
    plan = GeneratorPlan(
        method=run.method,
        phases=tuple(wanted),
        channels=channels,
        changes=run.overrides,
        seed=run.seed,
        device=run.device,
    )
    parts = (*map(str, cells.sources), cells.ids.tobytes().hex(), cells.phases.tobytes().hex())
    settings_fingerprint = {
        "method": run.method,
        "seed": run.seed,
        "phases": [PHASE_LABELS[phase] for phase in wanted],
        "make": list(channels),
        **run.overrides,
        "cells": sha256("\0".join(parts).encode()).hexdigest(),
    }
    checkpointer = Checkpointer(output, settings_fingerprint)
    generator = yield from fit_generator(
        output.name, cells, plan, stop=stop, show_every=show_every, checkpointer=checkpointer, workers=workers
    )
    card = replace(
        generator.card,
        training={**generator.card.training, "seconds": round(checkpointer.elapsed())},
        licence=run.licence,
        data_licence=run.data_licence,
    )
    return replace(generator, card=card)


def _write_stack(cells: Cells, path: Path) -> None:
    images = np.stack([cell.pixels for cell in cells.read(range(len(cells))) if isinstance(cell, CellImage)])
    spec = StackSpec(images.shape, images.dtype, cells.channels, float(cells.pixel_size_um[0]), True, False)
    with tiff_stack(path, spec) as put:
        put(0, images, np.zeros((0, 0, 0), np.uint8))
