"""From labelled cells on the screen to made cells, and from these to a gallery."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.events import Job, Note, Progress, map_events
from napari_cellcycle.gui.layers.gallery import OpenedGallery, open_gallery
from napari_cellcycle.gui.layers.labelled import LabelledGallery
from napari_cellcycle.gui.layers.source import GallerySource
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.advice import planned_steps
from napari_cellcycle.jobs.steps.generator_plan import GENERATOR_CHANNELS
from napari_cellcycle.phases import PHASE_LABELS, parse_phase
from napari_cellcycle.store.checkpoints import read_identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.jobs.augment import AugmentResult
    from napari_cellcycle.training.gan.loop import Samples

    Tiles = Mapping[int, NDArray[np.float32]]
    Picture = NDArray[np.uint8]
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_cellcycle.events import Stop
    from napari_cellcycle.gui.layers.labelled import Labelled
    from napari_cellcycle.jobs.config import AugmentSettings


@dataclass(frozen=True)
class SyntheticSaved:
    """Made cells are on disk, in `folder`."""

    folder: Path


def make_labelled(
    labelled: Labelled,
    output: Path,
    run: AugmentSettings,
    wanted: Mapping[int, int],
    stop: Stop,
) -> Job[Any, SyntheticCells]:
    """Make as many cells of each phase as `wanted` says; the job's result is `SyntheticCells`."""
    yield Note("Opening the cells ...")
    from napari_cellcycle.jobs.augment import augment_cells

    cells = yield from labelled.open()
    yield Note("")
    run = replace(run, phase=dict(wanted))
    not_comparable = _not_comparable(cells, run.generator) if run.generator else ""
    known = None if not_comparable else cells
    spectator = _Spectator(_channels(run, cells))
    if not_comparable:
        yield from spectator(Note(f"the made cells are not compared with the real ones: {not_comparable}"))
    real = np.bincount(cells.phases[~cells.synthetic & (cells.phases >= 0)], minlength=len(PHASE_LABELS))
    between = steps_between(planned_steps(run.method, real, tuple(wanted), run.overrides))
    job = augment_cells(known, output, run, stop=stop, show_every=between)
    made = yield from map_events(job, spectator)
    return _result(made, spectator.real, known, spectator.notes)


def resume_making(
    labelled: Labelled, output: Path, run: AugmentSettings, wanted: Mapping[int, int], stop: Stop
) -> Job[Any, SyntheticCells]:
    """Go on with a training that was broken off, in its own settings; the job's result is `SyntheticCells`.

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
        run,
        method=was.pop("method"),
        seed=was.pop("seed"),
        make=tuple(was.pop("make")),
        generator="",
        resume=True,
        overrides=was,
    )
    numbers = {phase: wanted.get(phase, 0) for phase in phases}
    return (yield from make_labelled(labelled, output, before, numbers, stop))


def keep_labelled(
    made: AugmentResult, output: Path, labelled: Labelled
) -> Job[Progress | Note | SyntheticSaved, OpenedGallery]:
    """Write made cells to the new folder `output`; the job's result is an `OpenedGallery` of them and the real ones.

    Made cells of a full-field image come alone. `SyntheticSaved` is said between both.
    """
    yield Note("Writing the cells ...")
    from napari_cellcycle.jobs.augment import SYNTHETIC_FILE, save_synthetic

    save_synthetic(made, output)
    yield SyntheticSaved(output)
    source, stack = labelled.source if isinstance(labelled, LabelledGallery) else None, output / SYNTHETIC_FILE
    if isinstance(source, GallerySource):
        return (
            yield from open_gallery(source.paths, ReadSettings.from_dict(source.reading), made=[*source.made, stack])
        )
    return (yield from open_gallery([stack], ReadSettings()))


def advice(counts: NDArray[np.int64], made: NDArray[np.int64]) -> str:
    """What to know before a generator is trained on these cells."""
    if counts.any() and not (counts - made).any():
        return "All cells are synthetic, and a generator learns from real ones only; a finished one needs none."
    return ""


def _not_comparable(cells: Cells, generator: str) -> str:
    """Why cells of a finished generator can't be compared with these; empty if they can."""
    from napari_cellcycle.store.generators import find_generator, load_generator_card

    lacking = set(load_generator_card(find_generator(generator)).encoding.channels) - set(cells.channels)
    return f"these have no {' and no '.join(sorted(lacking))}" if lacking else ""


def _channels(run: AugmentSettings, cells: Cells) -> tuple[str, ...]:
    """What `augment_cells` makes."""
    return run.make or tuple(name for name in GENERATOR_CHANNELS if name in cells.channels)


N_PICTURES = 60
STEPS_BETWEEN = (20, 100)
"""Fewest and most steps from one picture of samples to the next."""
SECONDS_BETWEEN = 4.0
"""Between two such pictures, but for the first ones."""
_FIRST_ONES = 3
_WIDTH_PX, _BESIDE_PX = 350, 86  # of a dock, and of what a sheet has beside its cells


@dataclass(frozen=True, eq=False)
class SamplesImage:
    """Real cells beside made ones as a picture, (Y, X, 3), as they are after `step` updates."""

    step: int
    picture: Picture


@dataclass(frozen=True)
class GanProgress:
    """How far a generator is; `distance` is how much higher its critic thinks of real cells than of made ones."""

    step: int
    steps: int
    distance: float


@dataclass(frozen=True, eq=False)
class SyntheticCells:
    """Made cells that wait to be kept or dropped; `notes` are what was said on the way."""

    made: AugmentResult
    picture: Picture
    notes: tuple[str, ...]


def steps_between(steps: int) -> int:
    """From one picture of samples to the next: the first comes soon, and there are not too many."""
    fewest, most = STEPS_BETWEEN
    return min(max(steps // N_PICTURES, fewest), most)


class _Spectator:
    """What the dock makes of the events of `augment_cells`: samples as `SamplesImage`, steps as `GanProgress`."""

    def __init__(self, channels: Sequence[str]) -> None:
        self.real: Tiles = {}
        self.notes: list[str] = []
        self._channels = channels
        self._newest: dict[int, NDArray[np.float32]] = {}
        self._n_drawn, self._last = 0, 0.0

    def __call__(self, event: object) -> Iterator[object]:
        from napari_cellcycle.training.gan.loop import GanStep, Samples

        if isinstance(event, Samples):
            self._keep(event)
            if self._n_drawn < _FIRST_ONES or time.monotonic() - self._last > SECONDS_BETWEEN:
                yield SamplesImage(event.step, _draw(self.real, self._newest, self._channels))
                self._n_drawn, self._last = self._n_drawn + 1, time.monotonic()
        elif isinstance(event, GanStep):
            yield GanProgress(event.step, event.steps, event.critic_gap)
        else:
            self.notes += [event.text] if isinstance(event, Note) else []
            yield event

    def _keep(self, samples: Samples) -> None:
        if samples.are_real:
            self.real = samples.images
            self._newest = {phase: tiles[:0] for phase, tiles in samples.images.items()}
        else:
            self._newest |= {phase: tiles for phase, tiles in samples.images.items() if phase in self.real}


def _result(made: AugmentResult, real: Tiles, cells: Cells | None, notes: list[str]) -> SyntheticCells:
    """With some of the cells that were made, beside the real ones that were shown on the way, or some of `cells`."""
    from napari_cellcycle.jobs.steps.assess_synthetic import sample_per_phase

    encoding = made.generator.card.encoding
    phases = [int(phase) for phase in np.unique(made.cells.phases)]
    if cells is not None and not real:
        real = sample_per_phase(cells.subset(np.flatnonzero(~cells.synthetic)), phases, encoding)
    picture = _draw(real, sample_per_phase(made.cells, phases, encoding), encoding.channels)
    told = () if made.quality is None else made.quality.warnings
    return SyntheticCells(made, picture, tuple(note for note in dict.fromkeys(notes) if note not in told))


def _draw(real: Tiles, made: Tiles, channels: Sequence[str]) -> Picture:
    """As many cells on each side as a dock has room for."""
    from napari_cellcycle.images.contact_sheet import draw_sheet

    size = max(tiles.shape[-1] for tiles in made.values())
    return draw_sheet(real, made, channels, per_phase=max(1, (_WIDTH_PX - _BESIDE_PX) // (2 * (size + 2))))
