"""Where the cells of a layer come from, as its metadata keeps it."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

from napari_cellcycle.images.tile_grid import Grid
from napari_cellcycle.phases import (
    N_PHASES,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

    LayerData = tuple[Any, dict[str, Any], str]


KEY = "napari-cellcycle"
"""Where what we know of a layer lies in its metadata."""

MASK = "mask"
PHASE = "phase"
SELECTED = "selected"
SYNTHETIC = "synthetic"


@dataclass(frozen=True, kw_only=True)
class GallerySource:
    """Cells out of files, shown as a gallery.

    Attributes
    ----------
    group : str
        The same in all layers of one gallery, and in no other.
    title : str
        What a user knows it by.
    paths, reading
        How to read the cells again: arguments of `jobs.reading.open_cells`.
    n_cells, n_shown, n_synthetic : int
        Cells in all, in the gallery, and made by a generator.
    phase_counts : list of int
        Cells of each known phase, in phase order.
    tile_px, columns : int
        How the gallery is laid out.
    made : list of str
        Stacks of made cells that come after those of `paths`, and say themselves how to read them.
    synthetic_counts : list of int
        Those of `phase_counts` that a generator made.
    """

    kind: ClassVar[str] = "gallery"
    group: str
    title: str
    paths: list[str]
    reading: dict[str, Any]
    n_cells: int
    n_shown: int
    n_synthetic: int
    phase_counts: list[int]
    tile_px: int
    columns: int
    made: list[str] = field(default_factory=list)
    synthetic_counts: list[int] = field(default_factory=lambda: [0] * N_PHASES)

    @property
    def grid(self) -> Grid:
        """Where each cell lies."""
        return Grid(self.n_shown, self.tile_px, self.columns)

    @property
    def n_known(self) -> int:
        """Cells of known phase; of made cells only where there are no others, as nothing is judged by them."""
        n_made = 0 if self.n_synthetic == self.n_cells else sum(self.synthetic_counts)
        return sum(self.phase_counts) - n_made


@dataclass(frozen=True, kw_only=True)
class FieldSource:
    """Cells of a full-field image; the names are those of layers, `darkfield` may be empty."""

    kind: ClassVar[str] = "field"
    group: str
    title: str
    brightfield: str
    darkfield: str
    labels: str


Source = GallerySource | FieldSource
_KINDS: dict[str, type[Source]] = {kind.kind: kind for kind in (GallerySource, FieldSource)}


def new_group() -> str:
    """A name that no other gallery has."""
    return uuid.uuid4().hex


def source_of(layer: Layer) -> Source | None:
    """Where the cells of `layer` come from, or None if it is none of ours."""
    known = layer.metadata.get(KEY)
    if not isinstance(known, dict) or known.get("kind") not in _KINDS:
        return None
    kind = _KINDS[known["kind"]]
    return kind(**{item.name: known[item.name] for item in fields(kind) if item.name in known})


def role_of(layer: Layer) -> str:
    """What a layer of ours shows: a channel, `MASK`, `PHASE`, `SELECTED` or `SYNTHETIC`."""
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
