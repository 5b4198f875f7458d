"""The settings of every job; cheap to import, as forms and the command line are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from napari_cellcycle.annotate.queue_names import QUEUES, RANDOM
from napari_cellcycle.errors import SettingError
from napari_cellcycle.evaluation.natural_prevalence import parse_shares, write_shares
from napari_cellcycle.evaluation.purity import parse_purities, write_purities
from napari_cellcycle.io.name_patterns import LAYOUTS
from napari_cellcycle.io.phase_set_file import read_phase_set
from napari_cellcycle.phase_sets import NAMED_SETS, PhaseSet
from napari_cellcycle.phases import PHASE_LABELS, Phase, parse_phase
from napari_cellcycle.settings_base import (
    OPTIONAL_PATH,
    OPTIONAL_TEXT,
    WORDS,
    Settings,
    SettingsOfRecipe,
    TextForm,
    more,
    optional,
    setting,
)
from napari_cellcycle.stain.names import FUCCI_ROLES, LIKELIEST, MODELS, S_G2M_GATES
from napari_cellcycle.training.config import FINE_TUNING, TrainConfig
from napari_cellcycle.training.finder_config import FINE_TUNING as FINDER_FINE_TUNING
from napari_cellcycle.training.finder_config import FinderConfig
from napari_cellcycle.training.gan.config import METHODS, GanConfig
from napari_cellcycle.training.recipes import RECIPES, recipe_called

MAX_SYNTHETIC = 1_000_000
DEVICES = ("auto", "cpu", "cuda", "mps")
CLEAN, SEED = "clean", "seed"

_EXPORT = "more files: parquet, h5ad, h5ad-features (AnnData), fcs (FlowJo), object-lists (IDEAS); joined by commas"
_DEVICE = "where to compute; auto takes a GPU where there is one"
_MIN_PROBABILITY = "call cells unsure whose best phase is less probable than this"
_MIN_PURITY = "leave calls of a phase unsure until so many of the others are right, as in Metaphase=0.9; needs held-out"
_PROTOCOL = "with cv: clean, or seed: as Duque-Vazquez et al. measured, which estimates nothing"
_NETWORK = "kind of network, trained as in its source; not used where start-from names a model"
_DNA = "channel of the DNA stain, as in Ch4; empty: the one that was read as dna"
_METHOD = "how the generator is trained: cellgan is ours, one for all phases; the others train one for each phase"
_PHASE = "phases to generate, as in Anaphase,Telophase or Anaphase=500; empty: all with fewer cells than the largest"
_N_CELLS = "cells of each phase that has no number in phase; 0: as many as the largest phase has more"
_BY = "what the samples are: well, frame, file, folder, folder1, ..., all, or a column; empty: the most telling one"
_SAMPLE_TABLE = "a CSV table with a column file, folder, well or source, and others such as condition, to group by"
_COMPARE = (
    "with tracks: give durations for each well, file, folder, folder1, ..., or column of the cells or of table too"
)
_EMBEDDINGS = ("pca", "umap", "none")
AUTO, LABELS, LINK = "auto", "labels", "link"
"""Where the tracks of films come from, if not from a file."""
_TRACKS = (
    "phases along tracks: a file of tracks (TrackMate XML, res_track.txt, GEFF, CSV); labels, if a label is the same "
    "cell in all frames; link, to link cells from frame to frame; or auto, for one of these two"
)
_FINDER = (
    "what finds cells in fields without labels: a model with a finder, cellpose, stain for nuclei in the channel dna, "
    "or none for plain segmentation; "
    "empty: classify takes the finder of its model, if there is one"
)
_FEATURES_OF = "with model causal or two-sided: finished model whose features of single frames are read"
_WORKERS = "processes of this computer that share the work, each with one thread"
_SCHEDULER = "share the work with a cluster of dask.distributed, as in tcp://10.0.0.5:8786"
_PHASES = (
    "phase set: seven, g1-s-g2m, g1-sg2m, interphase-mitosis, a file with one phase a line, or a list such as "
    "G1,S,G2/M; empty: as the data and the model say"
)
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


EXPORTS = ("parquet", "h5ad", "h5ad-features", "fcs", "object-lists")
"""Further files with the phases of cells."""


def parse_exports(text: str) -> tuple[str, ...]:
    """Read ``parquet,fcs``: some of `EXPORTS`.

    Raises
    ------
    SettingError
        A word is none of them.
    """
    words = WORDS.read(text)
    if unknown := [word for word in words if word not in EXPORTS]:
        raise SettingError(f"export is {unknown[0]!r}, but must be some of {', '.join(EXPORTS)}")
    return words


Channels = Annotated[dict[str, str] | None, optional(TextForm(parse_channels, write_channels))]
PhaseNumbers = Annotated[dict[int, int] | None, optional(TextForm(parse_phase_numbers, write_phase_numbers))]
Shares = Annotated[str | dict[str, float] | None, optional(TextForm(parse_shares, write_shares))]
Purities = Annotated[dict[str, float] | None, optional(TextForm(parse_purities, write_purities))]
Words = Annotated[tuple[str, ...], WORDS]
Exports = Annotated[tuple[str, ...], TextForm(parse_exports, ",".join)]
Inputs = Annotated[
    tuple[str, ...],
    TextForm(lambda text: tuple(map(str.strip, text.split(","))) if text.strip() else (), ",".join),
]
"""An empty word is kept, to be refused."""
OptionalPath = Annotated[Path | None, OPTIONAL_PATH]
OptionalText = Annotated[str | None, OPTIONAL_TEXT]
Phases = Annotated[PhaseSet | None, optional(TextForm(read_phase_set, PhaseSet.to_text))]
CellDiameter = Annotated[
    float | None,
    more(
        "usual diameter of a cell in pixels, to find cells in an image without labels; measured if not set",
        6,
        400,
        title="Cell diameter (px)",
    ),
]


@dataclass(frozen=True, kw_only=True)
class ReadSettings(Settings):
    """What the user knows of the input and its files don't say."""

    channels: Annotated[Channels, setting("which channel is what, as in brightfield=Ch3,darkfield=Ch6")] = None
    layout: Annotated[str, more("what an image holds; auto finds it from the content", choices=LAYOUTS)] = "auto"
    labels: Annotated[
        OptionalPath, more("label image of a full-field image, or its name in an OME-Zarr; else cells are found")
    ] = None
    pixel_size_um: Annotated[
        float | None, more("edge of a pixel in micrometres, if the files don't say it", 0.01, 100)
    ] = None
    plane: Annotated[
        int | None,
        setting("focal plane (z) to read, counted from 0, instead of the sharpest one", 0, 9999, more=True),
    ] = None
    population: Annotated[
        OptionalText,
        setting("keep only this population of the IDEAS analysis (.daf) next to a .cif, as in Focused", more=True),
    ] = None
    cell_diameter_px: CellDiameter = None
    finder: Annotated[OptionalText, more(_FINDER)] = None
    phases: Annotated[Phases, setting(_PHASES, suggestions=tuple(NAMED_SETS), more=True)] = None


@dataclass(frozen=True, kw_only=True)
class ClassifySettings(Settings):
    """How cells are classified."""

    model: Annotated[str, setting("a model that came with the package, or a folder written by train")] = "default"
    device: Annotated[str, setting(_DEVICE, choices=DEVICES)] = "auto"
    min_probability: Annotated[float, setting(_MIN_PROBABILITY, 0, 1)] = 0.0
    batch_size: Annotated[int, more("cells at a time; fewer take less memory", 1, 65_536)] = 256
    export: Annotated[Exports, more(_EXPORT)] = ()
    cycle_position: Annotated[
        bool, more("give each cell its position in the cycle, from 0 to 1; cells in tracks always get it")
    ] = False
    force: Annotated[bool, more("give shares of phases even if most cells are unlike the training cells")] = False
    min_purity: Annotated[Purities, more(_MIN_PURITY)] = None
    held_out: Annotated[OptionalPath, more("report of evaluate whose calls tell the purity, for min-purity")] = None


@dataclass(frozen=True, kw_only=True)
class WorkerSettings(Settings):
    """Which other processes help."""

    workers: Annotated[int, more(_WORKERS, 1, 1024)] = 1
    scheduler: Annotated[OptionalText, more(_SCHEDULER)] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scheduler and self.workers > 1:
            raise SettingError(
                "workers and scheduler are both given; the scheduler has workers of its own, so leave one out"
            )

    @property
    def is_many(self) -> bool:
        """Whether other processes do the work."""
        return self.workers > 1 or bool(self.scheduler)


@dataclass(frozen=True, kw_only=True)
class FollowSettings(Settings):
    """How the cells of films are followed."""

    tracks: Annotated[OptionalText, setting(_TRACKS)] = None
    minutes_per_frame: Annotated[
        float | None, setting("time from frame to frame in minutes; else durations are in frames", 0.001, 10_000)
    ] = None
    max_move_px: Annotated[
        float | None,
        more("with link: how far a cell moves at most from frame to frame, in pixels; else by its size", 1, 10_000),
    ] = None


@dataclass(frozen=True, kw_only=True)
class CompareSettings(Settings):
    """By what the durations of phases in films are compared."""

    by: Annotated[str, more(_COMPARE)] = ""
    table: Annotated[OptionalPath, more(f"with tracks: {_SAMPLE_TABLE}")] = None

    @property
    def is_asked(self) -> bool:
        """Whether films are to be compared."""
        return bool(self.by) or self.table is not None


@dataclass(frozen=True, kw_only=True)
class PopulationsSettings(Settings):
    """How cells are summarised by sample."""

    by: Annotated[str, setting(_BY)] = ""
    table: Annotated[OptionalPath, setting(_SAMPLE_TABLE)] = None
    of: Annotated[
        str, setting("count what the model called, or what a person labelled", choices=("calls", "labels"))
    ] = "calls"
    model: Annotated[str, setting("model to classify with (default), or with which phases.csv was made")] = ""
    embedding: Annotated[
        str, setting("map of the cells by the features of the network; umap needs umap-learn", choices=_EMBEDDINGS)
    ] = "pca"
    device: Annotated[str, setting(_DEVICE, choices=DEVICES)] = "auto"
    min_probability: Annotated[float, setting(_MIN_PROBABILITY, 0, 1)] = 0.0
    batch_size: Annotated[int, more("cells at a time; fewer take less memory", 1, 65_536)] = 256
    seed: Annotated[int, more("the same seed gives the same intervals and the same map", 0, _MAX_SEED)] = 0
    force: Annotated[bool, more("give shares of phases even if most cells are unlike the training cells")] = False


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
    protocol: Annotated[str, setting(_PROTOCOL, choices=(CLEAN, SEED))] = CLEAN
    group_by: Annotated[OptionalText, more("keep cells together in a fold: file, folder, folder1, ..., or well")] = None
    prevalence: Annotated[Shares, more("give figures at these shares too: bbbc048, or G1=50,S=30,G2=20")] = None
    min_probability: Annotated[float, setting(_MIN_PROBABILITY, 0, 1)] = 0.0
    inputs: Annotated[Inputs, more("with cv: channels that the network sees; empty: those of its recipe")] = ()
    also: Annotated[OptionalPath, more("with cv: more cells, of which only the DNA stain is trained on")] = None
    features_of: Annotated[str, more(_FEATURES_OF)] = "default"
    keep_models: Annotated[bool, more("with cv: keep each fold's model, with the list of its test cells")] = False
    quoted_fold: Annotated[int, more("with protocol seed: the fold to quote, from 0; the paper quotes 3", 0, 99)] = 3
    clean_beside: Annotated[bool, more("with protocol seed: measure the clean figures too, to show next to them")] = (
        True
    )
    device: Annotated[str, more(_DEVICE, choices=DEVICES)] = "auto"
    seed: Annotated[int, more("the same seed gives the same folds, weights and intervals", 0, _MAX_SEED)] = 0
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


@dataclass(frozen=True, kw_only=True)
class TrainSettings(SettingsOfRecipe):
    """Which model is trained, from where, and how.

    Attributes
    ----------
    overrides : mapping
        Settings of `TrainConfig` that differ from `default_config`.
    """

    OVERRIDDEN = TrainConfig

    model: Annotated[str, setting(_NETWORK, choices=tuple(RECIPES))] = "default"
    start_from: Annotated[
        str, setting("train this model further, even with few cells of your own: a name, or a folder written by train")
    ] = ""
    features_of: Annotated[str, more(_FEATURES_OF)] = "default"
    resume: Annotated[bool, setting("continue a training that was interrupted, to the same model")] = False
    also: Annotated[OptionalPath, more("more cells, of which only the DNA stain is trained on, not the phase")] = None
    device: Annotated[str, setting(_DEVICE, choices=DEVICES)] = "auto"
    licence: Annotated[str, more("licence of the weights, for the model card")] = ""
    data_licence: Annotated[str, more("source and licence of the training data, for the model card")] = ""
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
class NextSettings(Settings):
    """Which cells are proposed to be labelled next."""

    queue: Annotated[str, setting("how cells are chosen", choices=tuple(QUEUES))] = RANDOM
    n_cells: Annotated[int, setting("highest number of cells", 1, 1_000_000)] = 50
    model: Annotated[str, setting("model that calls and compares cells: a name, or a folder written by train")] = (
        "default"
    )
    device: Annotated[str, more(_DEVICE, choices=DEVICES)] = "auto"
    seed: Annotated[int, more("the same seed gives the same order", 0, _MAX_SEED)] = 0


@dataclass(frozen=True, kw_only=True)
class RetrainSettings(Settings):
    """From where a model is trained further on the labels so far."""

    start_from: Annotated[str, setting("model to start from: a name, or a folder written by train")] = "default"
    device: Annotated[str, more(_DEVICE, choices=DEVICES)] = "auto"
    seed: Annotated[int, more("the same seed, labels and machine give the same weights", 0, _MAX_SEED)] = 0


@dataclass(frozen=True, kw_only=True)
class AugmentSettings(SettingsOfRecipe):
    """Which synthetic cells are generated, and how.

    Attributes
    ----------
    overrides : mapping
        Settings of `GanConfig` that differ from those of the method's source.
    """

    OVERRIDDEN = GanConfig

    method: Annotated[str, setting(_METHOD, choices=METHODS)] = METHODS[0]
    generator: Annotated[str, setting("use a finished generator: jurkat, or a folder written by augment")] = ""
    phase: Annotated[PhaseNumbers, setting(_PHASE)] = None
    n_cells: Annotated[int, setting(_N_CELLS, 0, MAX_SYNTHETIC)] = 0
    make: Annotated[
        Words, more("channels to generate; empty: brightfield and darkfield, or the one that is there")
    ] = ()
    judge: Annotated[
        str, more("model in whose features synthetic and real cells are compared", title="Compare cells by")
    ] = "default"
    resume: Annotated[bool, more("continue a training that was interrupted, to the same generator")] = False
    device: Annotated[str, more(_DEVICE, choices=DEVICES)] = "auto"
    seed: Annotated[int, setting("the same seed, cells and machine give the same synthetic cells", 0, _MAX_SEED)] = 0
    licence: Annotated[str, more("licence of the generator's weights, for its card")] = ""
    data_licence: Annotated[str, more("source and licence of the real cells, for its card")] = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)


def parse_fucci(text: str) -> dict[str, str]:
    """Read ``g1=CHANNEL,s-g2m=CHANNEL``.

    Raises
    ------
    SettingError
        It does not name both.
    """
    pairs = [[side.strip() for side in part.split("=", 1)] for part in text.split(",")]
    named = {pair[0].lower(): pair[-1] for pair in pairs if len(pair) == 2 and pair[1]}
    if len(pairs) != 2 or set(named) != set(FUCCI_ROLES):
        raise SettingError(f"fucci is {text!r}, but must read like g1=Cdt1,s-g2m=Geminin, with the names of channels")
    return named


FucciChannels = Annotated[dict[str, str] | None, optional(TextForm(parse_fucci, write_channels))]


@dataclass(frozen=True, kw_only=True)
class LabelSettings(Settings):
    """How cells of a stained control are labelled by their stain."""

    dna: Annotated[OptionalText, setting(_DNA)] = None
    fucci: Annotated[
        FucciChannels, setting("channels of FUCCI cells instead of a DNA stain, as in g1=Cdt1,s-g2m=Geminin")
    ] = None
    model: Annotated[str, setting("model of the DNA histogram", choices=MODELS)] = MODELS[0]
    margin: Annotated[
        float, setting("leave out cells whose stain is this near to a gate; 0.05 is 5 % more or less", 0, 0.5)
    ] = 0.05
    s_g2m: Annotated[
        str,
        more(
            "gate between S and G2/M: where a cell is as likely of one as of the other by the fit, or in the middle "
            "between the peaks, also where the fit can't tell them",
            choices=S_G2M_GATES,
        ),
    ] = LIKELIEST
    gates: Annotated[
        OptionalPath, more("use these gates, from a gates.json that was written before and may have been edited")
    ] = None
    force: Annotated[bool, more("label all phases even if the stain can't tell them")] = False
    seed: Annotated[int, more("the same seed gives the same intervals", 0, _MAX_SEED)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dna is not None and self.fucci is not None:
            raise SettingError("dna and fucci are both given, but cells are labelled by one of them; leave one out")
        if self.gates is not None and self.fucci is not None:
            raise SettingError("gates are those of a DNA stain, but fucci is given; leave one out")


@dataclass(frozen=True, kw_only=True)
class FinderSettings(SettingsOfRecipe):
    """From what a finder is trained, and how.

    Attributes
    ----------
    overrides : mapping
        Settings of `FinderConfig` that differ from `default_config`.
    """

    OVERRIDDEN = FinderConfig

    dna: Annotated[
        OptionalText, setting("channel of a DNA stain whose nuclei are to be found; empty: what label images mark")
    ] = None
    start_from: Annotated[
        str, setting("train this finder further: a model with a finder, or a folder written by train-finder")
    ] = ""
    device: Annotated[str, setting(_DEVICE, choices=DEVICES)] = "auto"
    licence: Annotated[str, more("licence of the weights, for the card")] = ""
    data_licence: Annotated[str, more("source and licence of the fields, for the card")] = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def default_config(self) -> FinderConfig:
        """How a finder is trained unless the user chooses otherwise."""
        return FINDER_FINE_TUNING if self.start_from else FinderConfig()

    @property
    def config(self) -> FinderConfig:
        """How the finder is trained."""
        return replace(self.default_config, **self.overrides)
