"""The only room that opens files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cellcycle.io.amnis import open_amnis as open_amnis
    from napari_cellcycle.io.channel_preview import propose_channels as propose_channels
    from napari_cellcycle.io.info import describe as describe
    from napari_cellcycle.io.inputs import read_cells as read_cells

_HOMES = {
    "describe": "napari_cellcycle.io.info",
    "open_amnis": "napari_cellcycle.io.amnis",
    "propose_channels": "napari_cellcycle.io.channel_preview",
    "read_cells": "napari_cellcycle.io.inputs",
}
__all__ = ["describe", "open_amnis", "propose_channels", "read_cells"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
