"""Where the cells of a layer come from, as its metadata keeps it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from napari_cellcycle.images.tile_grid import Grid
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.advice import real_or_all
from napari_cellcycle.phase_sets import MOST_PHASES, SEVEN, PhaseSet, phase_set
from napari_cellcycle.phases import N_PHASES

if TYPE_CHECKING:
    from napari.layers import Layer

    LayerData = tuple[Any, dict[str, Any], str]


KEY = "napari-cellcycle"
"""Where our part of a layer's metadata is."""

MASK = "mask"
PHASE = "phase"
SELECTED = "selected"
STAIN_LABEL = "label by stain"
LEFT_OUT = "left out"
SYNTHETIC = "synthetic"

_NOT_IN_FILE_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')

# Writers of others may turn a list into a tuple or 4 into 4.0, so types are not strict here
_CHECKED = ConfigDict(extra="forbid", allow_inf_nan=False)


def _readable(reading: dict[str, Any]) -> dict[str, Any]:
    if unknown := set(reading) - {item.name for item in fields(ReadSettings)}:
        raise ValueError(f"unknown settings: {unknown}")
    ReadSettings.from_dict(reading)
    return reading


def _is_phase_set(text: str) -> str:
    phase_set(text)
    return text


_Text = Annotated[str, Field(max_length=100_000, pattern=r"^[^\x00]*$")]
_Path = Annotated[_Text, Field(min_length=1)]
_Count = Annotated[int, Field(ge=0, le=10**12)]
_Counts = Annotated[list[_Count], Field(min_length=2, max_length=MOST_PHASES)]
_Edge = Annotated[int, Field(ge=1, le=10**6)]


@dataclass(frozen=True, kw_only=True)
class GallerySource:
    """Cells out of files, shown as a gallery.

    Attributes
    ----------
    group : str
        The same in all layers of one gallery, and in no other.
    title : str
        The name that users see.
    paths : list of str
        Files and folders of the cells.
    reading : dict
        How to read them again: fields of `ReadSettings`.
    n_cells, n_shown, n_synthetic : int
        Cells in all, in the gallery, and synthetic ones.
    phase_counts : list of int
        Cells of each known phase, in phase order.
    tile_px, columns : int
        How the gallery is laid out.
    made : list of str
        Stacks of synthetic cells that come after those of `paths`; they need no `reading`.
    synthetic_counts : list of int
        How many of `phase_counts` are synthetic.
    phases : str
        The phase set, as `phase_sets.phase_set` reads it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CHECKED
    kind: ClassVar[str] = "gallery"
    group: _Text
    title: _Text
    paths: Annotated[list[_Path], Field(min_length=1)]
    reading: Annotated[dict[str, Any], AfterValidator(_readable)]
    n_cells: _Count
    n_shown: _Count
    n_synthetic: _Count
    phase_counts: _Counts
    tile_px: _Edge
    columns: _Edge
    made: list[_Path] = field(default_factory=list)
    synthetic_counts: _Counts = field(default_factory=lambda: [0] * N_PHASES)
    phases: Annotated[_Text, AfterValidator(_is_phase_set)] = "seven"

    @property
    def phase_set(self) -> PhaseSet:
        """Which phases the cells can have."""
        return phase_set(self.phases)

    @property
    def grid(self) -> Grid:
        """Where each cell is."""
        return Grid(self.n_shown, self.tile_px, self.columns)

    @property
    def n_known(self) -> int:
        """Cells of known phase that a model can be tested on."""
        return int(real_or_all(np.array(self.phase_counts), np.array(self.synthetic_counts)).sum())


@dataclass(frozen=True, kw_only=True)
class FieldSource:
    """Cells of a full-field image; the names are those of layers, `darkfield` may be empty.

    `title`, and `darkfield_title` where it says something, also name the channel or focal plane of a layer.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CHECKED
    kind: ClassVar[str] = "field"
    group: _Text
    title: _Text
    brightfield: _Text
    darkfield: _Text
    labels: _Text
    darkfield_title: _Text = ""


Source = GallerySource | FieldSource
_KINDS: dict[str, TypeAdapter[Any]] = {kind.kind: TypeAdapter(kind) for kind in (GallerySource, FieldSource)}
_OLDER_NAMES = {"made_counts": "synthetic_counts"}
"""Keys of layers that an earlier version wrote."""
_COLUMNS = {"source", "cell", "truth", "synthetic", "phase", "probability", "dna_content"}
"""Columns of a phase layer's table that others rely on."""


class _Verdict(BaseModel):
    """A `verdict.Verdict`, of a phase layer."""

    model_config = ConfigDict(extra="forbid")
    answer: Literal["fits", "label and fine-tune", "does not fit"]
    share_unlike: float = Field(ge=0, le=1)
    reliable: bool
    reason: str
    text: str
    n_to_label: int = Field(ge=0)


class _Layer(BaseModel):
    """What the metadata say besides the source."""

    model_config = _CHECKED
    version: Literal[1]
    kind: Literal["gallery", "field"]
    role: _Path
    model: _Path | None = None
    min_probability: float | None = Field(None, ge=0, le=1)
    verdict: _Verdict | None = None
    force: bool = False
    phase_set: Annotated[_Text, AfterValidator(_is_phase_set)] | None = None

    @model_validator(mode="after")
    def _says_who_called(self) -> Self:
        if self.role == PHASE and (self.model is None or self.min_probability is None):
            raise ValueError("a phase layer says which model called its phases")
        return self


def layer_name(role: str, source: Source) -> str:
    """The name of a layer for its user: what it shows, and of which data set, as in ``phase - plate 3``.

    napari saves layers in files of their names, so a name has no letter that Windows refuses there. The plugin itself
    finds layers by their metadata, whatever they are called.
    """
    return f"{role} - {_NOT_IN_FILE_NAMES.sub('-', source.title).strip()}"


def cells_key(source: Source) -> list[str]:
    """Texts that are the same whenever the same cells are opened, unlike `group`."""
    if isinstance(source, GallerySource):
        return [*source.paths, *source.made]
    return [source.brightfield, source.labels]


def new_group() -> str:
    """A name that no other gallery has."""
    return uuid.uuid4().hex


def source_of(layer: Layer) -> Source | None:
    """Where the cells of `layer` come from; None if it is not ours, or its metadata can't be right."""
    known = layer.metadata.get(KEY)
    if not isinstance(known, dict):
        return None
    known = {_OLDER_NAMES.get(name, name): value for name, value in known.items()}
    of_layer = {name: known.pop(name) for name in _Layer.model_fields if name in known}
    try:
        about = _Layer.model_validate(of_layer)
        source: Source = _KINDS[about.kind].validate_python(known)
    except (ValidationError, TypeError):  # TypeError: a key that is no text
        return None
    return source if _fits(source, about.role, layer) else None


def _fits(source: Source, role: str, layer: Layer) -> bool:
    """Whether a layer's data and table are those that its metadata describe."""
    if role == PHASE:
        columns = {*_COLUMNS, *(f"p_{name}" for name in phase_set_of(layer).names)}
        if not set(getattr(layer, "features", ())) >= columns:
            return False
    if isinstance(source, FieldSource):
        return True
    n_phases = len(source.phase_set)
    pairs = zip(source.synthetic_counts, source.phase_counts, strict=False)
    return (
        len(source.synthetic_counts) == len(source.phase_counts) == n_phases
        and layer.data.shape == source.grid.shape
        and max(source.n_shown, source.n_synthetic, sum(source.phase_counts)) <= source.n_cells
        and all(n_synthetic <= n_cells for n_synthetic, n_cells in pairs)
    )


def phase_set_of(layer: Layer) -> PhaseSet:
    """The phases of a phase layer; the seven in those of earlier versions."""
    return phase_set(layer.metadata[KEY].get("phase_set") or SEVEN)


def role_of(layer: Layer) -> str:
    """What a layer of ours shows: a channel, `MASK`, `PHASE`, `SELECTED`, `SYNTHETIC`, `STAIN_LABEL` or `LEFT_OUT`."""
    return str(layer.metadata[KEY]["role"])


def find_layer(layers: Iterable[Layer], group: str, role: str) -> Layer | None:
    """The newest layer of a group that shows `role`."""
    found = [layer for layer in layers if _is(layer, group, role)]
    return found[-1] if found else None


def _is(layer: Layer, group: str, role: str) -> bool:
    source = source_of(layer)
    return source is not None and source.group == group and role_of(layer) == role


def metadata_for(source: Source, role: str, **more: Any) -> dict[str, Any]:
    """Layer metadata: plain texts and numbers, so that any writer can keep it."""
    return {KEY: {"version": 1, "kind": source.kind, "role": role, **asdict(source), **more}}
