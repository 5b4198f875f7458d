"""Training: it learns, it repeats itself, it can be stopped, and it leaves the best weights."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from made import recorded

from napari_cellcycle.cell_images import CellImage, CellImages, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.training_cells import TrainingCells, g1_dna, prepare_cells
from napari_cellcycle.errors import ChannelError, ImageError, SettingError
from napari_cellcycle.events import Note, result_of
from napari_cellcycle.models import build
from napari_cellcycle.training import state as training_state
from napari_cellcycle.training.classifier import ClassifierState, EpochDone, predict_logits, train_classifier
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import RECIPES
from napari_cellcycle.training.state import Hooks
from napari_cellcycle.training.training_set import TrainingSet, fit_scale
from napari_cellcycle.training.transforms import random_affine

CPU = torch.device("cpu")
QUICK = TrainConfig(epochs=6, batch_size=32, averaging=0.5)


@dataclass(frozen=True)
class Torn:
    """Images of which the first can't be read."""

    images: CellImages

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        found = self.images.read(indices)
        return [Unreadable("the file is torn") if i == 0 else cell for i, cell in zip(indices, found, strict=True)]


def run(
    cells: TrainingCells, config: TrainConfig, architecture: str = "tiny"
) -> tuple[torch.nn.Module, list[EpochDone]]:
    torch.manual_seed(config.seed)
    network, scale = build(architecture), fit_scale(cells)
    training_set = TrainingSet.from_cells(cells, scale, g1_dna(cells), config)
    validation = (training_set.images[::3], training_set.phases[::3])
    events = list(train_classifier(network, training_set, validation, config, CPU))
    return network, [event for event in events if isinstance(event, EpochDone)]


def test_it_learns_and_keeps_the_best_epoch(prepared: TrainingCells) -> None:
    network, epochs = run(prepared, replace(QUICK, epochs=12), "compact")
    best = min(epochs, key=lambda done: done.validation_loss)
    assert best.validation_accuracy > 0.9
    assert [done.epoch for done in epochs if done.is_best][-1] == best.epoch
    logits = predict_logits(network, torch.from_numpy(prepared.images[::3] / fit_scale(prepared)[:, None, None]), CPU)
    kept = torch.nn.functional.cross_entropy(logits, torch.from_numpy(prepared.phases[::3].astype(np.int64))).item()
    assert kept == pytest.approx(best.validation_loss, rel=1e-3)
    assert not network.training


def test_same_seed_same_weights_and_another_seed_others(prepared: TrainingCells) -> None:
    first, _ = run(prepared, replace(QUICK, epochs=2))
    torch.rand(7)  # disturb the seed between the runs
    again, _ = run(prepared, replace(QUICK, epochs=2))
    other, _ = run(prepared, replace(QUICK, epochs=2, seed=1))
    pairs = zip(first.parameters(), again.parameters(), other.parameters(), strict=True)
    for one, same, different in pairs:
        assert torch.equal(one, same)
        if one.ndim > 1:
            assert not torch.equal(one, different)


def test_stopping_leaves_the_network_whole(prepared: TrainingCells) -> None:
    torch.manual_seed(0)
    network = build("compact")
    fresh = {name: values.clone() for name, values in network.state_dict().items()}
    training_set = TrainingSet.from_cells(prepared, fit_scale(prepared), None, QUICK)
    events = train_classifier(network, training_set, (training_set.images[:8], training_set.phases[:8]), QUICK, CPU)
    next(events)
    events.close()
    assert not network.training
    assert all(torch.equal(values, fresh[name]) for name, values in network.state_dict().items())


def test_a_stop_ends_the_epoch_and_keeps_what_is_best(prepared: TrainingCells) -> None:
    torch.manual_seed(0)
    network = build("tiny")
    training_set = TrainingSet.from_cells(prepared, fit_scale(prepared), None, QUICK)
    validation = (training_set.images[::3], training_set.phases[::3])
    asked = iter([False] * 7 + [True])
    events = list(train_classifier(network, training_set, validation, QUICK, CPU, Hooks(lambda: next(asked))))
    epochs = [event for event in events if isinstance(event, EpochDone)]
    assert [done.epoch for done in epochs] == [1, 2, 3]  # of three steps, the last cut short after two
    assert len(events) - len(epochs) == 8
    kept = torch.nn.functional.cross_entropy(predict_logits(network, validation[0], CPU), validation[1]).item()
    assert kept == pytest.approx(min(done.validation_loss for done in epochs), rel=1e-3)


@pytest.mark.parametrize("ending", ["done", "closed", "failed"])
def test_memory_is_given_back_however_it_ends(
    prepared: TrainingCells, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    given_back: list[torch.device] = []
    monkeypatch.setattr(training_state, "free_gpu_memory", given_back.append)
    network, states = build("compact"), list[weakref.ref[ClassifierState]]()
    training_set = TrainingSet.from_cells(prepared, fit_scale(prepared), None, QUICK)
    validation = (training_set.images[:8], training_set.phases[:8])
    hooks = Hooks(stop=lambda: ending == "failed" and 1 / 0 == 0, begin=lambda state: states.append(weakref.ref(state)))
    events = train_classifier(network, training_set, validation, replace(QUICK, epochs=1), CPU, hooks)
    if ending == "closed":
        next(events)
        events.close()
    else:
        with pytest.raises(ZeroDivisionError) if ending == "failed" else nullcontext():
            list(events)
    gc.collect()
    assert given_back == [CPU]
    assert [state() for state in states] == [None]
    assert all(weight.grad is None for weight in network.parameters())


def test_a_loss_that_is_no_number_is_one_sentence(prepared: TrainingCells) -> None:
    with pytest.raises(SettingError, match="not a number after any epoch; train with a lower learning-rate"):
        run(replace(prepared, images=np.full_like(prepared.images, np.nan)), replace(QUICK, epochs=1))


def test_patience_ends_a_run_that_gets_no_better(prepared: TrainingCells) -> None:
    # a step size that destroys what was learnt
    _, epochs = run(prepared, replace(QUICK, epochs=40, learning_rate=1.0, warm_up=0.0, patience=3, averaging=0.0))
    assert len(epochs) < 40
    assert not any(done.is_best for done in epochs[-3:])


def test_settings_reach_the_optimiser() -> None:
    network = build("compact")

    def optimiser(config: TrainConfig) -> torch.optim.Optimizer:
        return ClassifierState.begin(network, config, n_steps=1).optimiser

    sgd = optimiser(TrainConfig(optimiser="sgd", momentum=0.7, learning_rate=0.03, weight_decay=5e-4))
    assert type(sgd) is torch.optim.SGD
    settings = sgd.param_groups[0]
    assert (settings["momentum"], settings["lr"], settings["weight_decay"]) == (0.7, 0.03, 5e-4)
    assert type(optimiser(TrainConfig(optimiser="adam"))) is torch.optim.Adam
    assert type(optimiser(TrainConfig())) is torch.optim.AdamW
    assert len(sgd.param_groups[0]["params"]) == len(list(network.parameters()))
    with pytest.raises(SettingError, match="must be one of adamw, adam, sgd"):
        TrainConfig(optimiser="lion")


def test_it_learns_from_mixed_cells_too(prepared: TrainingCells) -> None:
    _, epochs = run(prepared, replace(QUICK, epochs=12, batch_size=8, mixup=0.4, learning_rate=0.03))
    assert max(done.validation_accuracy for done in epochs) > 0.9


def test_augmentation_moves_image_and_stain_together_and_never_mirrors_left_and_right() -> None:
    planes = torch.zeros(64, 2, 40, 40)
    planes[:, :, 5, 10] = 1  # above the middle, left of it
    moved = random_affine(planes, torch.Generator().manual_seed(0), flips=True, rotation_degrees=0, shift=0)
    assert torch.allclose(moved[:, 0], moved[:, 1])
    rows, columns = moved[:, 0].flatten(1).argmax(1) // 40, moved[:, 0].flatten(1).argmax(1) % 40
    assert set(rows.tolist()) == {5, 34}
    assert set(columns.tolist()) == {10}


def test_cells_that_cannot_be_read_are_left_out_and_missing_channels_named(made_cells: Cells) -> None:
    with pytest.raises(ChannelError, match="no darkfield"):
        result_of(prepare_cells(made_cells.select_channels(["brightfield"]), RECIPES["default"].input))
    plain = result_of(prepare_cells(made_cells.select_channels(["darkfield", "brightfield"]), RECIPES["default"].input))
    assert plain.stain is None
    torn = replace(made_cells, images=Torn(made_cells.images))
    result, events = recorded(prepare_cells(torn, RECIPES["default"].input))
    assert Note("the file is torn") in events
    assert result.positions.tolist() == list(range(1, 90))
    with pytest.raises(ImageError, match="none of the cells could be read"):
        result_of(prepare_cells(torn.subset([0]), RECIPES["default"].input))
