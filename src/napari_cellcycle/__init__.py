"""Label-free cell-cycle phases of single cells, in napari and without.

Importing the package costs nothing: its functions, and what they need, are loaded at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cellcycle.evaluation.report import evaluate as evaluate
    from napari_cellcycle.io.inputs import read_cells as read_cells
    from napari_cellcycle.phases import Phase as Phase
    from napari_cellcycle.predict import classify as classify
    from napari_cellcycle.store.models import load_model as load_model

__version__ = "0.1.0"

_HOMES = {
    "Phase": "napari_cellcycle.phases",
    "classify": "napari_cellcycle.predict",
    "evaluate": "napari_cellcycle.evaluation.report",
    "load_model": "napari_cellcycle.store.models",
    "read_cells": "napari_cellcycle.io.inputs",
}
__all__ = ["Phase", "__version__", "classify", "evaluate", "load_model", "read_cells"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
