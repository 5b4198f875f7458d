"""Files become gallery layers, and layers find their cells again."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile
from made import finished_job
from shown import layer_showing

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ReadError
from napari_cellcycle.events import result_of
from napari_cellcycle.gui.layers.field import label_layers
from napari_cellcycle.gui.layers.gallery import (
    list_galleries,
    open_gallery,
    preview_channels,
    reread_cells,
    show_gallery,
)
from napari_cellcycle.gui.layers.source import source_of
from napari_cellcycle.images.tile_grid import GAP_PX
from napari_cellcycle.jobs.config import ReadSettings


def run(generator) -> object:
    """The value that a generator returns."""
    try:
        while True:
            next(generator)
    except StopIteration as stop:
        return stop.value


def test_one_layer_a_channel_with_the_brightfield_on_top_and_alone_visible(viewer, gallery) -> None:
    title = gallery.source.title
    assert {layer.name for layer in viewer.layers} == {
        f"{role} - {title}" for role in ("brightfield", "darkfield", "dna")
    }
    assert [layer.name for layer in viewer.layers if layer.visible] == [f"brightfield - {title}"]
    assert viewer.layers[-1].name == f"brightfield - {title}"
    assert gallery.source.n_known == gallery.source.n_cells == 90
    assert gallery.source.phase_counts == [30, 30, 30, 0, 0, 0, 0]


def test_tiles_hold_the_raw_pixels_of_the_files(viewer, gallery, plate) -> None:
    first = tifffile.imread(plate / "G1" / "cells_Ch6.tif")[0]
    grid = gallery.source.grid
    top, left, *_ = grid.box([0])
    tile = layer_showing(viewer, "darkfield").data[top + GAP_PX :, left + GAP_PX :][: grid.tile_px, : grid.tile_px]
    np.testing.assert_array_equal(tile, first)


def test_masks_are_a_hidden_label_layer_on_top_of_the_gallery(viewer, monkeypatch) -> None:
    masks = np.zeros((3, 12, 12), bool)
    masks[:, 3:9, 4:8] = True
    images = ArrayImages(np.full((3, 1, 12, 12), 700, np.uint16), masks)
    cells = Cells.build(images, ["brightfield"], "run.cif", pixel_size_um=0.5)
    monkeypatch.setattr("napari_cellcycle.gui.layers.gallery.open_cells", lambda *_args, **_how: finished_job(cells))
    opened = result_of(open_gallery(["run.cif"], ReadSettings()))
    show_gallery(viewer, opened)
    layer = viewer.layers[-1]
    assert (layer.name, layer.visible) == ("mask - run", False)
    assert np.bincount(layer.data.ravel())[1:].tolist() == [24, 24, 24]
    assert [opened.source.grid.cell_at(*np.argwhere(layer.data == number)[0]) for number in (1, 2, 3)] == [0, 1, 2]
    assert layer.scale.tolist() == [0.5, 0.5]
    assert {tuple(layer.get_color(number)) for number in (1, 2, 3)} == {(1, 1, 1, 1)}  # as no phase is
    assert label_layers(viewer) == []  # it is no full-field image's


def test_a_new_gallery_hides_the_old_one_which_lies_at_the_same_place(viewer, gallery, plate) -> None:
    show_gallery(viewer, result_of(open_gallery([plate / "G1"], ReadSettings())))
    assert [layer.name for layer in viewer.layers if layer.visible] == ["brightfield - G1"]
    assert [source.n_cells for source in list_galleries(viewer.layers)] == [30, 90]


def test_a_layer_finds_its_cells_again(viewer, gallery) -> None:
    cells = run(reread_cells(source_of(viewer.layers[0])))
    assert len(cells) == 90
    assert set(cells.channels) == {"brightfield", "darkfield", "dna"}


def test_files_that_changed_meanwhile_are_not_mistaken_for_the_gallery(plate, tmp_path) -> None:
    folder = tmp_path / "plate"
    shutil.copytree(plate, folder)
    source = result_of(open_gallery([folder], ReadSettings())).source
    shutil.rmtree(folder / "S")
    with pytest.raises(ReadError, match="held 90 cells when the gallery was made and holds 60 now; open it again"):
        run(reread_cells(source))


def test_a_gallery_that_shows_only_the_first_cells_says_so(plate) -> None:
    opened = result_of(open_gallery([plate], ReadSettings(), max_shown=40))
    assert (opened.source.n_shown, opened.source.n_cells) == (40, 90)
    assert "the layers show the first 40 of 90 cells; the dock Gallery shows all" in opened.notes


def test_a_preview_names_each_channel_and_shows_it(plate) -> None:
    preview = result_of(preview_channels([plate], ReadSettings()))
    assert {channel.name: channel.role for channel in preview.channels} == {
        "Ch3": "brightfield",
        "Ch4": "dna",
        "Ch6": "darkfield",
    }
    assert all(channel.picture.dtype == np.uint8 and channel.picture.max() == 255 for channel in preview.channels)
    assert not any("--" in note for note in preview.notes)  # flags are for commands
