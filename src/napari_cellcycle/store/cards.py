"""Cards of models and generators as they lie on disk, checked key by key before anything is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from napari_cellcycle.errors import SettingError
from napari_cellcycle.images.gan_codec import Encoding
from napari_cellcycle.images.model_input import InputSpec, Normalisation
from napari_cellcycle.models import ARCHITECTURES, ModelCard
from napari_cellcycle.models.card import CARD_VERSION
from napari_cellcycle.models.trained_generator import GENERATOR_CARD_VERSION, METHODS, GeneratorCard
from napari_cellcycle.phase_sets import MOST_PHASES, SEVEN, PhaseSet, phase_set
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.store.strict import Facts, Name, Strict, Text, parse

_MAX_COUNT = 10**12
"""Cells that nobody has."""

Positive = Annotated[float, Field(gt=0, le=1e9)]
Count = Annotated[int, Field(ge=0, le=_MAX_COUNT)]
Size = Annotated[int, Field(ge=8, le=512)]
"""Edge of a crop in pixels; networks halve it three times and more."""
PixelSize = Annotated[float, Field(ge=0.001, le=1000)]
"""In micrometres."""


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a channel is named twice")
    return names


Channels = Annotated[tuple[Name, ...], Field(min_length=1, max_length=16), AfterValidator(_each_once)]


def known_version(known: int) -> Any:
    """A whole number that must be `known`."""

    def check(version: int) -> int:
        if version != known:
            raise PydanticCustomError(
                "sentence", "it was written by another version of napari-cellcycle, so update the plugin"
            )
        return version

    return Annotated[int, AfterValidator(check)]


class _Normalisation(Strict):
    kind: Literal["spread", "ratio", "offset", "nuclei"]
    scale: Positive = 1.0
    contrast: float = Field(0.0, ge=0, le=1e9)


class _Input(Strict):
    channels: Channels
    size_px: Size
    pixel_size_um: PixelSize
    normalisation: tuple[_Normalisation, ...]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.normalisation) != len(self.channels):
            raise ValueError(f"it has {len(self.channels)} channels, but {len(self.normalisation)} normalisations")
        return self

    def spec(self) -> InputSpec:
        kinds = tuple(Normalisation(**how.model_dump()) for how in self.normalisation)
        return InputSpec(self.channels, self.size_px, self.pixel_size_um, kinds)


class _Options(Strict):
    """What any architecture takes; one that does not know an option says so when it is built."""

    n_channels: Annotated[int, Field(ge=1, le=16)] = 2
    widths: Annotated[list[Annotated[int, Field(ge=1, le=1024)]], Field(min_length=1, max_length=6)] | None = None
    blocks: Annotated[int, Field(ge=1, le=8)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    n_phases: Annotated[int, Field(ge=2, le=MOST_PHASES)] | None = None
    n_inputs: Annotated[int, Field(ge=1, le=100_000)] | None = None
    frozen: _Frozen | None = None


class _Frozen(_Options):
    """The network whose features another one reads."""

    architecture: str


class _ModelCard(Strict):
    """``model.json``, in the order of its keys."""

    card_version: known_version(CARD_VERSION)  # type: ignore[valid-type]
    name: Name
    architecture: str
    input: _Input
    description: Text = ""
    options: _Options = Field(default_factory=_Options)
    phases: tuple[str, ...] = SEVEN.names
    phase_parts: tuple[tuple[str, ...], ...] | None = None
    temperature: float = Field(1.0, ge=0.01, le=100)  # the fit gives 0.05 to 20
    training: Facts = Field(default_factory=dict)
    figures: Facts = Field(default_factory=dict)
    confusion: list[list[Count]] | None = None
    stand_ins: dict[Name, Name] = Field(default_factory=dict)
    tells_dna: bool = True
    versions: dict[Name, Text] = Field(default_factory=dict)
    licence: Text = ""
    data_licence: Text = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        n_channels, rows, n_phases = len(self.input.channels), self.confusion, len(self.phases)
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture is {self.architecture[:60]!r}, but must be one of {', '.join(ARCHITECTURES)}"
            )
        if self.options.n_channels != n_channels:
            raise ValueError(f"options.n_channels is {self.options.n_channels}, but input.channels names {n_channels}")
        if self.phase_parts is None and self.phases != SEVEN.names:
            raise ValueError(f"its phases are not {', '.join(SEVEN.names)}, in this order, and it has no phase_parts")
        if self.phase_parts is not None and len(self.phase_parts) != n_phases:
            raise ValueError(f"it names {n_phases} phases, but has {len(self.phase_parts)} phase_parts")
        if (self.options.n_phases or len(SEVEN)) != n_phases:
            raise ValueError(f"options.n_phases is {self.options.n_phases}, but phases names {n_phases}")
        try:
            self.phase_set()
        except SettingError as error:
            raise ValueError(str(error)) from None
        if rows is not None and [len(row) for row in rows] != [n_phases] * n_phases:
            raise ValueError(f"confusion is no table of {n_phases} rows of {n_phases} counts")
        if unknown := set(self.stand_ins) - set(self.input.channels):
            raise ValueError(f"stand_ins names {min(unknown)!r}, which is none of its channels")
        return self

    def phase_set(self) -> PhaseSet:
        if self.phase_parts is None:
            return SEVEN
        return phase_set(dict(zip(self.phases, self.phase_parts, strict=True)))

    def card(self) -> ModelCard:
        own = {"card_version", "phases", "phase_parts"}
        values = {name: getattr(self, name) for name in type(self).model_fields if name not in own}
        values |= {"input": self.input.spec(), "options": self.options.model_dump(exclude_unset=True)}
        values["phase_set"] = self.phase_set()
        return ModelCard(fallbacks=values.pop("stand_ins"), **values)


class _ChannelCode(Strict):
    background: float = Field(ge=-1e9, le=1e9)
    bend: float = Field(ge=0, le=1e9)
    spread: Positive


class _Encoding(Strict):
    channels: Channels
    size_px: Size
    pixel_size_um: PixelSize
    codes: tuple[_ChannelCode, ...]
    dtype: Literal["uint16", "float32"]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.codes) != len(self.channels):
            raise ValueError(f"it has {len(self.channels)} channels, but {len(self.codes)} codes")
        return self


class _GeneratorCard(Strict):
    """``generator.json``, in the order of its keys."""

    card_version: known_version(GENERATOR_CARD_VERSION)  # type: ignore[valid-type]
    name: Name
    method: str
    encoding: _Encoding
    description: Text = ""
    cells_per_phase: dict[str, Count] = Field(min_length=1)
    training: Facts = Field(default_factory=dict)
    quality: Facts = Field(default_factory=dict)
    versions: dict[Name, Text] = Field(default_factory=dict)
    licence: Text = ""
    data_licence: Text = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.method not in METHODS:
            raise ValueError(f"method is {self.method[:60]!r}, which this version does not know; update the plugin")
        if unknown := set(self.cells_per_phase) - set(PHASE_LABELS):
            raise ValueError(f"cells_per_phase names {min(unknown)[:60]!r}, but must name {', '.join(PHASE_LABELS)}")
        return self

    def card(self) -> GeneratorCard:
        values = {name: getattr(self, name) for name in type(self).model_fields if name != "card_version"}
        return GeneratorCard(**{**values, "encoding": Encoding.from_dict(self.encoding.model_dump())})


def parse_model_card(text: str | bytes) -> ModelCard:
    """Read a ``model.json``.

    Parameters
    ----------
    text : str or bytes
        Its content.

    Returns
    -------
    ModelCard

    Raises
    ------
    ModelError
        It is no card, one of another version, or a value lies outside its limits. The message is half a sentence.
    """
    return parse(_ModelCard, text).card()


def parse_generator_card(text: str | bytes) -> GeneratorCard:
    """Read a ``generator.json``.

    Parameters
    ----------
    text : str or bytes
        Its content.

    Returns
    -------
    GeneratorCard

    Raises
    ------
    ModelError
        It is no card, one of another version, or a value lies outside its limits. The message is half a sentence.
    """
    return parse(_GeneratorCard, text).card()
