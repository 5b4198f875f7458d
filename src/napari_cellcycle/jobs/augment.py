"""Augment: real cells in, made ones of rare phases out, with what can be measured of how good they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Job, Note, Progress, Stop, never
from napari_cellcycle.jobs.config import AugmentSettings, ReadSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.checkpointer import Checkpointer, check_output_free
from napari_cellcycle.jobs.steps.fill_phases import SEED_OF_CELLS, generate_cells
from napari_cellcycle.jobs.steps.fit_generator import GeneratorPlan, fit_generator
from napari_cellcycle.jobs.steps.phase_counts import phase_counts
from napari_cellcycle.phases import PHASE_LABELS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.evaluation.synthetic.quality import SyntheticQuality
    from napari_cellcycle.models.generator import Generator
    from napari_cellcycle.training.gan.loop import GanStep, Samples

SYNTHETIC_FILE = "made.ome.tif"
DEFAULT_CHANNELS = ("brightfield", "darkfield")


@dataclass(frozen=True, eq=False)
class Made:
    """What `augment_cells` made; nothing of it is on disk.

    Attributes
    ----------
    generator : Generator
        That made the cells.
    cells : Cells
        The made ones, marked synthetic.
    quality : MadeQuality or None
        None where it could not be measured.
    picture : ndarray of uint8, shape (Y, X, 3)
        Real cells beside made ones.
    fingerprints : ndarray of uint64, shape (N, 4)
        Of the real cells that the generator learnt from; empty where it was not trained here.
    trained_here : bool
        Whether the generator is new.
    """

    generator: Generator
    cells: Cells
    quality: SyntheticQuality | None
    picture: NDArray[np.uint8]
    fingerprints: NDArray[np.uint64]
    trained_here: bool


def augment_files(
    paths: Sequence[str | Path],
    output: Path,
    run: AugmentSettings,
    reading: ReadSettings,
    *,
    stop: Stop = never,
) -> Job[Progress | Note | GanStep | Samples, Made]:
    """Make cells as those in `paths` and write them to the new folder `output`; see `augment_cells`, `save_synthetic`."""
    check_output_free(Path(output), resume=run.resume)
    cells: Cells | None = None
    if paths:
        cells = yield from open_cells(paths, reading)
    elif not run.generator:
        raise SettingError("no input is given to learn from; name files of real cells, or a finished --generator")
    made = yield from augment_cells(cells, Path(output), run, stop=stop)
    save_synthetic(made, Path(output))
    return made


def augment_cells(
    cells: Cells | None,
    output: Path,
    run: AugmentSettings,
    *,
    stop: Stop = never,
    show_every: int = 0,
) -> Job[Progress | Note | GanStep | Samples, Made]:
    """Train a generator on the real ones of `cells`, or take a finished one, and make cells with it.

    Parameters
    ----------
    cells : Cells or None
        With `phases`; None only with ``run.generator``.
    output : Path
        Where `save_synthetic` will write: beside it, ``OUTPUT.unfinished`` keeps what a later run needs to go on with
        ``run.resume``.
    run : AugmentSettings
        What to make.
    stop : callable
        Asked after each step; once true, cells are made with the generator as it is.
    show_every : int
        Steps from one `Samples` event to the next; 0: none.

    Yields
    ------
    Progress, Note, GanStep, Samples, Finished
        The last one carries `Made`.

    Raises
    ------
    TooFewCellsError
        A phase that is to be made has no real cells.
    SettingError, WriteError, ModelError, ChannelError
        Settings don't fit the cells, something is in the way of `output`, or the generator can't be used.
    """
    import numpy as np

    from napari_cellcycle.jobs.steps.assess_synthetic import assess_synthetic, draw_samples

    distinct, fingerprints = None, np.zeros((0, 4), np.uint64)
    if cells is not None:
        distinct, fingerprints = yield from _distinct(cells)
    if run.generator:
        from napari_cellcycle.store.generators import load_generator

        generator, fingerprints = load_generator(run.generator), fingerprints[:0]
        wanted = phase_counts(distinct, run.phase, run.n_cells, known=list(generator.card.cells_per_phase))
    elif distinct is not None:
        wanted = phase_counts(distinct, run.phase, run.n_cells)
        generator = yield from _fitted(distinct, output, wanted, run, stop, show_every)
        learnt = generator.card.cells_per_phase  # not all, if it was stopped
        wanted = {phase: n_cells for phase, n_cells in wanted.items() if PHASE_LABELS[phase] in learnt}
    else:
        raise SettingError("no cells are given to learn from")
    made: Cells = yield from generate_cells(generator, wanted, run.seed + SEED_OF_CELLS)
    quality, encoding = None, generator.card.encoding
    if distinct is not None:
        quality = yield from assess_synthetic(
            distinct, made, encoding, judge=run.judge, device=run.device, seed=run.seed
        )
    if quality is not None:
        generator = replace(generator, card=replace(generator.card, quality=quality.to_dict()))
        yield from (Note(text) for text in quality.warnings)
    return Made(generator, made, quality, draw_samples(distinct, made, encoding), fingerprints, not run.generator)


def save_synthetic(made: Made, output: Path) -> None:
    """Write the made cells, what was measured of them, and a new generator to the new folder `output`.

    ``made.ome.tif`` and ``made.csv`` hold the cells, marked synthetic; ``generator`` is taken by ``--generator``.

    Raises
    ------
    WriteError
        The folder exists, or can't be written.
    """
    from napari_cellcycle.io.atomic import atomic_path
    from napari_cellcycle.io.phase_table import sidecar_path, write_sidecar
    from napari_cellcycle.io.writers.results import write_json, write_picture
    from napari_cellcycle.store.checkpoints import remove_checkpoint
    from napari_cellcycle.store.generators import save_generator

    check_output_free(output, resume=True)
    with atomic_path(output) as temporary:
        temporary.mkdir()
        _write_stack(made.cells, temporary / SYNTHETIC_FILE)
        write_sidecar(made.cells, sidecar_path(temporary / SYNTHETIC_FILE))
        if made.quality is not None:
            write_json(made.quality.to_dict(), temporary / "quality.json")
        write_picture(made.picture, temporary / "samples.png")
        if made.trained_here:
            save_generator(made.generator, temporary / "generator", made.fingerprints)
    remove_checkpoint(output)


def _distinct(cells: Cells) -> Job[Any, tuple[Cells, NDArray[np.uint64]]]:
    """Returns the real cells without repeats, and their prints."""
    import numpy as np

    from napari_cellcycle.datasets.duplicates import iter_duplicates

    duplicates = yield from iter_duplicates(cells)
    keep = duplicates.keep[~cells.synthetic[duplicates.keep]]
    if len(keep) < len(cells):
        n_synthetic = int(cells.synthetic.sum())
        said = [f"{n_synthetic} synthetic cells"] if n_synthetic else []
        said += (
            [f"{len(cells) - n_synthetic - len(keep)} repeated cells"] if len(cells) - n_synthetic > len(keep) else []
        )
        yield Note(f"{' and '.join(said)} were left out")
    return cells.subset(np.asarray(keep)), duplicates.fingerprints[keep]


def _fitted(
    cells: Cells,
    output: Path,
    wanted: Mapping[int, int],
    run: AugmentSettings,
    stop: Stop,
    show_every: int,
) -> Job[Any, Generator]:
    """`Generator`, with the licences of `run` on its card."""
    from hashlib import sha256

    plan = GeneratorPlan(
        method=run.method,
        phases=tuple(wanted),
        channels=run.make or tuple(name for name in DEFAULT_CHANNELS if name in cells.channels) or DEFAULT_CHANNELS,
        changes=run.overrides,
        seed=run.seed,
        device=run.device,
    )
    told = (*map(str, cells.sources), cells.ids.tobytes().hex(), cells.phases.tobytes().hex())
    identity = {
        "method": run.method,
        "seed": run.seed,
        "phases": [PHASE_LABELS[phase] for phase in wanted],
        "make": list(plan.channels),
        **run.overrides,
        "cells": sha256("\0".join(told).encode()).hexdigest(),
    }
    journal = Checkpointer(output, identity)
    generator: Generator = yield from fit_generator(
        output.name, cells, plan, stop=stop, show_every=show_every, journal=journal
    )
    card = replace(
        generator.card,
        training={**generator.card.training, "seconds": round(journal.elapsed())},
        licence=run.licence,
        data_licence=run.data_licence,
    )
    return replace(generator, card=card)


def _write_stack(cells: Cells, path: Path) -> None:
    import numpy as np

    from napari_cellcycle.cell_images import CellImage
    from napari_cellcycle.io.writers.stack import StackSpec, tiff_stack

    images = np.stack([cell.pixels for cell in cells.read(range(len(cells))) if isinstance(cell, CellImage)])
    spec = StackSpec(images.shape, images.dtype, cells.channels, float(cells.pixel_size_um[0]), True, False)
    with tiff_stack(path, spec) as put:
        put(0, images, np.zeros((0, 0, 0), np.uint8))
