"""What *Augment* runs in a thread: from labelled cells in the viewer to synthetic cells, and to a gallery of both."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.events import Job, Note, Progress, Stop, map_events
from napari_cellcycle.gui.layers.gallery import OpenedGallery, open_gallery
from napari_cellcycle.gui.layers.labelled_cells import Labelled, LabelledGallery
from napari_cellcycle.jobs.config import AugmentSettings, ReadSettings
from napari_cellcycle.jobs.steps.advice import planned_steps
from napari_cellcycle.jobs.steps.generator_plan import channels_to_generate

if TYPE_CHECKING:
    from napari_cellcycle.jobs.augment import AugmentResult
    from napari_cellcycle.training.gan.loop import Samples

Tiles = Mapping[int, NDArray[np.float32]]
Picture = NDArray[np.uint8]

MAX_PICTURES = 60
"""About how many pictures of samples one training shows."""
STEPS_BETWEEN = (20, 100)
"""Fewest and most steps from one picture of samples to the next."""
SECONDS_BETWEEN = 4.0
"""Between two such pictures, but for the first ones."""
_N_FIRST = 3
_DOCK_PX, _LABELS_PX = 350, 86  # width of a dock, and of the labels in a picture of samples


@dataclass(frozen=True, eq=False)
class SamplesImage:
    """A picture of real cells next to synthetic ones, (Y, X, 3), after `step` steps of the training."""

    step: int
    picture: Picture


@dataclass(frozen=True)
class GanProgress:
    """How far a generator is; `critic_gap` is how much higher its critic scores real cells than synthetic ones."""

    step: int
    steps: int
    critic_gap: float


@dataclass(frozen=True)
class SyntheticSaved:
    """Synthetic cells are on disk, in `folder`."""

    folder: Path


@dataclass(frozen=True, eq=False)
class SyntheticCells:
    """Synthetic cells that are not yet kept or discarded; `notes` came while they were made."""

    result: AugmentResult
    picture: Picture
    notes: tuple[str, ...]


def augment_labelled(
    labelled: Labelled, output: Path, run: AugmentSettings, wanted: Mapping[int, int], stop: Stop, *, resume: bool
) -> Job[Any, SyntheticCells]:
    """Make as many cells of each phase as `wanted` says, or resume the training of `output` with its own settings."""
    yield Note("Opening the unfinished training ..." if resume else "Opening the cells ...")
    from napari_cellcycle.datasets.training_cells import count_cells
    from napari_cellcycle.jobs.augment import augment_cells, resumed_settings

    run = resumed_settings(output, run, wanted) if resume else replace(run, phase=dict(wanted))
    cells = yield from labelled.open()
    yield Note("")
    monitor = _Monitor(channels_to_generate(run.make, cells.channels))
    counts, synthetic = count_cells(cells)
    between = steps_between(planned_steps(run.method, counts - synthetic, run.phase or (), run.overrides))
    job = augment_cells(cells, output, run, stop=stop, show_every=between)
    result = yield from map_events(job, monitor)
    return _with_picture(result, monitor.real, monitor.notes)


def keep_synthetic(
    result: AugmentResult, output: Path, labelled: Labelled
) -> Job[Progress | Note | SyntheticSaved, OpenedGallery]:
    """Write synthetic cells to the new folder `output`, and open them after the real cells of their gallery.

    Those of a full-field image are opened alone. `SyntheticSaved` comes in between.
    """
    yield Note("Saving the cells ...")
    from napari_cellcycle.jobs.augment import SYNTHETIC_FILE, save_synthetic

    save_synthetic(result, output)
    yield SyntheticSaved(output)
    stack = output / SYNTHETIC_FILE
    if isinstance(labelled, LabelledGallery):
        source = labelled.source
        return (
            yield from open_gallery(
                source.paths, ReadSettings.from_dict(source.reading), synthetic=[*source.made, stack]
            )
        )
    return (yield from open_gallery([stack], ReadSettings()))


def steps_between(steps: int) -> int:
    """Steps from one picture of samples to the next: the first comes soon, and there are not too many."""
    fewest, most = STEPS_BETWEEN
    return min(max(steps // MAX_PICTURES, fewest), most)


class _Monitor:
    """Turns events of `augment_cells` into those of the dock: `SamplesImage`, `GanProgress`, notes and progress."""

    def __init__(self, channels: Sequence[str]) -> None:
        self.real: Tiles = {}
        self.notes: list[str] = []
        self._channels = channels
        self._newest: dict[int, NDArray[np.float32]] = {}
        self._n_drawn, self._last = 0, 0.0

    def __call__(self, event: object) -> Iterator[object]:
        from napari_cellcycle.training.gan.loop import GanStep, Samples

        if isinstance(event, Samples):
            self._remember(event)
            if self._n_drawn < _N_FIRST or time.monotonic() - self._last > SECONDS_BETWEEN:
                yield SamplesImage(event.step, _draw(self.real, self._newest, self._channels))
                self._n_drawn, self._last = self._n_drawn + 1, time.monotonic()
        elif isinstance(event, GanStep):
            yield GanProgress(event.step, event.steps, event.critic_gap)
        else:
            self.notes += [event.text] if isinstance(event, Note) else []
            yield event

    def _remember(self, samples: Samples) -> None:
        if samples.are_real:
            self.real = samples.images
            self._newest = {phase: tiles[:0] for phase, tiles in samples.images.items()}
        else:
            self._newest |= {phase: tiles for phase, tiles in samples.images.items() if phase in self.real}


def _with_picture(result: AugmentResult, real: Tiles, notes: list[str]) -> SyntheticCells:
    """With a picture of some synthetic cells next to `real` ones, or next to some that they were compared with."""
    from napari_cellcycle.jobs.steps.assess_synthetic import sample_per_phase

    encoding = result.generator.card.encoding
    phases: list[int] = np.unique(result.cells.phases).tolist()
    if result.real is not None and not real:
        real = sample_per_phase(result.real, phases, encoding)
    picture = _draw(real, sample_per_phase(result.cells, phases, encoding), encoding.channels)
    shown = () if result.quality is None else result.quality.warnings
    return SyntheticCells(result, picture, tuple(note for note in dict.fromkeys(notes) if note not in shown))


def _draw(real: Tiles, synthetic: Tiles, channels: Sequence[str]) -> Picture:
    """As many cells on each side as a dock has room for."""
    from napari_cellcycle.images.real_vs_synthetic import draw_sheet

    size = max(tiles.shape[-1] for tiles in synthetic.values())
    return draw_sheet(real, synthetic, channels, per_phase=max(1, (_DOCK_PX - _LABELS_PX) // (2 * (size + 2))))
