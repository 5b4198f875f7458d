"""What is seen of a generator while it learns, and of what it made: pictures, drawn in the job's thread."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.events import Finished, Note

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.jobs.augment import Made

    Tiles = Mapping[int, NDArray[np.float32]]
    Picture = NDArray[np.uint8]

N_PICTURES = 60
STEPS_BETWEEN = (20, 100)
"""Fewest and most steps from one picture of samples to the next."""
SECONDS_BETWEEN = 4.0
"""Between two such pictures, but for the first ones."""
_FIRST_ONES = 3
_WIDTH_PX, _BESIDE_PX = 350, 86  # of a dock, and of what a sheet has beside its cells


@dataclass(frozen=True, eq=False)
class Sheet:
    """Real cells beside made ones as a picture, (Y, X, 3), as they are after `step` updates."""

    step: int
    picture: Picture


@dataclass(frozen=True)
class Learning:
    """How far a generator is; `distance` is how much higher its critic thinks of real cells than of made ones."""

    step: int
    steps: int
    distance: float


@dataclass(frozen=True, eq=False)
class MadeCells:
    """Made cells that wait to be kept or dropped; `notes` are what was said on the way."""

    made: Made
    picture: Picture
    notes: tuple[str, ...]


def steps_between(steps: int) -> int:
    """From one picture of samples to the next: the first comes soon, and there are not too many."""
    fewest, most = STEPS_BETWEEN
    return min(max(steps // N_PICTURES, fewest), most)


def watched(events: Iterable[Any], cells: Cells | None, channels: Sequence[str]) -> Generator[Any, None, None]:
    """Pass on what `augment_cells` says, samples as `Sheet`, steps as `Learning`, and the result as `MadeCells`."""
    from napari_cellcycle.training.gan.loop import GanStep, Samples

    real: Tiles = {}
    newest: dict[int, NDArray[np.float32]] = {}
    notes: list[str] = []
    n_drawn, last = 0, 0.0
    for event in events:
        if isinstance(event, Samples):
            if event.are_real:
                real, newest = event.images, {phase: tiles[:0] for phase, tiles in event.images.items()}
            newest |= {phase: tiles for phase, tiles in event.images.items() if phase in real and not event.are_real}
            if n_drawn < _FIRST_ONES or time.monotonic() - last > SECONDS_BETWEEN:
                yield Sheet(event.step, _draw(real, newest, channels))
                n_drawn, last = n_drawn + 1, time.monotonic()
        elif isinstance(event, GanStep):
            yield Learning(event.step, event.steps, event.distance)
        elif isinstance(event, Finished):
            yield Finished(_result(event.result, real, cells, notes))
        else:
            notes += [event.text] if isinstance(event, Note) else []
            yield event


def _result(made: Made, real: Tiles, cells: Cells | None, notes: list[str]) -> MadeCells:
    """With some of the cells that were made, beside the real ones that were shown on the way, or some of `cells`."""
    from napari_cellcycle.jobs.judging import few_of_each

    encoding = made.generator.card.encoding
    phases = [int(phase) for phase in np.unique(made.cells.phases)]
    if cells is not None and not real:
        real = few_of_each(cells.subset(np.flatnonzero(~cells.synthetic)), phases, encoding)
    picture = _draw(real, few_of_each(made.cells, phases, encoding), encoding.channels)
    told = () if made.quality is None else made.quality.warnings
    return MadeCells(made, picture, tuple(note for note in dict.fromkeys(notes) if note not in told))


def _draw(real: Tiles, made: Tiles, channels: Sequence[str]) -> Picture:
    """As many cells on each side as a dock has room for."""
    from napari_cellcycle.images.sheet import draw_sheet

    size = max(tiles.shape[-1] for tiles in made.values())
    return draw_sheet(real, made, channels, per_phase=max(1, (_WIDTH_PX - _BESIDE_PX) // (2 * (size + 2))))
