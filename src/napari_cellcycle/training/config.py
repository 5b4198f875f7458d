"""How a classifier is trained. The source of each model says what to set; `recipes` says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from napari_cellcycle.settings import Checked, setting
from napari_cellcycle.training.augment_options import parse_augment

OPTIMISERS = ("adamw", "adam", "sgd")
USUAL_AUGMENT = ("", "mixup", "undersample", "cellgan", "cellgan+mixup", "wgan-gp+undersample", "wgan-div+mixup")
USUAL_MIXUP = 0.2
"""Within the 0.1 to 0.4 that Zhang et al. 2018 advise."""
USUAL_NONLINEAR_MIXUP = 0.5


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
    augment: str = setting(
        "",
        "how cells are multiplied, words joined by +: flips, undersample, mixup, nonlinear-mixup, and one of wgan-gp, "
        "wgan-div, cellgan to fill rare phases with made cells; or only none; empty: as the model's source says",
        suggestions=USUAL_AUGMENT,
    )
    fill_to: int = setting(
        0,
        "cells that each rarer phase is filled up to with made ones, where augment names a generator; "
        "0: as many as the largest phase has, or the second largest with undersample",
        0,
        1_000_000,
        more=True,
    )
    generator: str = setting(
        "",
        "folder of a finished generator to make these cells with, instead of training one on the training cells",
        more=True,
    )
    gan_steps: int = setting(
        0,
        "updates of each generator that augment trains; 0: as its source says, which is days for wgan-gp and wgan-div",
        0,
        100_000_000,
        more=True,
    )
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
    nonlinear_mixup: float = setting(
        0.0,
        "share of the cells that are put together from two, top and bottom or left and right, and their phases by area",
        0,
        1,
        more=True,
    )
    dna_weight: float = setting(
        1.0, "weight of the DNA content as a second teacher, where cells are stained", 0, 100, more=True
    )
    stain_weight: float = setting(1.0, "weight of the stain's image as a third teacher", 0, 100, more=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_augment(self.augment)


def resolved(config: TrainConfig) -> TrainConfig:
    """`config` with the words of its `augment` put into the settings that they stand for.

    Words add to what the recipe or the user has set, but for ``none``, which takes all of it away, and ``flips``, which
    takes turns and gain away. A second time changes nothing.
    """
    words = parse_augment(config.augment)
    changes: dict[str, Any] = {}
    if words.none:
        changes = {"undersample": False, "mixup": 0.0, "nonlinear_mixup": 0.0}
    if words.none or words.flips:
        shift = TrainConfig.shift if words.flips else 0.0
        changes |= {"flips": words.flips, "shift": shift, "rotation_degrees": 0.0, "gain": 0.0}
    if words.undersample:
        changes["undersample"] = True
    if words.mixup:
        changes["mixup"] = config.mixup or USUAL_MIXUP
    if words.nonlinear_mixup:
        changes["nonlinear_mixup"] = config.nonlinear_mixup or USUAL_NONLINEAR_MIXUP
    return replace(config, **changes)


# With few cells there are too few beside them to tell the best epoch by, so steps are small enough to do no harm
FINE_TUNING = TrainConfig(epochs=30, batch_size=32, learning_rate=1e-4)
"""For a model that goes on from another one with cells of its own, be they few; see docs/training.md."""
