"""Add synthetic cells to the real ones of a training part, from a generator that saw no other cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import in_training_set
from napari_cellcycle.datasets.training_cells import TrainingCells, count_cells, join_training, prepare_cells
from napari_cellcycle.errors import SettingError, StoppedError
from napari_cellcycle.events import Job, Note, Progress, Stop, never
from napari_cellcycle.images.model_input import InputSpec
from napari_cellcycle.jobs.steps.advice import cells_to_fill
from napari_cellcycle.jobs.steps.checkpointer import Checkpointer
from napari_cellcycle.jobs.steps.fit_generator import fit_generator
from napari_cellcycle.jobs.steps.generator_plan import GeneratorPlan
from napari_cellcycle.jobs.steps.training_data import TrainingData
from napari_cellcycle.models.trained_generator import Generator
from napari_cellcycle.phase_sets import check_seven
from napari_cellcycle.store.generators import find_generator, load_generator
from napari_cellcycle.store.models import load_training_fingerprints
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.gan.loop import GanStep, Samples
from napari_cellcycle.training.recipes import Recipe

CELLS_SEED_OFFSET = 1000
"""Difference between the seed of a generator and that of its cells."""


def oversampled(
    training_data: TrainingData,
    indices: NDArray[np.intp],
    recipe: Recipe,
    config: TrainConfig,
    device: str,
    *,
    stop: Stop = never,
    checkpointer: Checkpointer | None = None,
) -> Job[Progress | Note | GanStep | Samples, TrainingCells]:
    """The training part at `indices`, with synthetic cells of its rarer phases if ``config.augment`` asks for them.

    The generator sees no other cell of `training_data`.

    Raises
    ------
    StoppedError
        `stop` was true before the cells were generated; the training of the generator can be resumed.
    SettingError
        The model sees no images that could be made.
    """
    if config.augment.generator and recipe.input.compares_nuclei:
        raise SettingError(f"augment can't be used with {recipe.architecture}, which sees no images; leave it out")
    real = training_data.prepared.subset(indices)
    cells = training_data.cells.subset(indices)
    synthetic = yield from fill_rare_phases(cells, recipe.input, config, device, stop=stop, checkpointer=checkpointer)
    if synthetic is None:
        return real
    if stop():
        hint = "" if checkpointer is None or config.generator else "; resume continues it"
        raise StoppedError(f"the training was stopped while the generator was trained, so there is no model yet{hint}")
    yield Note(f"{len(synthetic):,} synthetic cells were added to {len(real):,} real ones")
    return join_training([real, synthetic])


def fill_rare_phases(
    cells: Cells,
    spec: InputSpec,
    config: TrainConfig,
    device: str,
    *,
    stop: Stop = never,
    checkpointer: Checkpointer | None = None,
) -> Job[Progress | Note | GanStep | Samples, TrainingCells | None]:
    """Make synthetic cells of the rarer phases of `cells`, as ``config.augment`` says; None if there is nothing to add.

    The generator is trained on all of `cells`, so there must be no cell for validation or test among them. The
    synthetic cells are prepared as `spec` says, for the classifier.
    """
    method = config.augment.generator
    if method:
        check_seven(cells.phase_set, "generators make cells")
    if config.generator and not method:
        raise SettingError(
            f"generator is {config.generator!r}, but augment asks for no synthetic cells; add a method, as in "
            "augment=cellgan"
        )
    lacking = cells_to_fill(*count_cells(cells), config.fill_to, undersample=config.undersample)
    wanted = {phase: n_cells for phase, n_cells in enumerate(lacking) if n_cells}
    if method and not wanted:
        yield Note("no synthetic cells were added: each phase is large enough already, or has no real cells")
    if not method or not wanted:
        return None
    synthetic = yield from synthesize(
        cells, wanted, spec.channels, config, device, stop=stop, checkpointer=checkpointer
    )
    # a finished generator may have its channels in another order, or more of them
    prepared = yield from prepare_cells(synthetic.select_channels(spec.channels), spec)
    return replace(prepared, positions=np.full(len(prepared), -1))


def synthesize(
    cells: Cells,
    wanted: Mapping[int, int],
    channels: tuple[str, ...],
    config: TrainConfig,
    device: str,
    *,
    stop: Stop = never,
    checkpointer: Checkpointer | None = None,
) -> Job[Progress | Note | GanStep | Samples, Cells]:
    """Make the `wanted` number of synthetic cells of each phase, with the finished generator that `config` names.

    If it names none, one is trained on the real ones of `cells`, and on no other cells.
    """
    if config.generator:
        generator = load_generator(config.generator)
    else:
        method = config.augment.generator
        changes = {"steps": config.gan_steps} if config.gan_steps else {}
        plan = GeneratorPlan(
            method=method, phases=tuple(wanted), channels=channels, changes=changes, seed=config.seed, device=device
        )
        generator = yield from fit_generator(method, cells, plan, stop=stop, checkpointer=checkpointer)
    return (yield from generate_cells(generator, wanted, config.seed + CELLS_SEED_OFFSET))


def generate_cells(generator: Generator, wanted: Mapping[int, int], seed: int) -> Job[Progress, Cells]:
    """Make the `wanted` number of synthetic cells of each phase."""
    encoding = generator.card.encoding
    images: list[NDArray[np.generic]] = []
    for phase, n_cells in wanted.items():
        yield Progress(sum(map(len, images)), sum(wanted.values()), "generating cells")
        images.append(generator.make(phase, n_cells, seed + phase))
    return Cells.build(
        ArrayImages(np.concatenate(images)),
        encoding.channels,
        f"made by {generator.card.name}",  # is written to files
        phases=np.repeat(list(wanted), list(wanted.values())),
        synthetic=True,
        pixel_size_um=encoding.pixel_size_um,
    )


def refuse_known_cells(generator_folder: str, fingerprints: NDArray[np.uint64]) -> None:
    """Raise `SettingError` if a generator was trained on cells with any of these `fingerprints`."""
    known = load_training_fingerprints(find_generator(generator_folder))
    if known is None or in_training_set(fingerprints, known).any():
        raise SettingError(
            f"the generator {generator_folder} was trained on cells that are to be tested, so its synthetic cells give "
            "the truth away; leave generator empty, so that one is trained in each fold"
        )
