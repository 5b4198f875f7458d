"""Evaluate: figures of a model on labelled cells, or of a way of training by cross-validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.errors import WriteError
from napari_cellcycle.events import Finished, Note, Progress, passed_on
from napari_cellcycle.io.table import write_json
from napari_cellcycle.jobs.classify import DEVICES
from napari_cellcycle.jobs.reading import ReadConfig, open_cells
from napari_cellcycle.settings import Checked, setting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.evaluation.compare import Comparison
    from napari_cellcycle.evaluation.folds import Fold
    from napari_cellcycle.evaluation.report import LossCurve, Report
    from napari_cellcycle.jobs.material import Material
    from napari_cellcycle.models import Model
    from napari_cellcycle.training.classifier import EpochDone
    from napari_cellcycle.training.config import TrainConfig
    from napari_cellcycle.training.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Checked):
    """How a model, or a way of training, is tested."""

    model: str = setting("default", "model to test, or several as in default,duque2024; with cv, kinds of networks")
    cv: int = setting(0, "train and test by so many folds; 0 tests a finished model", 0, 100)
    group_by: str = setting("", "keep cells together in a fold: file, folder, folder1, folder2, ...", more=True)
    prevalence: str = setting("", "give figures at these shares too: bbbc048, or G1=50,S=30,G2=20", more=True)
    min_probability: float = setting(0.0, "call cells unsure whose best phase is less probable than this", 0, 1)
    also: str = setting("", "with cv: more cells, of which only the DNA stain is learnt from", more=True)
    keep_models: bool = setting(False, "with cv: keep each fold's model, with the list of its test cells", more=True)
    device: str = setting("auto", "where to compute; auto takes a GPU where there is one", choices=DEVICES, more=True)
    seed: int = setting(0, "same seed, same folds, same weights, same intervals", 0, 2**31 - 1, more=True)


@dataclass(frozen=True)
class FoldDone:
    """A fold is trained and tested."""

    fold: int
    folds: int
    accuracy: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Reports by model, in the order asked for, and the first compared with each other, cell by cell."""

    reports: dict[str, Report]
    comparisons: tuple[Comparison, ...]

    def __str__(self) -> str:
        return "\n\n".join(str(part) for part in (*self.reports.values(), *self.comparisons))


def evaluate_files(
    paths: Sequence[str | Path],
    output: Path,
    config: EvaluateConfig,
    changes: Mapping[str, Any],
    reading: ReadConfig,
) -> Iterator[Progress | Note | EpochDone | FoldDone | Finished]:
    """Test on the cells in `paths` and write report, tables and figures to `output`.

    Several models are tested on the same cells, in the same folds; each has a folder of its own then, and
    ``comparison.json`` lies beside them. `changes` replaces settings of the recipes in a cross-validation, which
    leaves the model of each fold in ``folds/1``, ``folds/2``, ... where `config` says so.
    The last event carries an `Evaluation`.
    """
    from napari_cellcycle.evaluation.pages import write_report

    names = [name.strip() for name in config.model.split(",") if name.strip()]
    reports: dict[str, Report] = {}
    for name in names:
        one = replace(config, model=name)
        folder = Path(output) / Path(name).name if len(names) > 1 else Path(output)
        kept = folder / "folds" if config.keep_models else None
        testing = cross_validate(paths, one, changes, reading, kept) if config.cv else test_model(paths, one, reading)
        report, cells = yield from passed_on(testing)
        yield from passed_on(write_report(report, cells, folder))
        reports[name] = report
    comparisons = compare_reports(reports)
    if comparisons:
        write_json(
            {"comparisons": [asdict(comparison) for comparison in comparisons]}, Path(output) / "comparison.json"
        )
    yield Finished(Evaluation(reports, comparisons))


def compare_reports(reports: Mapping[str, Report]) -> tuple[Comparison, ...]:
    """The first model against each of the others."""
    from napari_cellcycle.evaluation.compare import compare

    (name, first), *others = reports.items()
    return tuple(
        compare(first.prediction, other.prediction, first.truth, names=(name, other_name), seed=first.seed)
        for other_name, other in others
    )


def test_model(
    paths: Sequence[str | Path], config: EvaluateConfig, reading: ReadConfig
) -> Iterator[Progress | Note | Finished]:
    """Test a finished model; the result is a `Report` and the cells behind it."""
    from napari_cellcycle.evaluation.duplicates import search_repeats, seen_before
    from napari_cellcycle.evaluation.report import evaluate
    from napari_cellcycle.io.runs import find_model, load_model, load_training_prints
    from napari_cellcycle.predict import classify_cells, suited_model

    model = load_model(config.model)
    cells: Cells = yield from passed_on(open_cells(paths, reading))
    known = load_training_prints(find_model(model.card.stand_in_for(cells.channels) or config.model))
    model, note = suited_model(model, cells)
    if note:
        yield Note(note)
    repeats = yield from passed_on(search_repeats(cells))
    cells, n_repeats = cells.subset(repeats.keep), len(cells) - len(repeats.keep)
    prediction = yield from passed_on(
        classify_cells(model, cells, device=config.device, min_probability=config.min_probability)
    )
    report = evaluate(
        prediction,
        cells,
        model=model.name,
        trained_on=None if known is None else seen_before(repeats.prints[repeats.keep], known),
        prevalence=config.prevalence or None,
        duplicates_removed=n_repeats,
        seed=config.seed,
        temperature=(model.card.temperature,),
        settings={**asdict(config), **asdict(reading), "input": [str(path) for path in paths]},
        data_sha256=repeats.data_sha256,
        notes=repeats.notes,
    )
    yield Finished((report, cells))


def cross_validate(
    paths: Sequence[str | Path],
    config: EvaluateConfig,
    changes: Mapping[str, Any],
    reading: ReadConfig,
    kept: Path | None = None,
) -> Iterator[Progress | Note | EpochDone | FoldDone | Finished]:
    """Train and test fold by fold, each from fresh weights; the result is a `Report` and the cells behind it.

    The folds' models are written to the new folder `kept`, where one is given; ``split.csv`` beside each one's
    weights names its test cells.

    Raises
    ------
    WriteError
        `kept` exists: a model is never overwritten.
    """
    from napari_cellcycle.evaluation.folds import group_names, make_folds
    from napari_cellcycle.evaluation.report import evaluate
    from napari_cellcycle.jobs.material import gather
    from napari_cellcycle.jobs.train import recipe_called

    if kept is not None and kept.exists():
        raise WriteError(f"{kept} exists already; choose another folder for the report, or remove it first")
    recipe = recipe_called(config.model)
    settings = replace(recipe.config, **changes, seed=config.seed)
    material: Material = yield from passed_on(gather(paths, config.also, recipe, reading))
    cells = material.cells
    groups = group_names(cells, config.group_by) if config.group_by else None
    folds = make_folds(
        cells, config.cv, groups=groups, validation_fraction=settings.validation_fraction, seed=config.seed
    )
    tested = _Tested.empty(cells)
    for number, fold in enumerate(folds):
        own = replace(settings, seed=config.seed + number)  # fresh weights that no other fold starts from
        name = f"{config.model}, fold {number + 1} of {len(folds)}"
        model, losses = yield from passed_on(_fit_fold(name, material, fold, recipe, own, config.device))
        accuracy = tested.add(number, fold, model, losses, material)
        if kept is not None:
            _keep(model, kept / str(number + 1), fold, material)
        yield FoldDone(number + 1, len(folds), accuracy)
    report = evaluate(
        tested.prediction(cells, config.min_probability),
        cells,
        model=config.model,
        protocol="clean",
        prevalence=config.prevalence or None,
        fold=tested.fold,
        duplicates_removed=material.n_repeats,
        seed=config.seed,
        temperature=tested.temperatures,
        losses=tested.losses,
        settings={**asdict(config), **asdict(settings), **asdict(reading), "input": [str(path) for path in paths]},
        data_sha256=material.data_sha256,
        notes=folds.notes,
    )
    yield Finished((report, cells))


def _fit_fold(
    name: str, material: Material, fold: Fold, recipe: Recipe, settings: TrainConfig, device: str
) -> Iterator[Progress | EpochDone | Finished]:
    """Result: the fold's model and its loss curve."""
    import numpy as np

    from napari_cellcycle.evaluation.report import LossCurve
    from napari_cellcycle.jobs.fitting import fit_model
    from napari_cellcycle.jobs.material import teachers
    from napari_cellcycle.jobs.train import kept

    training = material.prepared.subset(np.r_[fold.train, teachers(material)])
    validation = material.prepared.subset(fold.validation)
    log: list[EpochDone] = []
    model = yield from passed_on(kept(fit_model(name, recipe, training, validation, settings, device), log))
    curve = LossCurve(np.array([done.training_loss for done in log]), np.array([done.validation_loss for done in log]))
    yield Finished((model, curve))


def _keep(model: Model, folder: Path, fold: Fold, material: Material) -> None:
    import numpy as np

    from napari_cellcycle.io.runs import save_model
    from napari_cellcycle.jobs.material import split_table

    table = split_table(material.cells, fold.validation, fold.test)
    save_model(model, folder, np.delete(material.prints, fold.test, axis=0), {"split.csv": table})


@dataclass(frozen=True, eq=False)
class _Tested:
    """What the folds' models said of their test cells, filled fold by fold."""

    probabilities: NDArray[np.float32]
    dna_content: NDArray[np.float32]
    fold: NDArray[np.int64]
    temperatures: list[float]
    losses: list[LossCurve]

    @classmethod
    def empty(cls, cells: Cells) -> _Tested:
        import numpy as np

        from napari_cellcycle.phases import N_PHASES

        n_cells = len(cells)
        unknown = np.full((n_cells, N_PHASES), np.nan, np.float32)
        return cls(unknown, np.full(n_cells, np.nan, np.float32), np.full(n_cells, -1), [], [])

    def add(self, number: int, fold: Fold, model: Model, losses: LossCurve, material: Material) -> float:
        """Test `model` on the fold's test cells; returns its accuracy there."""
        import torch

        from napari_cellcycle.predict import predict_prepared

        scale = model.card.input.scales
        images = material.prepared.images[fold.test] / scale[:, None, None]
        answers = predict_prepared(model, images, torch.device("cpu"))
        self.probabilities[fold.test] = answers.probabilities
        if answers.dna_content is not None:
            self.dna_content[fold.test] = answers.dna_content
        self.fold[fold.test] = number
        self.temperatures.append(model.card.temperature)
        self.losses.append(losses)
        called = self.probabilities[fold.test].argmax(axis=1)
        return float((called == material.cells.phases[fold.test]).mean())

    def prediction(self, cells: Cells, min_probability: float) -> Any:
        """The calls of all folds together."""
        import numpy as np

        from napari_cellcycle.cells import Prediction

        dna = None if np.isnan(self.dna_content).all() else self.dna_content
        return Prediction(cells.sources, cells.ids, self.probabilities, dna, min_probability)
