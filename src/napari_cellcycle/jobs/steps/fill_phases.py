"""Made cells beside the real ones of a training part, by a generator that saw these cells and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_cellcycle.errors import SettingError, StoppedError
from napari_cellcycle.events import Job, Note, Progress, Stop, never
from napari_cellcycle.jobs.steps.fit_generator import GeneratorPlan, fit_generator
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN
from napari_cellcycle.training.config import TrainConfig

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.datasets.training_cells import TrainingCells
    from napari_cellcycle.images.model_input import InputSpec
    from napari_cellcycle.jobs.steps.checkpointer import Checkpointer
    from napari_cellcycle.jobs.steps.training_data import TrainingData
    from napari_cellcycle.models.generator import Generator
    from napari_cellcycle.training.gan.loop import GanStep, Samples
    from napari_cellcycle.training.recipes import Recipe

SEED_OF_CELLS = 1000
"""Added to the seed of a generator to get that of the cells it makes."""


def oversampled(
    training_data: TrainingData,
    places: NDArray[np.intp],
    recipe: Recipe,
    config: TrainConfig,
    device: str,
    *,
    stop: Stop = never,
    journal: Checkpointer | None = None,
) -> Job[Progress | Note | GanStep | Samples, TrainingCells]:
    """The training part at `places`, with made cells of its rarer phases if ``config.augment`` says so.

    The last event carries `TrainingCells`. No other cell of `training_data` is shown to a generator.

    Raises
    ------
    StoppedError
        `stop` was true before the cells were made; what `journal` wrote down can be gone on with.
    """
    from napari_cellcycle.datasets.training_cells import join_training

    real = training_data.prepared.subset(places)
    cells = training_data.cells.subset(places)
    made = yield from fill_rare_phases(cells, recipe.input, config, device, stop=stop, journal=journal)
    if made is None:
        return real
    if stop():
        later = "" if journal is None or config.generator else "; resume goes on with it"
        raise StoppedError(f"stopped while the generator was trained, before there was a model to keep{later}")
    yield Note(f"{len(made):,} made cells are learnt from beside {len(real):,} real ones")
    return join_training([real, made])


def fill_rare_phases(
    cells: Cells,
    spec: InputSpec,
    config: TrainConfig,
    device: str,
    *,
    stop: Stop = never,
    journal: Checkpointer | None = None,
) -> Job[Progress | Note | GanStep | Samples, TrainingCells | None]:
    """Make cells of the rarer phases of `cells`, as ``config.augment`` says.

    Parameters
    ----------
    cells : Cells
        A training part, and nothing that will be tested or validated on: the generator is trained on all of it.
    spec : InputSpec
        What the classifier wants to see; its channels are made, all together.
    config : TrainConfig
        Which generator, how long it is trained, and how many cells a phase is filled up to.
    device : str
        Where to compute.
    stop : callable
        Ends the training of the generator with what it has learnt.
    journal : Resumable, optional
        Where that training is written down; it goes on from what an earlier part left there.

    Yields
    ------
    Progress, Note, GanStep, Samples, Finished
        The last one carries the made cells, prepared, as `TrainingCells`; None if there is nothing to fill.
    """
    word = config.augment.generator
    if config.generator and not word:
        raise SettingError(
            f"generator is {config.generator!r}, but augment asks for no made cells; say so, as in augment=cellgan"
        )
    wanted = cells_to_fill(cells, config.fill_to, undersample=config.undersample)
    if word and not any(wanted):
        yield Note("no cells are made: every phase is large enough already, or has no real cells to learn from")
    if not word or not any(wanted):
        return None
    lacking = {phase: n_cells for phase, n_cells in enumerate(wanted) if n_cells}
    made = yield from synthesize(cells, lacking, spec.channels, config, device, stop=stop, journal=journal)
    return (yield from _prepared(made, spec))


def synthesize(
    cells: Cells,
    wanted: dict[int, int],
    channels: tuple[str, ...],
    config: TrainConfig,
    device: str,
    *,
    stop: Stop = never,
    journal: Checkpointer | None = None,
) -> Job[Progress | Note | GanStep | Samples, Cells]:
    """Make so many cells of each phase by the generator that `config` names; the last event carries them as `Cells`.

    Where it is no finished one, it is trained on the real ones of `cells`, and on nothing else.
    """
    if config.generator:
        from napari_cellcycle.store.generators import load_generator

        generator = load_generator(config.generator)
    else:
        word = config.augment.generator
        changes = {"steps": config.gan_steps} if config.gan_steps else {}
        plan = GeneratorPlan(
            method=word, phases=tuple(wanted), channels=channels, changes=changes, seed=config.seed, device=device
        )
        generator = yield from fit_generator(word, cells, plan, stop=stop, journal=journal)
    return (yield from generate_cells(generator, wanted, config.seed + SEED_OF_CELLS))


def cells_to_fill(cells: Cells, fill_to: int = 0, *, undersample: bool = False) -> list[int]:
    """How many cells each phase lacks, real and made ones counted, to `fill_to` or, if that is 0, to the largest phase.

    To the second largest, if the largest will be undersampled to that (Jin et al. 2021). A phase without real cells is
    left empty.
    """
    import numpy as np

    counts = np.bincount(cells.phases[cells.phases != UNKNOWN], minlength=len(PHASE_LABELS))
    real = np.bincount(cells.phases[(cells.phases != UNKNOWN) & ~cells.synthetic], minlength=len(PHASE_LABELS))
    largest = np.sort(counts)[-2 if undersample else -1]
    lacking = np.where(real > 0, np.maximum((fill_to or largest) - counts, 0), 0)
    found: list[int] = lacking.tolist()
    return found


def generate_cells(generator: Generator, wanted: dict[int, int], seed: int) -> Job[Progress, Cells]:
    """Make so many cells of each phase; the last event carries them as `Cells`, which are marked synthetic."""
    import numpy as np

    from napari_cellcycle.cell_images import ArrayImages
    from napari_cellcycle.cells import Cells

    encoding = generator.card.encoding
    images: list[NDArray[np.generic]] = []
    for phase, n_cells in wanted.items():
        yield Progress(sum(map(len, images)), sum(wanted.values()), "making cells")
        images.append(generator.make(phase, n_cells, seed + phase))
    cells = Cells.build(
        ArrayImages(np.concatenate(images)),
        encoding.channels,
        f"made by {generator.card.name}",
        phases=np.repeat(list(wanted), list(wanted.values())),
        synthetic=True,
        pixel_size_um=encoding.pixel_size_um,
    )
    return cells


def refuse_known_cells(generator_folder: str, fingerprints: NDArray[np.uint64]) -> None:
    """Raise `SettingError` if the generator in a folder learnt from cells with any of these `fingerprints`."""
    from napari_cellcycle.datasets.duplicates import in_training_set
    from napari_cellcycle.store.generators import find_generator
    from napari_cellcycle.store.models import load_training_fingerprints

    known = load_training_fingerprints(find_generator(generator_folder))
    if known is None or in_training_set(fingerprints, known).any():
        raise SettingError(
            f"the generator {generator_folder} learnt from cells that are to be tested, so its cells would give the "
            "truth away; leave generator empty, and one is trained in each fold"
        )


def _prepared(made: Cells, spec: InputSpec) -> Job[Any, TrainingCells]:
    """`TrainingCells` of made ones; a generator may make channels in another order, or more of them."""
    from dataclasses import replace

    import numpy as np

    from napari_cellcycle.datasets.training_cells import prepare_cells

    prepared: TrainingCells = yield from prepare_cells(made.select_channels(spec.channels), spec)
    return replace(prepared, positions=np.full(len(prepared), -1))
