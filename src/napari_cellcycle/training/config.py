"""How a classifier is trained. The source of each model says what to set; `recipes` says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from napari_cellcycle.settings_base import Settings, more, setting
from napari_cellcycle.training.augment_flag import NO_WORDS, AugmentWords

OPTIMISERS = ("adamw", "adam", "sgd")
USUAL_AUGMENT = ("", "mixup", "undersample", "cellgan", "cellgan+mixup", "wgan-gp+undersample", "wgan-div+mixup")
_AUGMENT = (
    "how cells are multiplied, words joined by +: flips, undersample, mixup, nonlinear-mixup, and one of wgan-gp, "
    "wgan-div, cellgan to fill rare phases with synthetic cells; or only none; empty: as in the model's source"
)
USUAL_MIXUP = 0.2
"""Within the 0.1 to 0.4 that Zhang et al. 2018 advise."""
USUAL_NONLINEAR_MIXUP = 0.5


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Settings):
    """How a classifier is trained."""

    epochs: Annotated[int, setting("highest number of passes over the training cells", 1, 10_000)] = 80
    batch_size: Annotated[int, more("cells per step", 2, 4096)] = 128
    learning_rate: Annotated[float, setting("highest step size of the optimiser", 1e-7, 1)] = 2e-3
    seed: Annotated[int, setting("the same seed, data and machine give the same weights", 0, 2**31 - 1)] = 0
    patience: Annotated[int, more("stop after this many epochs without a lower validation loss", 1, 10_000)] = 80
    validation_fraction: Annotated[float, more("share of cells held back to choose the best epoch", 0.01, 0.5)] = 0.1
    rare_phases: Annotated[float, more("draw rare phases more often: 0 as they are, 1 all equally often", 0, 1)] = 0.5
    undersample: Annotated[bool, more("draw the largest phase from no more cells than the second largest has")] = False
    optimiser: Annotated[str, more("how a step is computed from the gradient", choices=OPTIMISERS)] = "adamw"
    momentum: Annotated[float, more("share of the last step that goes into the next one, with sgd", 0, 0.999)] = 0.9
    weight_decay: Annotated[float, more("pull of the weights towards zero", 0, 10)] = 0.05
    warm_up: Annotated[float, more("share of the steps in which the step size grows", 0, 1)] = 0.1
    cosine: Annotated[bool, more("let the step size fall to zero along a cosine")] = True
    averaging: Annotated[
        float,
        more("share of the running average that each step keeps; 0: none", 0, 0.99999, title="Mean of weights"),
    ] = 0.98
    label_smoothing: Annotated[float, more("share of each cell's label that is spread over all phases", 0, 0.5)] = 0.05
    augment: Annotated[AugmentWords, setting(_AUGMENT, suggestions=USUAL_AUGMENT)] = NO_WORDS
    fill_to: Annotated[
        int,
        more(
            "synthetic and real cells of a rarer phase; 0: as in the largest (undersample: second) phase",
            0,
            1_000_000,
            title="Cells per phase",
        ),
    ] = 0
    generator: Annotated[str, more("name or folder of a finished generator for these cells; empty: train one")] = ""
    gan_steps: Annotated[
        int, more("updates of each generator; 0: as in its source, for days with wgan-gp and wgan-div", 0, 100_000_000)
    ] = 0
    flips: Annotated[bool, more("show cells upside down too, but never left to right: light comes from the side")] = (
        True
    )
    rotation_degrees: Annotated[float, more("turn cells by up to this angle", 0, 180)] = 30.0
    shift: Annotated[float, more("shift cells by up to this share of the crop", 0, 0.5)] = 0.08
    gain: Annotated[float, more("change each channel's contrast by up to this share", 0, 0.9)] = 0.1
    mixup: Annotated[float, more("blend cells and phases in pairs, by Beta(mixup, mixup); 0: never", 0, 10)] = 0.0
    nonlinear_mixup: Annotated[float, more("share of the cells that are put together from halves of two", 0, 1)] = 0.0
    dna_weight: Annotated[float, more("weight of the DNA content as a second target of training", 0, 100)] = 1.0
    stain_weight: Annotated[float, more("weight of the stain's image as a third target of training", 0, 100)] = 1.0


def resolved(config: TrainConfig) -> TrainConfig:
    """Return `config` with the words of its `augment` put into the settings that they stand for.

    Words add to what the recipe or the user has set, but for ``none``, which takes all of it away, and ``flips``, which
    takes rotation and gain away. A second time changes nothing.
    """
    words, changes = config.augment, dict[str, Any]()
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


# With few cells there are too few validation cells to tell the best epoch, so steps are small enough to do no harm
FINE_TUNING = TrainConfig(epochs=30, batch_size=32, learning_rate=1e-4)
"""For a model that is trained further from another one, even on few cells; see docs/training.md."""
