"""Classifying: the same answer however it is asked, and bad cells apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import napari_cellcycle as cc
from napari_cellcycle.cells import Cells, Prediction, Unreadable
from napari_cellcycle.errors import ChannelError
from napari_cellcycle.events import Note, Progress, result_of
from napari_cellcycle.io.runs import load_model
from napari_cellcycle.models import Model
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.predict import classify, classify_cells


@pytest.fixture(scope="module")
def model(model_folder: Path) -> Model:
    return load_model(model_folder)


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
    events = list(classify_cells(model, torn, batch_size=16))
    calls = events[-1].result
    assert Note("cell 3 is torn") in events
    assert calls.phases[3] == UNKNOWN
    assert calls.unreadable == {3: "cell 3 is torn"}
    assert (np.delete(calls.phases, 3) != UNKNOWN).all()
    assert [event.done for event in events if isinstance(event, Progress)][-1] == len(cells)


def test_a_model_that_wants_other_channels_says_which(model: Model, cells: Cells) -> None:
    with pytest.raises(ChannelError, match="no darkfield; say which channel it is"):
        classify(cells.select_channels(["brightfield"]), model)
