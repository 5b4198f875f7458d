"""What a network looked at: integrated gradients add up, lie where the evidence is, and are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from made import made_pixels
from torch import Tensor

from napari_cellcycle.attribution import EXACT_WITHIN, attributions, integrated_gradients
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ModelError
from napari_cellcycle.images.attribution_picture import AGAINST, FOR, draw_attribution
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.models import Model, build
from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.store.models import load_model


@pytest.fixture
def cells() -> Cells:
    return read_cells(made_pixels(np.arange(12) % 3), channels=("brightfield", "darkfield", "dna"))


class _Corner(PhaseNetwork):
    """Its first logit is the sum of one corner of the first channel, squared; the second the opposite."""

    def forward(self, images: Tensor) -> Outputs:
        corner = images[:, 0, :3, :3].square().sum((1, 2))
        return Outputs(torch.stack([corner, -corner, *[torch.zeros_like(corner)] * 5], 1))


def test_gradients_of_a_formula_are_integrated_exactly() -> None:
    image = torch.arange(32.0).reshape(2, 4, 4)
    found = integrated_gradients(_Corner(), image, 0)
    expected = torch.zeros(2, 4, 4)
    expected[0, :3, :3] = image[0, :3, :3].square()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(integrated_gradients(_Corner(), image, 1), -expected)


def test_attributions_of_a_real_network_add_up_to_the_change_of_the_logit(
    cells: Cells, paired_model_folder: Path
) -> None:
    model = load_model(paired_model_folder)
    found = attributions(model, cells, [0, 5, 7])
    assert found.values.shape == found.images.shape == (3, 2, 40, 40)
    assert found.channels == ("brightfield", "darkfield")
    network = model.network.network  # the part that has gradients
    with torch.inference_mode():
        images = torch.from_numpy(found.images)
        ends = network(images).logits - network(torch.zeros_like(images[:1])).logits
        change = ends.gather(1, torch.from_numpy(found.phases.astype(np.int64))[:, None])[:, 0].numpy()
    np.testing.assert_allclose(found.values.sum((1, 2, 3)), change, rtol=1.5 * EXACT_WITHIN)
    assert not any(parameter.grad is not None for parameter in model.network.parameters())


def test_a_phase_can_be_asked_for(cells: Cells, model_folder: Path) -> None:
    model = load_model(model_folder)
    called = attributions(model, cells, [1])
    other = attributions(model, cells, [1], phase=(int(called.phases[0]) + 1) % 7)
    assert not np.allclose(called.values, other.values)


def test_trees_have_no_pixels_to_show(cells: Cells, model_folder: Path) -> None:
    card = load_model(model_folder).card
    with pytest.raises(ModelError, match="quick measures cells and compares the figures, so it looks at no pixels"):
        attributions(Model(build("features"), card), cells, [0])


def test_the_picture_shows_the_cell_and_what_speaks_for_and_against() -> None:
    image, values = np.zeros((2, 20, 20), np.float32), np.zeros((2, 20, 20), np.float32)
    image[0, 10, 10], image[1, 10, 10] = 1, 1
    values[0, 4:8, 4:8], values[1, 12:16, 12:16] = 1, -1
    picture = draw_attribution(image, values, ("brightfield", "darkfield"))
    assert picture.shape == (2, 20, 20, 3)
    assert picture.dtype == np.uint8
    assert np.ptp(picture[0, 0, 0]) <= 1  # grey where nothing was looked at
    assert picture[0, 0, 0, 0] > 100 > picture[1, 0, 0, 0]  # the background of brightfield is grey
    for channel, at, colour in ((0, 5, FOR), (1, 13, AGAINST)):
        difference = picture[channel, at, at].astype(int) - colour
        assert np.abs(difference).max() < 60
    blank = draw_attribution(np.zeros((1, 8, 8)), np.zeros((1, 8, 8)), ("darkfield",))
    assert not blank.any()
