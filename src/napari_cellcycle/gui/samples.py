"""Cells to try things on: File > Open Sample."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.events import result_of
from napari_cellcycle.gui.gallery import open_gallery
from napari_cellcycle.jobs.reading import ReadConfig

if TYPE_CHECKING:
    from napari_cellcycle.gui.layers import LayerData


def sample_path() -> Path:
    """The cells that come with the package; a generator made them."""
    return Path(str(files("napari_cellcycle") / "sample" / "jurkat_synthetic.ome.tif"))


def synthetic_jurkat() -> list[LayerData]:
    """About fifty synthetic Jurkat cells a phase, as a gallery."""
    layers: list[LayerData] = result_of(open_gallery([sample_path()], ReadConfig())).layers
    return layers
