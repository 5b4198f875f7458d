"""Boosted trees: they are scikit-learn's, kept as arrays, and trained like a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from trained import using

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.training_cells import TrainingCells, g1_dna, join_training, prepare_cells
from napari_cellcycle.errors import ModelError, SettingError
from napari_cellcycle.events import Progress, result_of
from napari_cellcycle.jobs.classify import classify_files
from napari_cellcycle.jobs.config import ClassifySettings, ReadSettings, TrainSettings
from napari_cellcycle.jobs.train import train_files
from napari_cellcycle.models.feature_trees import DEPTH, FeatureTrees
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.store.models import WEIGHTS, load_model
from napari_cellcycle.training.boosting import TREES_PER_EPOCH, grow_trees
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import RECIPES
from napari_cellcycle.training.state import Hooks
from napari_cellcycle.training.training_set import TrainingSet, fit_scale

QUICK = replace(RECIPES["features"].config, epochs=3, learning_rate=0.1)


@pytest.fixture
def prepared(made_cells: Cells) -> TrainingCells:
    return result_of(prepare_cells(made_cells, RECIPES["features"].input))


@pytest.fixture(scope="module", autouse=True)
def _measured_once() -> Iterator[None]:
    """The same images are measured once for all these tests; what is measured is the subject of other tests."""
    known: dict[tuple[torch.Size, bytes], torch.Tensor] = {}
    measure_anew = FeatureTrees.measure

    def measure(network: FeatureTrees, images: torch.Tensor) -> torch.Tensor:
        key = (images.shape, images.numpy().tobytes())
        if key not in known:
            known[key] = measure_anew(network, images)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureTrees, "measure", measure)
        yield


def training_set_of(cells: TrainingCells, config: TrainConfig) -> TrainingSet:
    return TrainingSet.from_cells(cells, fit_scale(cells), g1_dna(cells), config)


def grown(
    training_set: TrainingSet, config: TrainConfig, hooks: Hooks | None = None
) -> tuple[FeatureTrees, list[EpochDone]]:
    network = FeatureTrees()
    known = training_set.phases != UNKNOWN
    validation = (training_set.images[known][::3], training_set.phases[known][::3])
    events = list(grow_trees(network, training_set, validation, config, hooks))
    return network, [event for event in events if isinstance(event, EpochDone)]


@pytest.mark.parametrize("n_phases", [2, 3])
def test_answers_are_those_of_scikit_learn(prepared: TrainingCells, n_phases: int) -> None:
    some = prepared.subset(np.r_[: 30 * n_phases - 20])  # the last phase is rarer
    training_set = training_set_of(some, QUICK)
    network, _ = grown(training_set, QUICK)
    features = network.measure(training_set.images).numpy()
    how = {"n_estimators": len(network.feature), "learning_rate": 0.1, "max_depth": DEPTH}
    how |= {"subsample": 0.5, "max_features": "sqrt", "random_state": 0}
    phases = GradientBoostingClassifier(**how).fit(features, some.phases, training_set.draw_weights.numpy())
    contents = GradientBoostingRegressor(**how).fit(features, training_set.log2_dna.numpy())
    outputs = network(training_set.images)
    assert np.allclose(outputs.logits.softmax(1)[:, :n_phases], phases.predict_proba(features), atol=2e-5)
    assert np.allclose(outputs.log2_dna, contents.predict(features), atol=1e-5)


def test_it_learns_phases_and_dna_content(prepared: TrainingCells) -> None:
    training_set = training_set_of(prepared, QUICK)
    network, epochs = grown(training_set, QUICK)
    outputs = network(training_set.images)
    assert [done.epoch for done in epochs] == [1, 2, 3]
    assert epochs[-1].validation_accuracy > 0.9
    assert epochs[-1].training_loss < epochs[0].training_loss
    loss = torch.nn.functional.cross_entropy(outputs.logits[::3], training_set.phases[::3]).item()
    assert loss == pytest.approx(min(done.validation_loss for done in epochs), rel=1e-4)
    assert np.corrcoef(outputs.log2_dna, training_set.log2_dna)[0, 1] > 0.9


def test_same_seed_same_trees_and_another_seed_others(prepared: TrainingCells) -> None:
    training_set = training_set_of(prepared, QUICK)
    config = replace(QUICK, epochs=1)
    first, _ = grown(training_set, config)
    np.random.default_rng().random(3)
    torch.rand(3)
    again, _ = grown(training_set, config)
    other, _ = grown(training_set, replace(config, seed=1))
    assert torch.equal(first.threshold, again.threshold)
    assert not torch.equal(first.threshold, other.threshold)


def test_unstained_cells_leave_dna_content_unknown(prepared: TrainingCells) -> None:
    network, _ = grown(training_set_of(replace(prepared, stain=None), QUICK), replace(QUICK, epochs=1))
    assert network(torch.zeros(1, 2, 40, 40)).log2_dna is None


def test_cells_of_unknown_phase_teach_their_dna_content_only(prepared: TrainingCells) -> None:
    phases = np.where(np.arange(90) % 2, prepared.phases, UNKNOWN).astype(np.int8)
    network, _ = grown(training_set_of(replace(prepared, phases=phases), QUICK), replace(QUICK, epochs=1))
    outputs = network(training_set_of(prepared, QUICK).images[::2])
    assert np.corrcoef(outputs.log2_dna, prepared.phases[::2])[0, 1] > 0.9


def test_made_cells_change_no_phase_s_weight(prepared: TrainingCells) -> None:
    some = prepared.subset(np.r_[:70])  # the last phase is rarer
    rare = some.subset(np.r_[60:70, 60:70])
    made = replace(rare, stain=None, synthetic=np.ones(20, bool), positions=np.full(20, -1))
    plain, filled = training_set_of(some, QUICK), training_set_of(join_training([some, made]), QUICK)
    networks = [grown(training_set, replace(QUICK, epochs=1))[0] for training_set in (plain, filled)]
    assert QUICK.rare_phases > 0
    assert torch.allclose(networks[0].start, networks[1].start)
    accuracy = [(network(plain.images).logits.argmax(1) == plain.phases).double().mean() for network in networks]
    assert min(accuracy) > 0.9


def test_patience_and_stop_end_it_with_the_best_trees(prepared: TrainingCells) -> None:
    training_set = training_set_of(prepared, QUICK)
    _, epochs = grown(training_set, replace(QUICK, epochs=50, learning_rate=1.0, patience=2))
    assert len(epochs) < 50
    assert not any(done.is_best for done in epochs[-2:])
    network, epochs = grown(training_set, replace(QUICK, epochs=50), Hooks(stop=lambda: True))
    assert len(epochs) == 1
    assert len(network.feature) == TREES_PER_EPOCH


def test_closing_it_leaves_the_best_trees(prepared: TrainingCells) -> None:
    network, training_set = FeatureTrees(), training_set_of(prepared, QUICK)
    events = grow_trees(network, training_set, (training_set.images[:9], training_set.phases[:9]), QUICK)
    seen = [next(event for event in events if isinstance(event, EpochDone))]
    events.close()
    assert seen[0].is_best
    assert len(network.feature) == TREES_PER_EPOCH


def test_measuring_and_growing_are_told_as_progress(prepared: TrainingCells) -> None:
    network, training_set = FeatureTrees(), training_set_of(prepared, QUICK)
    events = list(grow_trees(network, training_set, (training_set.images[:9], training_set.phases[:9]), QUICK))
    progress = [event for event in events if isinstance(event, Progress)]
    assert [(event.done, event.total) for event in progress if event.what == "measuring cells"] == [(90, 90), (9, 9)]
    assert [event.done for event in progress if event.what == "growing trees"] == [1, 2, 3]


def test_trees_do_not_go_on_from_others(prepared: TrainingCells) -> None:
    training_set = training_set_of(prepared, QUICK)
    network, _ = grown(training_set, replace(QUICK, epochs=1))
    with pytest.raises(SettingError, match="train features without start-from"):
        next(grow_trees(network, training_set, (training_set.images, training_set.phases), QUICK))


def test_the_model_goes_through_the_same_jobs(plate: Path, tmp_path: Path) -> None:
    run = TrainSettings(model="features", device="cpu")
    model = result_of(train_files([plate], tmp_path / "trees", using(run, QUICK), ReadSettings()))
    assert pd.read_csv(tmp_path / "trees" / "log.csv")["epoch"].tolist() == [1, 2, 3]
    again = load_model(tmp_path / "trees")
    images = torch.rand(3, 2, 40, 40)
    assert torch.equal(again.network(images).logits, model.network(images).logits)
    found = result_of(
        classify_files([plate], tmp_path / "out", ClassifySettings(model=str(tmp_path / "trees")), ReadSettings())
    )
    assert (found.prediction.phases == found.cells.phases).mean() > 0.9
    assert np.isfinite(found.prediction.dna_content).all()


def test_damaged_trees_are_refused(plate: Path, tmp_path: Path) -> None:
    run = TrainSettings(model="features", device="cpu")
    result_of(train_files([plate], tmp_path / "trees", using(run, replace(QUICK, epochs=1)), ReadSettings()))
    tensors = load_file(tmp_path / "trees" / WEIGHTS)
    folder = shutil.copytree(tmp_path / "trees", tmp_path / "damaged")
    save_file({**tensors, "answer": tensors["answer"][:, :, :3].contiguous()}, folder / WEIGHTS)
    with pytest.raises(ModelError, match="does not fit the network of its card"):
        load_model(folder)
