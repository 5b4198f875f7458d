"""Classifying: the same answer however it is asked, and bad cells apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made import made_pixels, recorded

import napari_cellcycle as cc
from napari_cellcycle.cell_images import ArrayImages, CellImage, Unreadable
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.errors import ChannelError
from napari_cellcycle.events import Note, Progress, result_of
from napari_cellcycle.images.model_input import prepare
from napari_cellcycle.jobs.classify import summarise
from napari_cellcycle.models import Model
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.models.out_of_distribution import descriptors, fit_detector
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.predict import classify, classify_cells, unfamiliar_warning
from napari_cellcycle.store.models import load_model, save_model


@pytest.fixture(scope="module")
def model(paired_model_folder: Path) -> Model:
    return load_model(paired_model_folder)


@pytest.fixture(scope="module")
def cells(plate: Path) -> Cells:
    return cc.read_cells(plate)


def test_it_calls_cells_it_can_tell(model: Model, cells: Cells) -> None:
    calls = classify(cells, model)
    assert (calls.phases == cells.phases).mean() > 0.9
    np.testing.assert_allclose(calls.probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batches_do_not_change_the_answer(model: Model, cells: Cells, batch_size: int) -> None:
    whole = classify(cells, model).probabilities
    parts: Prediction = result_of(classify_cells(model, cells, batch_size=batch_size))
    np.testing.assert_allclose(parts.probabilities, whole, atol=0.02)  # bfloat16 rounds batches differently


def test_order_of_cells_is_kept(model: Model, cells: Cells) -> None:
    order = np.random.default_rng(0).permutation(len(cells))
    shuffled = classify(cells.subset(order), model)
    np.testing.assert_allclose(shuffled.probabilities, classify(cells, model).probabilities[order], atol=0.02)
    assert shuffled.ids.tolist() == cells.ids[order].tolist()


def test_order_of_channels_in_the_file_does_not_matter(model: Model, cells: Cells) -> None:
    turned = cells.select_channels(["dna", "darkfield", "brightfield"])
    np.testing.assert_array_equal(classify(turned, model).probabilities, classify(cells, model).probabilities)


def test_temperature_softens_and_changes_no_call(model: Model, cells: Cells) -> None:
    cold = Model(model.network, replace(model.card, temperature=0.5))
    hot = Model(model.network, replace(model.card, temperature=5.0))
    assert (classify(cells, cold).best == classify(cells, hot).best).all()
    assert (classify(cells, cold).confidence >= classify(cells, hot).confidence).all()


@dataclass(frozen=True)
class OneTorn:
    cells: Cells

    def __len__(self) -> int:
        return len(self.cells)

    def read(self, indices):  # type: ignore[no-untyped-def]
        found = self.cells.read(indices)
        return [Unreadable("cell 3 is torn") if i == 3 else cell for i, cell in zip(indices, found, strict=True)]


def test_one_bad_cell_is_named_and_the_rest_go_on(model: Model, cells: Cells) -> None:
    torn = replace(cells, images=OneTorn(cells))
    result, events = recorded(classify_cells(model, torn, batch_size=16))
    calls = result
    assert Note("cell 3 is torn") in events
    assert calls.phases[3] == UNKNOWN
    assert calls.unreadable == {3: "cell 3 is torn"}
    assert (np.delete(calls.phases, 3) != UNKNOWN).all()
    assert [event.done for event in events if isinstance(event, Progress)][-1] == len(cells)


def test_a_model_that_wants_other_channels_says_which(model: Model, cells: Cells) -> None:
    with pytest.raises(ChannelError, match="no darkfield; give the images of that channel too"):
        classify(cells.select_channels(["brightfield"]), model)


def test_another_model_stands_in_where_a_channel_is_missing_and_the_user_is_told(
    cells: Cells, both_model_folder: Path, brightfield_model_folder: Path
) -> None:
    both, bright = load_model(both_model_folder), load_model(brightfield_model_folder)
    with pytest.warns(
        UserWarning, match=r"no darkfield, so .*'bright' is used instead of 'both'.* 0\.70 instead of 0\.80"
    ):
        calls = classify(cells.select_channels(["brightfield"]), both)
    asked = classify(cells, bright)
    np.testing.assert_array_equal(calls.probabilities, asked.probabilities)
    assert not np.allclose(classify(cells, both).probabilities, asked.probabilities)
    with pytest.raises(ChannelError, match="no brightfield"):
        classify(cells.select_channels(["darkfield"]), both)


def test_unfamiliar_cells_are_flagged_and_told_and_keep_their_calls(model: Model, cells: Cells, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    known = [Cells.build(ArrayImages(made_pixels(cells.phases, seed)), CHANNELS, "made") for seed in (0, 1)]
    familiarity = fit_detector(_described(model, known[0]), cells.phases, _described(model, known[1]))
    save_model(replace(model, familiarity=familiarity), tmp_path / "knowing", np.zeros((0, 4), np.uint64))
    knowing = load_model(tmp_path / "knowing")
    pixels = made_pixels(cells.phases, seed=2)
    pixels[30:] = random.permuted(pixels[30:].reshape(60, 3, -1), axis=2).reshape(60, 3, 40, 40)
    some = Cells.build(ArrayImages(pixels), CHANNELS, "made")
    calls, told = recorded(classify_cells(knowing, some))
    assert calls.unfamiliar is not None
    assert calls.unfamiliar[30:].all()
    assert calls.unfamiliar[:30].mean() < 0.2
    assert any("of 90 cells are unlike the cells that the model was trained on" in getattr(e, "text", "") for e in told)
    np.testing.assert_array_equal(calls.phases, classify(some, model).phases)
    assert calls.to_table()["unfamiliar"].tolist() == calls.unfamiliar.tolist()
    assert summarise(calls, knowing.card, {})["n_unfamiliar"] == calls.unfamiliar.sum()
    assert unfamiliar_warning(replace(calls, verdict=None, unfamiliar=np.arange(90) < 9)) == ""
    assert unfamiliar_warning(replace(calls, verdict=None, unfamiliar=np.arange(90) < 10)).startswith(
        "10 of 90 cells are unlike"
    )


def test_a_model_that_keeps_no_record_of_its_cells_flags_nothing(model: Model, cells: Cells) -> None:
    calls = classify(cells, model)
    assert calls.unfamiliar is None
    assert calls.to_table()["unfamiliar"].isna().all()
    assert summarise(calls, model.card, {})["n_unfamiliar"] is None


CHANNELS = ("brightfield", "darkfield", "dna")


@torch.inference_mode()
def _described(model: Model, cells: Cells) -> torch.Tensor:
    read = cells.select_channels(model.card.input.channels).read(range(len(cells)))
    images = torch.from_numpy(prepare([cell for cell in read if isinstance(cell, CellImage)], model.card.input))
    with mixed_precision(images.device):
        return descriptors(images, model.network(images).features)
