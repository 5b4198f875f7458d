"""The settings of every job; cheap to import, as forms and the command line are made of them."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cellcycle.errors import SettingError
from napari_cellcycle.io.names import LAYOUTS
from napari_cellcycle.settings import Checked, setting
from napari_cellcycle.training.config import FINE_TUNING, TrainConfig
from napari_cellcycle.training.gan.config import METHODS
from napari_cellcycle.training.recipes import RECIPES, recipe_called

MAX_SYNTHETIC = 1_000_000
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, kw_only=True)
class ClassifyConfig(Checked):
    """How cells are classified."""

    model: str = setting("default", "name of a model that came with the package, or a folder written by train")
    device: str = setting("auto", "where to compute; auto takes a GPU where there is one", choices=DEVICES)
    min_probability: float = setting(0.0, "call cells unsure whose best phase is less probable than this", 0, 1)
    batch_size: int = setting(256, "cells at a time; less takes less memory", 1, 65_536, more=True)


CLEAN, SEED = "clean", "seed"


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Checked):
    """How a model, or a way of training, is tested."""

    model: str = setting("default", "model to test, or several as in default,duque2024; with cv, kinds of networks")
    cv: int = setting(0, "train and test by so many folds; 0 tests a finished model", 0, 100)
    protocol: str = setting(
        CLEAN,
        "with cv: clean, or seed, which repeats how Duque-Vazquez et al. measured and estimates nothing",
        choices=(CLEAN, SEED),
    )
    group_by: str = setting("", "keep cells together in a fold: file, folder, folder1, folder2, ...", more=True)
    prevalence: str = setting("", "give figures at these shares too: bbbc048, or G1=50,S=30,G2=20", more=True)
    min_probability: float = setting(0.0, "call cells unsure whose best phase is less probable than this", 0, 1)
    inputs: str = setting(
        "",
        "with cv: channels that the network sees, where not those of its recipe, as in brightfield or dna",
        more=True,
    )
    also: str = setting("", "with cv: more cells, of which only the DNA stain is learnt from", more=True)
    keep_models: bool = setting(False, "with cv: keep each fold's model, with the list of its test cells", more=True)
    quoted_fold: int = setting(
        3, "with protocol seed: the fold whose figures are quoted, from 0, as the paper quotes 3", 0, 99, more=True
    )
    clean_beside: bool = setting(
        True, "with protocol seed: measure the clean figures too, which stand beside the seed's", more=True
    )
    device: str = setting("auto", "where to compute; auto takes a GPU where there is one", choices=DEVICES, more=True)
    seed: int = setting(0, "same seed, same folds, same weights, same intervals", 0, 2**31 - 1, more=True)


@dataclass(frozen=True, kw_only=True)
class TrainRun(Checked):
    """Which model is trained on what, beside how."""

    model: str = setting(
        "default", "kind of network, trained as its source says, where start-from names none", choices=tuple(RECIPES)
    )
    start_from: str = setting(
        "", "go on from this model with cells of your own, be they few: a name, or a folder written by train"
    )
    resume: bool = setting(False, "go on with a training that was broken off, to the same model")
    also: str = setting("", "more cells, of which only the DNA stain is learnt from, not the phase", more=True)
    device: str = setting("auto", "where to compute; auto takes a GPU where there is one", choices=DEVICES)
    licence: str = setting("", "licence of the weights, for the model card", more=True)
    data_licence: str = setting("", "source and licence of the training data, for the model card", more=True)


@dataclass(frozen=True, kw_only=True)
class AugmentRun(Checked):
    """Which cells are made, and by what."""

    method: str = setting(
        "cellgan",
        "how the generator is trained: cellgan is ours, one for all phases; the others train one a phase",
        choices=METHODS,
    )
    generator: str = setting(
        "", "make cells with a finished generator: jurkat, which came with the package, or a folder written by augment"
    )
    phase: str = setting(
        "",
        "phases to make, as in Anaphase,Telophase, or with a number for each, as in Anaphase=500,Telophase=200; "
        "empty: all with fewer cells than the largest",
    )
    n_cells: int = setting(
        0,
        "cells of each phase to make, where phase says no number; 0: as many as it lacks to the largest",
        0,
        MAX_SYNTHETIC,
    )
    make: str = setting(
        "", "channels to make, as in brightfield,darkfield; empty: those of these two there are", more=True
    )
    judge: str = setting("default", "model in whose features made cells are compared with real ones", more=True)
    resume: bool = setting(False, "go on with a training that was broken off, to the same generator", more=True)
    device: str = setting("auto", "where to compute; auto takes a GPU where there is one", choices=DEVICES, more=True)
    seed: int = setting(0, "same seed, same cells, same machine: same generator, same made cells", 0, 2**31 - 1)
    licence: str = setting("", "licence of the generator's weights, for its card", more=True)
    data_licence: str = setting("", "source and licence of the real cells, for its card", more=True)


@dataclass(frozen=True, kw_only=True)
class ReadConfig(Checked):
    """What the user knows of the input and its files don't say."""

    channels: str = setting("", "which channel is what, as in brightfield=Ch3,darkfield=Ch6")
    layout: str = setting("auto", "what an image holds: found from its content unless said", choices=LAYOUTS, more=True)
    labels: str = setting("", "label image of a full-field image; without one, cells are found in the image", more=True)
    pixel_size_um: float | None = setting(
        None, "edge of a pixel in micrometres, where the files say none or a wrong one", 0.01, 100, more=True
    )


def parse_channels(text: str) -> dict[str, str] | None:
    """Read ``role=name,role=name``.

    Raises
    ------
    SettingError
        A part has no ``=``, or an empty side.
    """
    if not text.strip():
        return None
    pairs = [[side.strip() for side in part.split("=", 1)] for part in text.split(",")]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise SettingError(f"channels is {text!r}, but must read like brightfield=Ch3,darkfield=Ch6")
    return {pair[0]: pair[1] for pair in pairs}


def default_config(run: TrainRun) -> TrainConfig:
    """Settings that `run` trains with, unless others are chosen."""
    return FINE_TUNING if run.start_from else recipe_called(run.model).config
