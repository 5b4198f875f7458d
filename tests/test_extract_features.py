"""What a network tells phases from: given for each cell in order, and only by networks that tell it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made import recorded

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ChannelError, ModelError
from napari_cellcycle.events import Note, Progress, result_of
from napari_cellcycle.images.model_input import prepare
from napari_cellcycle.models import Model, build
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.predict import classify, extract_features
from napari_cellcycle.store.models import load_model


@pytest.fixture(scope="module")
def model(paired_model_folder: Path) -> Model:
    return load_model(paired_model_folder)


def test_features_are_those_that_the_network_itself_gives(model: Model, made_cells: Cells) -> None:
    found = result_of(extract_features(model, made_cells, device="cpu"))
    read = made_cells.select_channels(model.card.input.channels).read(range(len(made_cells)))
    images = prepare([cell for cell in read if isinstance(cell, CellImage)], model.card.input)
    with torch.inference_mode(), mixed_precision(torch.device("cpu")):
        asked = model.network(torch.from_numpy(images)).features
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, asked.float().numpy(), atol=0.05 * asked.abs().max().item())


def test_a_linear_step_from_them_gives_the_calls(model: Model, made_cells: Cells) -> None:
    network = model.network.network  # without the trees beside it
    alone = replace(model, network=network)
    found = torch.from_numpy(result_of(extract_features(alone, made_cells)))
    with torch.inference_mode():
        called = network.phase_head(found).argmax(1).numpy()
    assert (called == classify(made_cells, alone).best).mean() > 0.95  # bfloat16 may turn a close call


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batches_do_not_change_the_answer_nor_the_order(model: Model, made_cells: Cells, batch_size: int) -> None:
    whole = result_of(extract_features(model, made_cells))
    parts = result_of(extract_features(model, made_cells, batch_size=batch_size))
    np.testing.assert_allclose(parts, whole, atol=0.05 * np.abs(whole).max())
    assert not np.allclose(parts[:30], parts[60:], atol=0.05 * np.abs(whole).max())


class Torn:
    """The cells, all or some of them torn."""

    def __init__(self, cells: Cells, torn: set[int]) -> None:
        self.cells, self.torn = cells, torn

    def __len__(self) -> int:
        return len(self.cells)

    def read(self, indices):  # type: ignore[no-untyped-def]
        found = self.cells.read(indices)
        return [Unreadable(f"{i} is torn") if i in self.torn else cell for i, cell in zip(indices, found, strict=True)]


def test_unreadable_cells_are_nan_and_named(model: Model, made_cells: Cells) -> None:
    result, events = recorded(extract_features(model, replace(made_cells, images=Torn(made_cells, {3})), batch_size=16))
    assert Note("3 is torn") in events
    found, whole = result, result_of(extract_features(model, made_cells, batch_size=16))
    assert np.isnan(found[3]).all()
    np.testing.assert_allclose(np.delete(found, 3, 0), np.delete(whole, 3, 0), atol=0.05 * np.abs(whole).max())
    assert [event.done for event in events if isinstance(event, Progress)] == [16, 32, 48, 64, 80, 90]


def test_no_cell_that_can_be_read_gives_nan_alone(model: Model, made_cells: Cells) -> None:
    found = result_of(extract_features(model, replace(made_cells, images=Torn(made_cells, set(range(90))))))
    assert found.shape == result_of(extract_features(model, made_cells)).shape
    assert np.isnan(found).all()


def test_a_network_without_features_says_so_before_a_cell_is_read(model: Model, made_cells: Cells) -> None:
    silent = Model(build("eulenberg2017"), replace(model.card, name="silent", architecture="eulenberg2017"))
    with pytest.raises(ModelError, match=r"'silent' has no features .*; choose another one"):
        next(extract_features(silent, replace(made_cells, images=Torn(made_cells, set(range(90))))))


def test_a_missing_channel_is_named(model: Model, made_cells: Cells) -> None:
    with pytest.raises(ChannelError, match="no darkfield"):
        next(extract_features(model, made_cells.select_channels(["brightfield"])))
