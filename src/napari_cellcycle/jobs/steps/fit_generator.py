"""One generator from real cells: read, encoded, learnt from, be it by one network for all phases or by one a phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.events import Job, Note, Progress, Stop, never
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN, Phase
from napari_cellcycle.training.gan.config import CELLGAN, GanConfig, preset

if TYPE_CHECKING:
    from napari_cellcycle.cells import Cells
    from napari_cellcycle.images.gan_codec import EncodedCells
    from napari_cellcycle.jobs.steps.checkpointer import Checkpointer
    from napari_cellcycle.models.generator import Generator
    from napari_cellcycle.training.gan.loop import GanStep, Samples
    from napari_cellcycle.training.gan.state import GanState


GENERATOR_CHANNELS = ("brightfield", "darkfield")
GENERATOR_PIXEL_UM = 0.5
"""Edge of the pixels of made cells, that of the instrument of the Jurkat cells; others are resampled."""
MIN_CELLS_GENERATOR = 5
"""Fewer real cells of a phase teach a generator little more than to repeat them."""


@dataclass(frozen=True, kw_only=True)
class GeneratorPlan:
    """What generator is to be trained.

    Attributes
    ----------
    method : str
        ``cellgan``, ``wgan-gp`` or ``wgan-div``.
    phases : tuple of int
        To make.
    channels : tuple of str
        That it makes, in order; all together, so that they fit each other.
    changes : mapping
        Settings of `GanConfig` that differ from those of the method's source.
    seed : int
        Same seed, same generator.
    device : str
        Where to compute.
    """

    method: str
    phases: tuple[int, ...]
    channels: tuple[str, ...] = GENERATOR_CHANNELS
    changes: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"

    def config(self, phase: int | None) -> GanConfig:
        """Settings for one phase, or for all of them at once."""
        found = preset(self.method, None if phase is None else Phase(phase))
        # each phase starts from weights of its own
        return replace(found, **{**self.changes, "seed": self.seed + (0 if phase is None else phase)})

    def parts(self) -> list[tuple[str, int | None]]:
        """The networks to train: their names, and the one phase that each makes, or None for all."""
        from napari_cellcycle.models.generator import ALL

        each: list[tuple[str, int | None]] = [(PHASE_LABELS[phase], phase) for phase in self.phases]
        return [(ALL, None)] if self.method == CELLGAN else each


def fit_generator(
    name: str,
    cells: Cells,
    plan: GeneratorPlan,
    *,
    stop: Stop = never,
    show_every: int = 0,
    journal: Checkpointer | None = None,
) -> Job[Progress | Note | GanStep | Samples, Generator]:
    """Train a generator on `cells` and on nothing else; the last event carries it.

    Parameters
    ----------
    name : str
        What it will be called.
    cells : Cells
        Real ones. ``cellgan`` learns from all phases, and with `GanConfig.unlabelled` from cells of unknown phase too;
        the others from the phases that they make.
    plan : GeneratorPlan
        What to train.
    stop : callable
        Asked after each step; once true, the generator is kept as it is.
    show_every : int
        Steps from one `Samples` event to the next; 0: none.
    journal : Resumable, optional
        Where the training is written down; it goes on from what an earlier part left there.

    Raises
    ------
    TooFewCellsError
        A phase that is to be made has no real cells.
    SettingError
        No phase is to be made.
    """
    from napari_cellcycle.models.generator import Generator, GeneratorCard, build_pair, size_of
    from napari_cellcycle.versions import installed_versions

    counts = _count(cells)
    yield from (Note(text) for text in _doubts(counts, plan.phases))
    learnt = _learnt_from(cells, plan)
    encoded = yield from _encoded(learnt, plan, size_of(plan.method))
    phases = learnt.phases[encoded.positions]
    if show_every:
        yield _real_samples(encoded.images, phases, plan.phases)
    kept = _Kept.read(journal)
    networks: dict[str, Any] = {}
    for part, phase in plan.parts():
        if part in kept.finished:
            networks[part], _ = build_pair(plan.method, len(plan.channels))
            with kept.restoring():
                networks[part].load_state_dict(kept.finished[part])
            networks[part].eval()
            continue
        if stop() and networks:
            yield Note(f"stopped before {part} was learnt, so it can't be made")
            break
        chosen = slice(None) if phase is None else phases == phase
        state = yield from _trained(part, encoded.images[chosen], phases[chosen], plan, phase, stop, show_every, kept)
        networks[part] = state.average
        kept.finished[part] = state.average.state_dict()
    can_make = [p for p in range(len(PHASE_LABELS)) if plan.method == CELLGAN or PHASE_LABELS[p] in networks]
    card = GeneratorCard(
        name=name,
        method=plan.method,
        encoding=encoded.encoding,
        description=_describe(plan.method),
        cells_per_phase={PHASE_LABELS[phase]: int(counts[phase]) for phase in can_make if counts[phase]},
        training=_facts(plan, len(phases), kept),
        versions=installed_versions(),
    )
    return Generator(networks, card)


def _trained(
    part: str,
    images: Any,
    phases: Any,
    plan: GeneratorPlan,
    phase: int | None,
    stop: Stop,
    show_every: int,
    kept: _Kept,
) -> Job[Any, GanState]:
    """Train one network; returns its course."""
    import torch

    from napari_cellcycle.models.device import pick_device
    from napari_cellcycle.training.gan.loop import GanHooks, train_gan
    from napari_cellcycle.training.gan.state import GanState

    config, device = plan.config(phase), pick_device(plan.device)
    state = GanState.begin(plan.method, len(plan.channels), config, device)
    hooks = GanHooks(
        stop=stop,
        begin=lambda state: kept.begin(part, state),
        after_step=lambda state: kept.after_step(part, state),
        show_every=show_every,
    )
    what = "training the generator" if phase is None else f"training the generator of {PHASE_LABELS[phase]}"
    for event in train_gan(state, plan.method, torch.from_numpy(images), phases, config, device, hooks):
        yield replace(event, what=what) if isinstance(event, Progress) else event
    kept.steps[part] = state.step
    return state


def _real_samples(images: Any, phases: Any, wanted: Sequence[int]) -> Samples:
    from napari_cellcycle.training.gan.loop import SHOWN, Samples

    return Samples(0, {phase: images[phases == phase][:SHOWN] for phase in wanted}, are_real=True)


@dataclass(eq=False)
class _Kept:
    """What is kept of a training of several networks: those that are finished, and the one on its way."""

    journal: Checkpointer | None
    finished: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    on_its_way: tuple[str, dict[str, Any], dict[str, Any]] | None = None

    @classmethod
    def read(cls, journal: Checkpointer | None) -> _Kept:
        from napari_cellcycle.training.checkpoint import under

        found = None if journal is None else journal.read()
        if found is None:
            return cls(journal)
        tensors, values = found
        steps = {part: int(n) for part, n in values["steps"].items()}
        finished = {part: under(f"finished.{part}", tensors) for part in steps}
        return cls(journal, finished, steps, (values["part"], under("course", tensors), values["course"]))

    def restoring(self) -> AbstractContextManager[None]:
        from napari_cellcycle.store.checkpoints import restoring

        return nullcontext() if self.journal is None else restoring(self.journal.output)

    def begin(self, part: str, state: GanState) -> None:
        if self.on_its_way is not None and self.on_its_way[0] == part:
            with self.restoring():
                state.restore(*self.on_its_way[1:])
        self.on_its_way = None

    def after_step(self, part: str, state: GanState) -> None:
        if self.journal is not None:
            self.journal.write(lambda: self._take(part, state))

    def _take(self, part: str, state: GanState) -> tuple[dict[str, Any], dict[str, Any]]:
        from napari_cellcycle.training.checkpoint import named

        tensors, values = state.take()
        everything = named("course", tensors)
        for name, weights in self.finished.items():
            everything |= named(f"finished.{name}", weights)
        return everything, {"part": part, "course": values, "steps": self.steps}


def _learnt_from(cells: Cells, plan: GeneratorPlan) -> Cells:
    import numpy as np

    learnt = ~cells.synthetic
    if plan.method != CELLGAN:
        learnt &= np.isin(cells.phases, plan.phases)
    elif not plan.config(None).unlabelled:
        learnt &= cells.phases != UNKNOWN
    return cells.subset(np.flatnonzero(learnt))


def _encoded(cells: Cells, plan: GeneratorPlan, size_px: int) -> Job[Any, EncodedCells]:
    from napari_cellcycle.images.gan_codec import encode_cells

    return (yield from encode_cells(cells, plan.channels, size_px, GENERATOR_PIXEL_UM))


def _count(cells: Cells) -> Any:
    """Real cells of each phase, shape (7,)."""
    import numpy as np

    return np.bincount(cells.phases[~cells.synthetic & (cells.phases != UNKNOWN)], minlength=len(PHASE_LABELS))


def _doubts(counts: Any, phases: Sequence[int]) -> list[str]:
    """Warnings of phases with few cells; an error where there is none."""
    if not phases:
        raise SettingError("no phase is to be made; name one, as in --phase Anaphase")
    missing = [PHASE_LABELS[phase] for phase in phases if not counts[phase]]
    if missing:
        raise TooFewCellsError(
            f"there is no real cell of {' and '.join(missing)}, so none can be made; leave it out, or open cells of it"
        )
    few = [f"{PHASE_LABELS[phase]} ({counts[phase]})" for phase in phases if counts[phase] < MIN_CELLS_GENERATOR]
    sentence = f"fewer than {MIN_CELLS_GENERATOR} real cells of {', '.join(few)}: what is made of them can hardly be more than copies"
    return [sentence] if few else []


def _describe(method: str) -> str:
    if method == CELLGAN:
        return "one small conditional generator for all phases"
    return f"{method}, one generator a phase"


def _facts(plan: GeneratorPlan, n_cells: int, kept: _Kept) -> dict[str, Any]:
    from dataclasses import asdict

    settings = {part: asdict(plan.config(phase)) for part, phase in plan.parts()}
    return {"n_cells": n_cells, "steps": dict(kept.steps), "seed": plan.seed, "settings": settings}
