"""What layers know of their cells, and what colours say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer

from napari_cellcycle.cells import Prediction
from napari_cellcycle.gui.layers.phase_layer import hidden_phases, phase_colormap, phase_layer, phase_numbers
from napari_cellcycle.gui.layers.phase_table import prediction_of, result_table, truth_of
from napari_cellcycle.gui.layers.source import KEY, GallerySource, find_layer, role_of, source_of
from napari_cellcycle.gui.layers.status_bar import describe_in_status_bar
from napari_cellcycle.phase_sets import SEVEN
from napari_cellcycle.phases import COLOURS, N_PHASES, UNKNOWN, UNSURE, UNSURE_COLOUR

N_CELLS = 10
SOURCE = GallerySource(
    group="a",
    title="plate",
    paths=["plate"],
    reading={"channels": "", "layout": "auto", "labels": "", "pixel_size_um": None},
    n_cells=N_CELLS,
    n_shown=N_CELLS,
    n_synthetic=0,
    phase_counts=[1, 2, 0, 0, 0, 0, 0],
    tile_px=20,
    columns=4,
)


@pytest.fixture
def prediction() -> Prediction:
    """Every phase once, then an unsure cell, an unreadable one, and another G1."""
    chances = np.full((N_CELLS, N_PHASES), 0.02, np.float32)
    chances[np.arange(7), np.arange(7)] = 0.88
    chances[7] = 1 / N_PHASES
    chances[8] = np.nan
    chances[9, 0] = 0.88
    return Prediction(
        sources=np.array([f"file{number // 5}.tif" for number in range(N_CELLS)]),
        ids=np.arange(N_CELLS) % 5,
        probabilities=chances,
        dna_content=np.linspace(2, 4, N_CELLS).astype(np.float32),
        min_probability=0.5,
        unreadable={8: "damaged"},
    )


@pytest.fixture
def layer(prediction) -> Labels:
    truth = np.full(N_CELLS, UNKNOWN, np.int8)
    truth[:3] = [0, 1, 1]
    picture = SOURCE.grid.draw_outlines(phase_numbers(prediction.phases))
    table = result_table(prediction, truth, np.zeros(N_CELLS, bool))
    return Layer.create(*phase_layer(picture, table, SOURCE, model="default", min_probability=0.5))


def status_at(layer, cell: int) -> str:
    top, left, bottom, right = SOURCE.grid.box([cell])
    position = ((top + bottom) / 2, (left + right) / 2)
    status = layer.get_status(position, view_direction=None, dims_displayed=[0, 1], world=True)
    return status["coordinates"]


def test_what_a_layer_knows_survives_any_writer_that_keeps_plain_metadata(layer) -> None:
    again = Labels(layer.data, features=layer.features, metadata=json.loads(json.dumps(layer.metadata)))
    assert source_of(again) == SOURCE
    assert role_of(again) == "phase"
    assert find_layer([layer, again], "a", "phase") is again
    assert find_layer([layer], "b", "phase") is None


def test_layers_of_others_are_left_alone() -> None:
    assert source_of(Image(np.zeros((2, 2)))) is None
    assert source_of(Image(np.zeros((2, 2)), metadata={KEY: {"kind": "of a later version"}})) is None


def test_the_phase_picture_holds_phase_numbers_as_bytes(layer) -> None:
    assert layer.data.dtype == np.uint8
    assert set(np.unique(layer.data)) == {0, 1, 2, 3, 4, 5, 6, 7, 8}


def test_each_phase_has_its_colour_and_hidden_ones_none(layer) -> None:
    wanted = [*COLOURS.values(), UNSURE_COLOUR]
    for number, colour in enumerate(wanted):
        red_green_blue = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        np.testing.assert_allclose(layer.get_color(number + 1), [*red_green_blue, 1], atol=1e-6)
    layer.colormap = phase_colormap(SEVEN, {0, UNSURE})
    assert layer.get_color(1)[3] == layer.get_color(UNSURE + 1)[3] == 0
    assert layer.colormap.map(np.uint8(0))[3] == 0
    assert hidden_phases(layer) == {0, UNSURE}


def test_the_prediction_comes_back_out_of_the_table(layer, prediction) -> None:
    again = prediction_of(layer)
    np.testing.assert_array_equal(again.phases, prediction.phases)
    np.testing.assert_allclose(again.probabilities, prediction.probabilities, rtol=1e-6)
    np.testing.assert_array_equal(again.sources, prediction.sources)
    np.testing.assert_array_equal(again.ids, prediction.ids)
    assert truth_of(layer).tolist() == [0, 1, 1] + [UNKNOWN] * 7


def test_the_status_bar_tells_the_cell_under_the_cursor_and_not_the_number_of_its_colour(layer) -> None:
    describe_in_status_bar(layer, SOURCE.grid, layer.features)
    assert status_at(layer, 1) == (
        "file0.tif cell 1, S (S 88%, G1 2%, G2 2%, Prophase 2%, Metaphase 2%, Anaphase 2%, Telophase 2%), "
        "DNA 2.2 C, truth S"
    )
    assert status_at(layer, 7).startswith("file1.tif cell 2, unsure (")
    assert status_at(layer, 8) == "file1.tif cell 3: could not be read"


def test_beside_the_cells_it_tells_no_cell(layer) -> None:
    describe_in_status_bar(layer, SOURCE.grid, layer.features)
    height, width = layer.data.shape
    for position in ((height - 3, width - 3), (1000, 1000)):  # the place after the last cell, and far away
        status = layer.get_status(position, view_direction=None, dims_displayed=[0, 1], world=True)
        assert "cell" not in status["coordinates"]


def test_the_cell_is_told_in_micrometres_too(layer) -> None:
    layer.scale = (0.5, 0.5)
    describe_in_status_bar(layer, SOURCE.grid, layer.features)
    top, left, *_ = SOURCE.grid.box([6])
    status = layer.get_status(((top + 5) / 2, (left + 5) / 2), view_direction=None, dims_displayed=[0, 1], world=True)
    assert status["value"].startswith("file1.tif cell 1, Telophase")
