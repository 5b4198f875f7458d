"""Layers of the plugin in a viewer, found by what they show: their names are for users."""

from __future__ import annotations

from typing import Any

from napari_cellcycle.gui.layers.source import role_of, source_of


def layers_showing(viewer: Any, role: str) -> list[Any]:
    """The layers of all data sets that show `role`, the oldest first."""
    return [layer for layer in viewer.layers if source_of(layer) is not None and role_of(layer) == role]


def layer_showing(viewer: Any, role: str) -> Any:
    """The newest of them."""
    return layers_showing(viewer, role)[-1]


def visible_roles(viewer: Any) -> list[str]:
    """What the layers of the plugin show that are visible, from below."""
    return [role_of(layer) for layer in viewer.layers if layer.visible and source_of(layer) is not None]
