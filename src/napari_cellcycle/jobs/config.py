"""The settings of every job; cheap to import, as forms and the command line are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from napari_cellcycle.errors import SettingError
from napari_cellcycle.evaluation.prevalence import normalised_shares, parse_shares, write_shares
from napari_cellcycle.io.file_names import LAYOUTS
from napari_cellcycle.phases import PHASE_LABELS, Phase, parse_phase
from napari_cellcycle.settings import (
    OPTIONAL_PATH,
    OPTIONAL_TEXT,
    WORDS,
    Settings,
    SettingsOfRecipe,
    TextForm,
    optional,
    setting,
)
from napari_cellcycle.training.config import FINE_TUNING, TrainConfig
from napari_cellcycle.training.gan.config import METHODS, GanConfig
from napari_cellcycle.training.recipes import RECIPES, recipe_called

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_SYNTHETIC = 1_000_000
DEVICES = ("auto", "cpu", "cuda", "mps")
CLEAN, SEED = "clean", "seed"

_DEVICE = "where to compute; auto takes a GPU where there is one"
_MAX_SEED = 2**31 - 1


def parse_channels(text: str) -> dict[str, str]:
    """Read ``role=name,role=name``.

    Raises
    ------
    SettingError
        A part has no ``=``, or an empty side.
    """
    pairs = [[side.strip() for side in part.split("=", 1)] for part in text.split(",")]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise SettingError(f"channels is {text!r}, but must read like brightfield=Ch3,darkfield=Ch6")
    return {pair[0]: pair[1] for pair in pairs}


def write_channels(channels: Mapping[str, str]) -> str:
    """Write what `parse_channels` reads."""
    return ",".join(f"{role}={name}" for role, name in channels.items())


def parse_phase_numbers(text: str) -> dict[int, int]:
    """Read ``Anaphase=500,Telophase``: numbers of cells by phase, 0 where the text has none.

    Raises
    ------
    SettingError
        A name is not that of a phase or is there twice, or a number of cells is out of range.
    """
    numbers: dict[int, int] = {}
    for part in filter(str.strip, text.split(",")):
        name, sign, count = (side.strip() for side in part.partition("="))
        phase = parse_phase(name)
        if phase is None:
            raise SettingError(f"phase is {name!r}, but must be one of {', '.join(PHASE_LABELS)}")
        label = phase.label
        if phase in numbers:
            raise SettingError(f"phase names {label} twice; name it once, as in {label}=500")
        numbers[int(phase)] = _parse_number(count, label) if sign else 0
    return numbers


def _parse_number(text: str, label: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MAX_SYNTHETIC:
        raise SettingError(f"phase asks for {text!r} cells of {label}, but must ask for 1 to {MAX_SYNTHETIC:,} of them")
    return int(text)


def write_phase_numbers(numbers: Mapping[int, int]) -> str:
    """Write what `parse_phase_numbers` reads."""
    return ",".join(Phase(phase).label + (f"={n}" if n else "") for phase, n in numbers.items())


Channels = Annotated[dict[str, str] | None, optional(TextForm(parse_channels, write_channels))]
PhaseNumbers = Annotated[dict[int, int] | None, optional(TextForm(parse_phase_numbers, write_phase_numbers))]
Shares = Annotated[str | dict[str, float] | None, optional(TextForm(parse_shares, write_shares))]
Words = Annotated[tuple[str, ...], WORDS]
Inputs = Annotated[
    tuple[str, ...],
    TextForm(lambda text: tuple(map(str.strip, text.split(","))) if text.strip() else (), ",".join),
]
"""An empty word is kept, to be refused."""
OptionalPath = Annotated[Path | None, OPTIONAL_PATH]
OptionalText = Annotated[str | None, OPTIONAL_TEXT]


@dataclass(frozen=True, kw_only=True)
class ReadSettings(Settings):
    """What the user knows of the input and its files don't say."""

    channels: Annotated[Channels, setting("which channel is what, as in brightfield=Ch3,darkfield=Ch6")] = None
    layout: Annotated[
        str, setting("what an image holds; auto finds it from the content", choices=LAYOUTS, more=True)
    ] = "auto"
    labels: Annotated[
        OptionalPath,
        setting("label image of a full-field image; without one, cells are found in the image", more=True),
    ] = None
    pixel_size_um: Annotated[
        float | None,
        setting("edge of a pixel in micrometres, where the files have none or a wrong one", 0.01, 100, more=True),
    ] = None
    population: Annotated[
        OptionalText,
        setting("keep only this population of the IDEAS analysis (.daf) next to a .cif, as in Focused", more=True),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ClassifySettings(Settings):
    """How cells are classified."""

    model: Annotated[str, setting("name of a model that came with the package, or a folder written by train")] = (
        "default"
    )
    device: Annotated[str, setting(_DEVICE, choices=DEVICES)] = "auto"
    min_probability: Annotated[
        float, setting("call cells unsure whose best phase is less probable than this", 0, 1)
    ] = 0.0
    batch_size: Annotated[int, setting("cells at a time; fewer take less memory", 1, 65_536, more=True)] = 256


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(SettingsOfRecipe):
    """How a model, or a way of training, is tested.

    Attributes
    ----------
    overrides : mapping
        With `cv`, settings of `TrainConfig` that differ from those of the recipe.
    """

    OVERRIDDEN = TrainConfig

    model: Annotated[
        Words, setting("model to test, or several as in default,duque2024; with cv, kinds of networks")
    ] = ("default",)
    cv: Annotated[int, setting("train and test by this number of folds; 0 tests a finished model", 0, 100)] = 0
    protocol: Annotated[
        str,
        setting(
            "with cv: clean, or seed, which repeats how Duque-Vazquez et al. measured and estimates nothing",
            choices=(CLEAN, SEED),
        ),
    ] = CLEAN
    group_by: Annotated[
        OptionalText,
        setting("keep cells together in a fold: file, folder, folder1, folder2, ...", more=True),
    ] = None
    prevalence: Annotated[
        Shares, setting("give figures at these shares too: bbbc048, or G1=50,S=30,G2=20", more=True)
    ] = None
    min_probability: Annotated[
        float, setting("call cells unsure whose best phase is less probable than this", 0, 1)
    ] = 0.0
    inputs: Annotated[
        Inputs,
        setting(
            "with cv: channels that the network sees, as in brightfield or dna; empty: those of its recipe", more=True
        ),
    ] = ()
    also: Annotated[
        OptionalPath,
        setting("with cv: more cells, of which only the DNA stain is used for training", more=True),
    ] = None
    keep_models: Annotated[
        bool, setting("with cv: keep each fold's model, with the list of its test cells", more=True)
    ] = False
    quoted_fold: Annotated[
        int,
        setting(
            "with protocol seed: the fold whose figures are quoted, counted from 0; the paper quotes 3",
            0,
            99,
            more=True,
        ),
    ] = 3
    clean_beside: Annotated[
        bool,
        setting("with protocol seed: measure the clean figures too, to show next to the seed's", more=True),
    ] = True
    device: Annotated[str, setting(_DEVICE, choices=DEVICES, more=True)] = "auto"
    seed: Annotated[
        int, setting("the same seed gives the same folds, weights and intervals", 0, _MAX_SEED, more=True)
    ] = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model_name(self) -> str:
        """The one model of `model`.

        Raises
        ------
        SettingError
            It names none, or several.
        """
        if len(self.model) != 1:
            raise SettingError(f"model names {len(self.model)} models, but must name one here, such as default")
        return self.model[0]

    @property
    def shares(self) -> NDArray[np.float64] | None:
        """Natural shares of the seven phases, shape (7,), from `prevalence`."""
        return None if self.prevalence is None else normalised_shares(self.prevalence)


@dataclass(frozen=True, kw_only=True)
class TrainSettings(SettingsOfRecipe):
    """Which model is trained, from where, and how.

    Attributes
    ----------
    overrides : mapping
        Settings of `TrainConfig` that differ from `default_config`.
    """

    OVERRIDDEN = TrainConfig

    model: Annotated[
        str,
        setting(
            "kind of network, trained as in its source; not used where start-from names a model",
            choices=tuple(RECIPES),
        ),
    ] = "default"
    start_from: Annotated[
        str,
        setting(
            "train this model further with your own cells, even if they are few: a name, or a folder written by train"
        ),
    ] = ""
    resume: Annotated[bool, setting("continue a training that was interrupted, to the same model")] = False
    also: Annotated[
        OptionalPath,
        setting("more cells, of which only the DNA stain is used for training, not the phase", more=True),
    ] = None
    device: Annotated[str, setting(_DEVICE, choices=DEVICES)] = "auto"
    licence: Annotated[str, setting("licence of the weights, for the model card", more=True)] = ""
    data_licence: Annotated[str, setting("source and licence of the training data, for the model card", more=True)] = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def default_config(self) -> TrainConfig:
        """How the network is trained unless the user chooses otherwise."""
        return FINE_TUNING if self.start_from else recipe_called(self.model).config

    @property
    def config(self) -> TrainConfig:
        """How the network is trained."""
        return replace(self.default_config, **self.overrides)


@dataclass(frozen=True, kw_only=True)
class AugmentSettings(SettingsOfRecipe):
    """Which synthetic cells are generated, and how.

    Attributes
    ----------
    overrides : mapping
        Settings of `GanConfig` that differ from those of the method's source.
    """

    OVERRIDDEN = GanConfig

    method: Annotated[
        str,
        setting(
            "how the generator is trained: cellgan is ours, one for all phases; the others train one for each phase",
            choices=METHODS,
        ),
    ] = METHODS[0]
    generator: Annotated[
        str,
        setting(
            "use a finished generator: jurkat, which came with the package, or a folder written by augment",
        ),
    ] = ""
    phase: Annotated[
        PhaseNumbers,
        setting(
            "phases to generate, as in Anaphase,Telophase, or with a number for each, as in "
            "Anaphase=500,Telophase=200; empty: all with fewer cells than the largest"
        ),
    ] = None
    n_cells: Annotated[
        int,
        setting(
            "synthetic cells of each phase that has no number in phase; 0: as many as it lacks to the largest",
            0,
            MAX_SYNTHETIC,
        ),
    ] = 0
    make: Annotated[
        Words,
        setting("channels to generate; empty: brightfield and darkfield, or the one that is there", more=True),
    ] = ()
    judge: Annotated[str, setting("model in whose features synthetic cells are compared with real ones", more=True)] = (
        "default"
    )
    resume: Annotated[bool, setting("continue a training that was interrupted, to the same generator", more=True)] = (
        False
    )
    device: Annotated[str, setting(_DEVICE, choices=DEVICES, more=True)] = "auto"
    seed: Annotated[
        int,
        setting("the same seed, cells and machine give the same generator and the same synthetic cells", 0, _MAX_SEED),
    ] = 0
    licence: Annotated[str, setting("licence of the generator's weights, for its card", more=True)] = ""
    data_licence: Annotated[str, setting("source and licence of the real cells, for its card", more=True)] = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
