"""Label-free cell-cycle phases of single cells, in napari and without.

>>> import napari_cellcycle as cc
>>> cells = cc.read_cells("plate/")                 # doctest: +SKIP
>>> calls = cc.classify(cells, "default")           # doctest: +SKIP
>>> calls.to_table().to_csv("phases.csv")           # doctest: +SKIP
>>> print(cc.evaluate(calls, cells))                # doctest: +SKIP
>>> model = cc.train(cells, "my_model")             # doctest: +SKIP

Importing the package costs nothing: its functions, and what they need, are loaded at first use.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_cellcycle.api import label_by_stain, populations, read_cells, train, train_finder
    from napari_cellcycle.cells import Cell, Cells, Prediction
    from napari_cellcycle.errors import (
        CellCycleError,
        CellCycleWarning,
        ChannelError,
        ImageError,
        ModelError,
        ReadError,
        SettingError,
        StoppedError,
        TooFewCellsError,
        WriteError,
    )
    from napari_cellcycle.evaluation.report import Report, evaluate
    from napari_cellcycle.models import Model
    from napari_cellcycle.phases import Phase
    from napari_cellcycle.predict import classify
    from napari_cellcycle.stain.result import StainLabels
    from napari_cellcycle.store.finders import load_finder
    from napari_cellcycle.store.models import list_models, load_model
    from napari_cellcycle.tracking.decode import decode_tracks

__version__ = "0.2.0.dev0"

# Threads of torch sleep while they wait for one another. Otherwise they keep their cores busy, and next to other
# programs everything takes several times longer. OpenMP reads it once, when torch is loaded.
# What a user has set is kept.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = [
    "Cell",
    "CellCycleError",
    "CellCycleWarning",
    "Cells",
    "ChannelError",
    "ImageError",
    "Model",
    "ModelError",
    "Phase",
    "PhaseSet",
    "Prediction",
    "ReadError",
    "Report",
    "SettingError",
    "StainLabels",
    "StoppedError",
    "TooFewCellsError",
    "WriteError",
    "__version__",
    "classify",
    "decode_tracks",
    "evaluate",
    "label_by_stain",
    "list_models",
    "load_finder",
    "load_model",
    "phase_set",
    "populations",
    "read_cells",
    "train",
    "train_finder",
]

_HOMES = {
    "api": ("label_by_stain", "populations", "read_cells", "train", "train_finder"),
    "cells": ("Cell", "Cells", "Prediction"),
    "evaluation.report": ("Report", "evaluate"),
    "models": ("Model",),
    "phase_sets": ("PhaseSet", "phase_set"),
    "phases": ("Phase",),
    "predict": ("classify",),
    "stain.result": ("StainLabels",),
    "store.finders": ("load_finder",),
    "store.models": ("list_models", "load_model"),
    "tracking.decode": ("decode_tracks",),
}
"""Modules, and the names that they give; those that none gives are errors and warnings."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "errors")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
