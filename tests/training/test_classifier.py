"""Training: it learns, it repeats itself, it can be stopped, and it leaves the best weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from napari_cellcycle.cells import CellImage, CellImages, Cells, Unreadable
from napari_cellcycle.data import TrainingCells, g1_dna, prepare_cells
from napari_cellcycle.errors import ChannelError, ImageError
from napari_cellcycle.events import Note, result_of
from napari_cellcycle.models import build
from napari_cellcycle.training.augment import augment
from napari_cellcycle.training.classifier import EpochDone, Lessons, fit_scale, predict_logits, train_classifier
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import RECIPES

CPU = torch.device("cpu")
QUICK = TrainConfig(epochs=6, batch_size=32, averaging=0.5)


@pytest.fixture
def prepared(made_cells: Cells) -> TrainingCells:
    return result_of(prepare_cells(made_cells, RECIPES["default"].input))


@dataclass(frozen=True)
class Torn:
    """Images of which the first can't be read."""

    images: CellImages

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        found = self.images.read(indices)
        return [Unreadable("the file is torn") if i == 0 else cell for i, cell in zip(indices, found, strict=True)]


def run(cells: TrainingCells, config: TrainConfig) -> tuple[torch.nn.Module, list[EpochDone]]:
    torch.manual_seed(config.seed)
    network, scale = build("compact"), fit_scale(cells)
    lessons = Lessons.of(cells, scale, g1_dna(cells), config)
    validation = (lessons.images[::3], lessons.phases[::3])
    events = list(train_classifier(network, lessons, validation, config, CPU))
    return network, [event for event in events if isinstance(event, EpochDone)]


def test_it_learns_and_keeps_the_best_epoch(prepared: TrainingCells) -> None:
    network, epochs = run(prepared, replace(QUICK, epochs=12))
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
    lessons = Lessons.of(prepared, fit_scale(prepared), None, QUICK)
    events = train_classifier(network, lessons, (lessons.images[:8], lessons.phases[:8]), QUICK, CPU)
    next(events)
    events.close()
    assert not network.training
    assert all(torch.equal(values, fresh[name]) for name, values in network.state_dict().items())


def test_patience_ends_a_run_that_gets_no_better(prepared: TrainingCells) -> None:
    # a step size that destroys what was learnt
    _, epochs = run(prepared, replace(QUICK, epochs=40, learning_rate=1.0, warm_up=0.0, patience=3, averaging=0.0))
    assert len(epochs) < 40
    assert not any(done.is_best for done in epochs[-3:])


def test_cells_of_unknown_phase_are_taught_by_their_stain_only(prepared: TrainingCells) -> None:
    twice = prepared.subset(np.r_[: len(prepared), : len(prepared)])
    both = replace(twice, phases=np.r_[prepared.phases, np.full(len(prepared), -1, np.int8)])
    lessons = Lessons.of(both, fit_scale(both), g1_dna(both), QUICK)
    batch = lessons.batches(QUICK, torch.Generator())[0]
    assert (batch < len(prepared)).sum() == QUICK.batch_size
    assert (batch >= len(prepared)).sum() == QUICK.batch_size // 2


def test_rare_phases_are_drawn_more_often(prepared: TrainingCells) -> None:
    phases = np.where(np.arange(len(prepared)) < 81, 0, 1).astype(np.int8)  # 81 and 9
    lessons = Lessons.of(replace(prepared, phases=phases), fit_scale(prepared), None, replace(QUICK, rare_phases=0.5))
    drawn = torch.cat([torch.cat(lessons.batches(QUICK, torch.Generator().manual_seed(i))) for i in range(40)])
    share = float((lessons.phases[drawn] == 1).double().mean())
    assert share == pytest.approx(0.25, abs=0.02)  # 9 / sqrt(9) to 81 / sqrt(81), so 1 to 3


def test_dna_is_told_relative_to_g1(prepared: TrainingCells) -> None:
    lessons = Lessons.of(prepared, fit_scale(prepared), g1_dna(prepared), QUICK)
    contents = 2 ** lessons.log2_dna.numpy()
    medians = [float(np.median(contents[lessons.phases == phase])) for phase in (0, 1, 2)]
    assert medians[0] == pytest.approx(1, abs=1e-4)
    assert medians == sorted(medians)
    assert g1_dna(replace(prepared, stain=None)) is None


def test_augmentation_moves_image_and_stain_together_and_never_mirrors_left_and_right() -> None:
    config = TrainConfig(flips=True, rotation_degrees=0, shift=0)
    planes = torch.zeros(64, 2, 40, 40)
    planes[:, :, 5, 10] = 1  # above the middle, left of it
    moved = augment(planes, config, torch.Generator().manual_seed(0))
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
    events = list(prepare_cells(torn, RECIPES["default"].input))
    assert Note("the file is torn") in events
    assert events[-1].result.positions.tolist() == list(range(1, 90))
    with pytest.raises(ImageError, match="none of the cells could be read"):
        result_of(prepare_cells(torn.subset([0]), RECIPES["default"].input))
