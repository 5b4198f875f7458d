"""How a classifier is trained. The source of each model says what to set; `recipes` says so."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cellcycle.settings import Checked, setting

OPTIMISERS = ("adamw", "adam", "sgd")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Checked):
    """How a classifier is trained. The same lines feed the check, the form and the command line."""

    epochs: int = setting(80, "most passes over the training cells", 1, 10_000)
    batch_size: int = setting(128, "cells per step", 2, 4096, more=True)
    learning_rate: float = setting(2e-3, "highest step size of the optimiser", 1e-7, 1)
    seed: int = setting(0, "same seed, same data, same machine: same weights", 0, 2**31 - 1)
    patience: int = setting(80, "stop after this many epochs without a better validation loss", 1, 10_000, more=True)
    validation_fraction: float = setting(
        0.1, "share of the training cells kept aside to choose the best epoch", 0.01, 0.5, more=True
    )
    rare_phases: float = setting(
        0.5, "draw rare phases more often: 0 as they are, 1 all phases equally often", 0, 1, more=True
    )
    undersample: bool = setting(
        False, "draw the largest phase from no more cells than the second largest has", more=True
    )
    optimiser: str = setting("adamw", "how a step follows from the gradient", choices=OPTIMISERS, more=True)
    momentum: float = setting(0.9, "share of the last step that goes into the next one, with sgd", 0, 0.999, more=True)
    weight_decay: float = setting(0.05, "pull of the weights towards zero", 0, 10, more=True)
    warm_up: float = setting(0.1, "share of the steps in which the step size grows", 0, 1, more=True)
    cosine: bool = setting(True, "let the step size fall to zero along a cosine", more=True)
    averaging: float = setting(
        0.98, "share of the running average that each step keeps (0: no averaging)", 0, 0.99999, more=True
    )
    label_smoothing: float = setting(0.05, "share of truth given to all phases alike", 0, 0.5, more=True)
    flips: bool = setting(
        True, "show cells upside down too; light comes from the side, so left and right stay", more=True
    )
    rotation_degrees: float = setting(30, "turn cells by up to this angle", 0, 180, more=True)
    shift: float = setting(0.08, "shift cells by up to this share of the crop", 0, 0.5, more=True)
    gain: float = setting(0.1, "change each channel's contrast by up to this share", 0, 0.9, more=True)
    mixup: float = setting(
        0.0,
        "blend cells in pairs, and their phases alike, by shares from Beta(mixup, mixup); 0: never",
        0,
        10,
        more=True,
    )
    dna_weight: float = setting(
        1.0, "weight of the DNA content as a second teacher, where cells are stained", 0, 100, more=True
    )
    stain_weight: float = setting(1.0, "weight of the stain's image as a third teacher", 0, 100, more=True)


# With few cells there are too few beside them to tell the best epoch by, so steps are small enough to do no harm
FINE_TUNING = TrainConfig(epochs=30, batch_size=32, learning_rate=1e-4)
"""For a model that goes on from another one with cells of its own, be they few; see docs/training.md."""
