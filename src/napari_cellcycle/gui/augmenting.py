"""From labelled cells on the screen to made cells, and from these to a gallery."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.events import Note
from napari_cellcycle.gui.gallery import open_gallery
from napari_cellcycle.gui.layers import GallerySource
from napari_cellcycle.gui.training import LabelledGallery
from napari_cellcycle.gui.watching import steps_between, watched
from napari_cellcycle.io.runs import models_folder
from napari_cellcycle.io.unfinished import read_identity
from napari_cellcycle.jobs.generating import FEW_CELLS, GeneratorPlan
from napari_cellcycle.jobs.reading import ReadConfig
from napari_cellcycle.phases import PHASE_LABELS, parse_phase

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.events import Stop
    from napari_cellcycle.gui.gallery import Events
    from napari_cellcycle.gui.training import Labelled
    from napari_cellcycle.jobs.augment import AugmentRun, Made


@dataclass(frozen=True)
class Written:
    """Made cells are on disk, in `folder`."""

    folder: Path


def made_folder() -> Path:
    """Where made cells are kept unless the user names another folder."""
    return models_folder().parent / "made"


def make_labelled(
    labelled: Labelled,
    output: Path,
    run: AugmentRun,
    wanted: Mapping[int, int],
    changes: Mapping[str, Any],
    stop: Stop,
) -> Events:
    """Make as many cells of each phase as `wanted` says; the job's result is `MadeCells`."""
    yield Note("Opening the cells ...")
    from napari_cellcycle.jobs.augment import augment_cells

    cells = yield from labelled.open()
    yield Note("")
    named = [PHASE_LABELS[phase] + (f"={n}" if n else "") for phase, n in wanted.items()]
    run = replace(run, phase=",".join(named))
    doubt = _not_comparable(cells, run.generator) if run.generator else ""
    known = None if doubt else cells
    notes = [Note(f"the made cells are not compared with the real ones: {doubt}")] if doubt else []
    real = np.bincount(cells.phases[~cells.synthetic & (cells.phases >= 0)], minlength=len(PHASE_LABELS))
    between = steps_between(planned_steps(run.method, real, tuple(wanted), changes))
    events = augment_cells(known, output, run, changes, stop=stop, show_every=between)
    yield from watched(chain(notes, events), known, _channels(run, cells))


def resume_making(labelled: Labelled, output: Path, run: AugmentRun, wanted: Mapping[int, int], stop: Stop) -> Events:
    """Go on with a training that was broken off, in its own settings; the job's result is `MadeCells`.

    Raises
    ------
    ModelError
        What was written down of it is gone or damaged.
    """
    yield Note("Opening what was written down ...")
    was = read_identity(output)
    phases = [int(phase) for label in was.pop("phases") if (phase := parse_phase(label)) is not None]
    del was["cells"]
    before = replace(
        run, method=was.pop("method"), seed=was.pop("seed"), make=",".join(was.pop("make")), generator="", resume=True
    )
    numbers = {phase: wanted.get(phase, 0) for phase in phases}
    yield from make_labelled(labelled, output, before, numbers, was, stop)


def keep_labelled(made: Made, output: Path, labelled: Labelled) -> Events:
    """Write made cells to the new folder `output`; the job's result is an `OpenedGallery` of them and the real ones.

    Made cells of a full-field image come alone. `Written` is said between both.
    """
    yield Note("Writing the cells ...")
    from napari_cellcycle.jobs.augment import MADE_FILE, keep_made

    keep_made(made, output)
    yield Written(output)  # type: ignore[misc]  # this dock knows it
    source, stack = labelled.source if isinstance(labelled, LabelledGallery) else None, output / MADE_FILE
    if isinstance(source, GallerySource):
        yield from open_gallery(source.paths, ReadConfig(**source.reading), made=[*source.made, stack])
    else:
        yield from open_gallery([stack], ReadConfig())


def planned_steps(method: str, real: NDArray[np.integer], phases: tuple[int, ...], changes: Mapping[str, Any]) -> int:
    """Updates of the generator, or of those of all phases, that learn from so many real cells of each phase."""
    plan = GeneratorPlan(method=method, phases=phases, changes=changes)
    counts = [int(real.sum() if phase is None else real[phase]) for _, phase in plan.parts()]
    return sum(plan.config(phase).n_steps(n) for (_, phase), n in zip(plan.parts(), counts, strict=True))


def advice(counts: NDArray[np.int64], made: NDArray[np.int64]) -> str:
    """What to know before a generator is trained on these cells."""
    if counts.any() and not (counts - made).any():
        return "All cells are synthetic, and a generator learns from real ones only; a finished one needs none."
    return ""


def warning_of_few(real: NDArray[np.int64], phases: Collection[int]) -> str:
    """Which of `phases` have too few real cells to learn from; empty if none."""
    few = [f"{PHASE_LABELS[phase]} ({real[phase]})" for phase in phases if 0 < real[phase] < FEW_CELLS]
    if not few:
        return ""
    return (
        f"Fewer than {FEW_CELLS} real cells of {', '.join(few)}: what is made can hardly be more than copies of them."
    )


def _not_comparable(cells: Cells, generator: str) -> str:
    """Why cells of a finished generator can't be compared with these; empty if they can."""
    from napari_cellcycle.io.generators import find_generator, load_generator_card

    lacking = set(load_generator_card(find_generator(generator)).encoding.channels) - set(cells.channels)
    return f"these have no {' and no '.join(sorted(lacking))}" if lacking else ""


def _channels(run: AugmentRun, cells: Cells) -> tuple[str, ...]:
    """What `augment_cells` makes."""
    from napari_cellcycle.jobs.augment import MADE_BY_DEFAULT

    asked = tuple(name.strip() for name in run.make.split(",") if name.strip())
    return asked or tuple(name for name in MADE_BY_DEFAULT if name in cells.channels)
