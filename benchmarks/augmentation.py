"""What each kind of augmentation gains on the same clean folds of real cells, as tables in docs/augmentation.md.

NAPARI_CELLCYCLE_DATA=... python benchmarks/augmentation.py FOLDER

There are three folds. Generators are trained inside the training part of each and saved in FOLDER/generators. Then
every model is trained with every kind of augmentation, as its recipe says. What FOLDER already holds is not repeated.
Wasserstein GANs are trained for far fewer steps than in their papers, as the page says.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.datasets.splits import Folds, make_folds
from napari_cellcycle.datasets.training_cells import TrainingCells, join_training, prepare_cells
from napari_cellcycle.evaluation.compare import compare
from napari_cellcycle.evaluation.report import evaluate
from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.fill_phases import cells_to_fill, generate_cells
from napari_cellcycle.jobs.steps.fit_classifier import fit_model
from napari_cellcycle.jobs.steps.fit_generator import fit_generator
from napari_cellcycle.jobs.steps.generator_plan import GeneratorPlan
from napari_cellcycle.jobs.steps.training_data import TrainingData, load_training_data
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN
from napari_cellcycle.predict import predict_prepared
from napari_cellcycle.store.generators import load_generator, save_generator
from napari_cellcycle.training.augment_flag import parse_augment
from napari_cellcycle.training.config import TrainConfig, resolved
from napari_cellcycle.training.recipes import RECIPES

PAGE = Path(__file__).parents[1] / "docs" / "augmentation.md"
N_FOLDS, FILL_TO = 3, 250
SHORT_WGAN = {"steps": 400, "epochs": 0, "learning_rate": 2e-4, "critic_learning_rate": 2e-4}
GENERATORS: dict[str, dict[str, Any]] = {"cellgan": {}, "wgan-gp": SHORT_WGAN, "wgan-div": SHORT_WGAN}
EVENLY = "none, rare-phases 1"
"""The control for synthetic cells: none of them, but the real cells of all phases drawn equally often."""
WAYS = {
    "default": ("", "none", "mixup", "wgan-gp", "wgan-div+mixup", "cellgan", "cellgan+mixup"),
    "duque2024": ("none", EVENLY, "flips", "mixup", "wgan-gp", "wgan-div+mixup", "cellgan", "cellgan+mixup"),
}
"""The others are compared with the first of each."""
RARE = ("Metaphase", "Anaphase", "Telophase")


@dataclass(frozen=True, eq=False)
class Bench:
    """Cells of one recipe, and the folds, which are the same for all recipes."""

    training_data: TrainingData
    folds: Folds

    @classmethod
    def of(cls, model: str) -> Bench:
        data = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"
        training_data: TrainingData = result_of(load_training_data([data], None, RECIPES[model], ReadSettings()))
        return cls(training_data, make_folds(training_data.cells, N_FOLDS, seed=0))

    def training_cells(self, fold: int) -> Cells:
        return self.training_data.cells.subset(self.folds.folds[fold].train)


def main() -> None:
    """Train what is missing, one task per core, and write the page."""
    output = Path(sys.argv[1])
    in_parallel(train_generator, [(output, method, fold) for fold in range(N_FOLDS) for method in GENERATORS])
    in_parallel(
        test_way,
        [(output, model, way, fold) for fold in range(N_FOLDS) for model, ways in WAYS.items() for way in ways],
    )
    write_page(output)


def in_parallel(work: Callable[..., None], tasks: Iterable[tuple[Any, ...]]) -> None:
    """Run each task on one core."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for future in [pool.submit(work, *task) for task in tasks]:
            future.result()


def generator_folder(output: Path, method: str, fold: int) -> Path:
    """Folder of the generator of a fold."""
    return output / "generators" / f"{method}-{fold}"


def train_generator(output: Path, method: str, fold: int) -> None:
    """Train one generator inside one fold."""
    folder = generator_folder(output, method, fold)
    if folder.exists():
        return
    torch.set_num_threads(1)
    cells = Bench.of("default").training_cells(fold)
    phases = tuple(phase for phase, n_cells in enumerate(cells_to_fill(cells, FILL_TO)) if n_cells)
    plan = GeneratorPlan(method=method, phases=phases, changes=GENERATORS[method], seed=fold, device="cpu")
    started = time.monotonic()
    generator = result_of(fit_generator(method, cells, plan))
    facts = {**generator.card.training, "seconds": round(time.monotonic() - started)}
    generator = replace(generator, card=replace(generator.card, training=facts))
    save_generator(generator, folder, np.zeros((0, 4), np.uint64))
    print(f"{method}, fold {fold}: {facts['seconds']} s", flush=True)


def calls_path(output: Path, model: str, way: str, fold: int) -> Path:
    """File with the probabilities of a fold's test cells."""
    return output / model / f"{way or 'recipe'}-{fold}.npy"


def test_way(output: Path, model: str, way: str, number: int) -> None:
    """Train and test one model with one kind of augmentation in one fold."""
    path = calls_path(output, model, way, number)
    if path.exists():
        return
    torch.set_num_threads(1)
    started = time.monotonic()
    bench, recipe = Bench.of(model), RECIPES[model]
    fold = bench.folds.folds[number]
    rare_phases = 1.0 if way == EVENLY else recipe.config.rare_phases
    config = resolved(
        replace(recipe.config, augment=parse_augment(way.split(",")[0]), rare_phases=rare_phases, seed=number)
    )
    training = bench.training_data.prepared.subset(fold.train)
    synthetic = synthetic_cells(output, bench, model, config, number)
    training = training if synthetic is None else join_training([training, synthetic])
    validation = bench.training_data.prepared.subset(fold.validation)
    trained, _ = result_of(fit_model(model, recipe, training, validation, config, "cpu"))
    images = bench.training_data.prepared.images[fold.test] / trained.card.input.scales[:, None, None]
    probabilities = predict_prepared(trained, images, torch.device("cpu")).probabilities
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, probabilities)
    hits = probabilities.argmax(1) == bench.training_data.cells.phases[fold.test]
    print(f"{time.monotonic() - started:6.0f} s  {model}  {way or 'recipe'}  {number}  {hits.mean():.3f}", flush=True)


def synthetic_cells(output: Path, bench: Bench, model: str, config: TrainConfig, fold: int) -> TrainingCells | None:
    """Synthetic cells for the training part of a fold, by the generator that was trained on it."""
    method = config.augment.generator
    if not method:
        return None
    generator = load_generator(generator_folder(output, method, fold))
    missing = cells_to_fill(bench.training_cells(fold), FILL_TO)
    wanted = {phase: n_cells for phase, n_cells in enumerate(missing) if n_cells}
    cells: Cells = result_of(generate_cells(generator, wanted, seed=fold))
    prepared: TrainingCells = result_of(prepare_cells(cells, RECIPES[model].input))
    return prepared


def write_page(output: Path) -> None:
    """Write a table for each model between its marks in the page."""
    text = PAGE.read_text(encoding="utf-8")
    for model, ways in WAYS.items():
        begin, end = f"<!-- {model} -->", f"<!-- end of {model} -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table(output, model, ways)}\n{end}{rest.split(end)[1]}"
    PAGE.write_text(text, encoding="utf-8")


def table(output: Path, model: str, ways: tuple[str, ...]) -> str:
    """One row per kind of augmentation, over the folds that all of them have, with the difference from the first."""
    bench = Bench.of(model)
    cells = bench.training_data.cells
    done = [fold for fold in range(N_FOLDS) if all(calls_path(output, model, way, fold).exists() for way in ways)]
    fold_of = np.full(len(cells), -1)
    for fold in done:
        fold_of[bench.folds.folds[fold].test] = fold
    truth = np.where(fold_of < 0, UNKNOWN, cells.phases).astype(np.int8)
    rows = [
        ["augment", "accuracy", "macro F1", *(f"F1 {label}" for label in RARE), "macro F1, difference"],
        ["---"] * (4 + len(RARE)),
    ]
    predictions: list[Prediction] = []
    for way in ways:
        probabilities = np.full((len(cells), len(PHASE_LABELS)), np.nan, np.float32)
        for fold in done:
            probabilities[bench.folds.folds[fold].test] = np.load(calls_path(output, model, way, fold))
        predictions.append(Prediction(cells.sources, cells.ids, probabilities))
        scores = evaluate(predictions[-1], truth, model=model, protocol="clean", fold=fold_of).to_dict()
        rows.append(
            [
                f"`{way}`" if way else "as its recipe says",
                *score_texts(scores),
                difference(predictions[0], predictions[-1] if len(predictions) > 1 else None, truth),
            ]
        )
    counts = np.bincount(truth[truth != UNKNOWN], minlength=len(PHASE_LABELS))
    tested = ", ".join(f"{counts[PHASE_LABELS.index(label)]} {label.lower()}" for label in RARE)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", f"{len(done)} of {N_FOLDS} folds, {counts.sum()} cells tested, including {tested}."])


def score_texts(scores: dict[str, Any]) -> list[str]:
    """Accuracy, macro F1 and the F1 of the rare phases, with intervals."""
    found = [scores[key] for key in ("accuracy", "macro_f1")]
    for label in RARE:
        low, high = scores["per_phase_intervals"][label]["f1"]
        found.append({"value": scores["per_phase"][label]["f1"], "low": low, "high": high})
    return [f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for one in found]


def difference(first: Prediction, other: Prediction | None, truth: NDArray[np.int8]) -> str:
    """Difference of the other's macro F1 from the first's."""
    if other is None:
        return ""
    found = compare(other, first, truth).difference["macro_f1"]
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


if __name__ == "__main__":
    main()
