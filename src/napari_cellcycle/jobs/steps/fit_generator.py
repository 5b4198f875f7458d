"""Real cells in, a generator of synthetic cells out: one network for all phases, or one per phase."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.training_cells import count_phases
from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.events import Job, Note, Progress, Stop, never, result_of
from napari_cellcycle.images.gan_codec import encode_cells
from napari_cellcycle.jobs.config import WorkerSettings
from napari_cellcycle.jobs.steps.advice import cannot_generate, warning_of_few
from napari_cellcycle.jobs.steps.checkpointer import Checkpointer
from napari_cellcycle.jobs.steps.generator_plan import GeneratorPlan
from napari_cellcycle.models.device import pick_device
from napari_cellcycle.models.trained_generator import Generator, GeneratorCard, build_pair, size_of
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN
from napari_cellcycle.store.checkpoints import restoring
from napari_cellcycle.training.gan.config import CELLGAN
from napari_cellcycle.training.gan.loop import SAMPLES_PER_PHASE, GanStep, Samples, train_gan
from napari_cellcycle.training.gan.state import GanState
from napari_cellcycle.training.state import Checkpoint, Hooks, Tensors, add_prefix, strip_prefix
from napari_cellcycle.versions import installed_versions

GENERATOR_PIXEL_UM = 0.5
"""Edge of the pixels of synthetic cells, as in the Jurkat images; cells with other pixels are resampled."""


def fit_generator(
    name: str,
    cells: Cells,
    plan: GeneratorPlan,
    *,
    stop: Stop = never,
    show_every: int = 0,
    checkpointer: Checkpointer | None = None,
    workers: WorkerSettings | None = None,
) -> Job[Progress | Note | GanStep | Samples, Generator]:
    """Train a generator on the real ones of `cells`, and on no other cells.

    ``cellgan`` is trained on all phases, and with `GanConfig.unlabelled` on cells of unknown phase too; the others are
    trained on the phases of `plan`. A stop keeps the generator as it is. With a `checkpointer` the training is saved on
    the way, and an unfinished one is resumed. `workers` train the networks of several phases at the same time; a
    network that is not finished is not saved then.

    Raises
    ------
    TooFewCellsError
        A phase of `plan` has no real cells.
    SettingError
        `plan` has no phases.
    """
    counts = count_phases(cells.phases[~cells.synthetic])
    _check_phases(counts, plan.phases)
    if warning := warning_of_few(counts, plan.phases):
        yield Note(warning)
    training_cells = _training_cells(cells, plan)
    encoded = yield from encode_cells(training_cells, plan.channels, size_of(plan.method), GENERATOR_PIXEL_UM)
    images, phases = encoded.images, training_cells.phases[encoded.positions]
    if show_every:
        real = {phase: images[phases == phase][:SAMPLES_PER_PHASE] for phase in plan.phases}
        yield Samples(0, real, are_real=True)
    saved = _SavedNetworks.read(checkpointer)
    if workers is not None and workers.is_many and len(plan.parts()) > 1:
        yield from _finish_by_workers(_PartWork(images, phases, plan), saved, workers)
    networks: dict[str, nn.Module] = {}
    for part, phase in plan.parts():
        if part in saved.finished:
            networks[part], _ = build_pair(plan.method, len(plan.channels))
            with saved.restoring():
                networks[part].load_state_dict(saved.finished[part])
            networks[part].eval()
            continue
        if stop() and networks:
            yield Note(f"the training was stopped before the generator of {part}, so there are no cells of {part}")
            break
        chosen = slice(None) if phase is None else phases == phase
        state = yield from _train_part(part, images[chosen], phases[chosen], plan, phase, stop, show_every, saved)
        networks[part] = state.average
        saved.finished[part] = state.average.state_dict()
    card = GeneratorCard(
        name=name,
        method=plan.method,
        encoding=encoded.encoding,
        description=_describe(plan.method),
        cells_per_phase={
            label: int(count)
            for label, count in zip(PHASE_LABELS, counts, strict=True)
            if count and (plan.method == CELLGAN or label in networks)
        },
        training={
            "n_cells": len(phases),
            "steps": dict(saved.steps),
            "seed": plan.seed,
            "settings": {part: asdict(plan.config(phase)) for part, phase in plan.parts()},
        },
        versions=installed_versions(),
    )
    return Generator(networks, card)


def _train_part(
    part: str,
    images: NDArray[np.float32],
    phases: NDArray[np.int8],
    plan: GeneratorPlan,
    phase: int | None,
    stop: Stop,
    show_every: int,
    saved: _SavedNetworks,
) -> Job[Progress | GanStep | Samples, GanState]:
    """Train one network."""
    config, device = plan.config(phase), pick_device(plan.device)
    state = GanState.begin(plan.method, len(plan.channels), config, device)
    hooks = Hooks(
        stop=stop,
        begin=lambda state: saved.begin(part, state),
        save=lambda state: saved.save(part, state),
        show_every=show_every,
    )
    what = "training the generator" if phase is None else f"training the generator of {PHASE_LABELS[phase]}"
    for event in train_gan(state, plan.method, torch.from_numpy(images), phases, config, device, hooks):
        yield replace(event, what=what) if isinstance(event, Progress) else event
    saved.steps[part] = state.step
    return state


@dataclass(frozen=True, eq=False)
class _PartWork:
    """What a process needs to train the network of any phase."""

    images: NDArray[np.float32]
    phases: NDArray[np.int8]
    plan: GeneratorPlan


def _finish_by_workers(work: _PartWork, saved: _SavedNetworks, workers: WorkerSettings) -> Job[Progress, None]:
    from napari_cellcycle.jobs.steps.workers import run_tasks

    parts = [(part, phase) for part, phase in work.plan.parts() if part not in saved.finished]
    for done, (number, (weights, steps)) in enumerate(run_tasks(_train_in_worker, work, parts, workers), 1):
        part, _ = parts[number]
        saved.finished[part] = {name: torch.from_numpy(values) for name, values in weights.items()}
        saved.steps[part] = steps
        yield Progress(done, len(parts), "training generators")


def _train_in_worker(work: _PartWork, part: tuple[str, int | None]) -> tuple[dict[str, NDArray[np.generic]], int]:
    """Weights of the network of one phase, and its steps."""
    name, phase = part
    chosen = slice(None) if phase is None else work.phases == phase
    images, phases = work.images[chosen], work.phases[chosen]
    state = result_of(_train_part(name, images, phases, work.plan, phase, never, 0, _SavedNetworks(None)))
    return {key: values.cpu().numpy() for key, values in state.average.state_dict().items()}, state.step


@dataclass(eq=False)
class _SavedNetworks:
    """The checkpoint of a generator: its finished networks, and the one that is being trained."""

    checkpointer: Checkpointer | None
    finished: dict[str, Tensors] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    unfinished: tuple[str, Checkpoint] | None = None

    @classmethod
    def read(cls, checkpointer: Checkpointer | None) -> _SavedNetworks:
        found = None if checkpointer is None else checkpointer.read()
        if found is None:
            return cls(checkpointer)
        tensors, values = found
        steps = {part: int(n) for part, n in values["steps"].items()}
        finished = {part: strip_prefix(f"finished.{part}", tensors) for part in steps}
        unfinished = values["part"], (strip_prefix("course", tensors), values["course"])
        return cls(checkpointer, finished, steps, unfinished)

    def restoring(self) -> AbstractContextManager[None]:
        """Say in one sentence that the checkpoint does not fit."""
        return nullcontext() if self.checkpointer is None else restoring(self.checkpointer.output)

    def begin(self, part: str, state: GanState) -> None:
        if self.unfinished is not None and self.unfinished[0] == part:
            with self.restoring():
                state.load_state_dict(*self.unfinished[1])
        self.unfinished = None

    def save(self, part: str, state: GanState) -> None:
        if self.checkpointer is not None:
            self.checkpointer.write(lambda: self._checkpoint(part, state))

    def _checkpoint(self, part: str, state: GanState) -> Checkpoint:
        tensors, values = state.state_dict()
        everything = add_prefix("course", tensors)
        for name, weights in self.finished.items():
            everything |= add_prefix(f"finished.{name}", weights)
        return everything, {"part": part, "course": values, "steps": self.steps}


def _training_cells(cells: Cells, plan: GeneratorPlan) -> Cells:
    """The cells of `cells` that the generator is trained on."""
    chosen = ~cells.synthetic
    if plan.method != CELLGAN:
        chosen &= np.isin(cells.phases, plan.phases)
    elif not plan.config(None).unlabelled:
        chosen &= cells.phases != UNKNOWN
    return cells.subset(np.flatnonzero(chosen))


def _check_phases(real: NDArray[np.intp], phases: Sequence[int]) -> None:
    if not phases:
        raise SettingError("no phase is chosen for the synthetic cells; name one, as in --phase Anaphase")
    missing = [PHASE_LABELS[phase] for phase in cannot_generate(real) if phase in phases]
    if missing:
        raise TooFewCellsError(
            f"there are no real cells of {' and '.join(missing)} to train a generator on; leave this phase out, or "
            "open cells of it"
        )


def _describe(method: str) -> str:
    if method == CELLGAN:
        return "one small conditional generator for all phases"
    return f"{method}, one generator a phase"
