"""napari's writers: layers that open again as they were, and drawings. napari calls them from File > Save."""

from __future__ import annotations

from pathlib import Path

from napari_cellcycle.gui.layers.gallery_layers import LayerData
from napari_cellcycle.gui.layers.layers_svg import save_svg
from napari_cellcycle.gui.layers.saved_layers import save_layers


def write_layers(path: str, layers: list[LayerData]) -> list[str]:
    """Save layers in one file that our reader opens again."""
    return [str(save_layers(Path(path), layers))]


def write_svg(path: str, layers: list[LayerData]) -> list[str]:
    """Draw layers as SVG."""
    return [str(save_svg(Path(path), layers))]
