"""Cells as napari layers: pictures, the phase picture over them, and what we know of each in its metadata."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from napari_cellcycle.cells import BRIGHTFIELD, Prediction
from napari_cellcycle.images.mosaic import Grid
from napari_cellcycle.phases import (
    COLOURS,
    N_PHASES,
    PHASE_LABELS,
    SYNTHETIC_COLOUR,
    UNKNOWN,
    UNSURE,
    UNSURE_COLOUR,
    Phase,
    phase_label,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import pandas as pd
    from napari.layers import Labels, Layer
    from napari.utils.colormaps import DirectLabelColormap
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.images.mosaic import Mosaic

    LayerData = tuple[Any, dict[str, Any], str]

KEY = "napari-cellcycle"
"""Where what we know of a layer lies in its metadata."""

MASK = "mask"
PHASE = "phase"
SELECTED = "selected"
SYNTHETIC = "synthetic"


class CellMap(Protocol):
    """Which cell lies where: `images.mosaic.Grid` or `images.outline.Field`."""

    @property
    def ndim(self) -> int: ...
    def cell_at(self, *position: float) -> int | None: ...
    def box(self, cells: Sequence[int] | NDArray[np.integer]) -> tuple[int, int, int, int]: ...
    def draw_outlines(self, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    def fill(self, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    def read_numbers(self, picture: NDArray[np.integer]) -> NDArray[np.uint8]: ...


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
    made_counts : list of int
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
    made_counts: list[int] = field(default_factory=lambda: [0] * N_PHASES)

    @property
    def grid(self) -> Grid:
        """Where each cell lies."""
        return Grid(self.n_shown, self.tile_px, self.columns)

    @property
    def n_known(self) -> int:
        """Cells of known phase; of made cells only where there are no others, as nothing is judged by them."""
        n_made = 0 if self.n_synthetic == self.n_cells else sum(self.made_counts)
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


def gallery_layers(cells: Cells, mosaic: Mosaic, source: GallerySource) -> list[LayerData]:
    """One Image layer a channel, of which the first is visible, since each covers the others; masks; marks."""
    sizes = np.unique(cells.pixel_size_um)
    space: dict[str, Any] = {}
    if len(sizes) == 1 and np.isfinite(sizes[0]):
        space = {"scale": (float(sizes[0]),) * 2, "units": ("um", "um")}
    layers: list[LayerData] = []
    for number, (name, pixels, limits) in enumerate(
        zip(cells.channels, mosaic.pixels, mosaic.contrast_limits, strict=True)
    ):
        options = {
            "name": f"cells: {name}",
            "metadata": metadata_for(source, name),
            "contrast_limits": limits,
            "gamma": 1.0 if name == BRIGHTFIELD else 0.7,  # dim scatter is seen beside bright spots
            "visible": number == 0,
            **space,
        }
        layers.append((pixels, options, "image"))
    layers.reverse()  # the visible one on top
    if mosaic.masks is not None:
        layers.append(_mask_layer(mosaic.masks, source, space))
    if cells.synthetic[: source.n_shown].any():
        layers.append(_synthetic_layer(cells, source, space))
    return layers


def _mask_layer(masks: NDArray[np.unsignedinteger], source: GallerySource, space: dict[str, Any]) -> LayerData:
    """A white veil: colours of napari's own would be taken for phases."""
    from napari.utils.colormaps import DirectLabelColormap

    options = {
        "name": f"cells: {MASK}",
        "metadata": metadata_for(source, MASK),
        "colormap": DirectLabelColormap(color_dict={None: "white", 0: "transparent"}),
        "opacity": 0.35,
        "visible": False,
        **space,
    }
    return masks, options, "labels"


def _synthetic_layer(cells: Cells, source: GallerySource, space: dict[str, Any]) -> LayerData:
    """A mark in a corner of each made cell, where it stays to be seen when the cells are classified.

    Numbered from 1 in the order of the gallery, as napari has it: the table's column ``index`` says so.
    """
    from napari.utils.colormaps import DirectLabelColormap

    made = cells.synthetic[: source.n_shown]
    numbers = np.arange(1, source.n_shown + 1, dtype=np.min_scalar_type(source.n_shown)) * made
    table = cell_table(cells).head(source.n_shown)
    table.insert(0, "index", np.arange(1, source.n_shown + 1))
    options = {
        "name": f"cells: {SYNTHETIC}",
        "metadata": metadata_for(source, SYNTHETIC),
        "features": table,
        "colormap": DirectLabelColormap(color_dict={None: SYNTHETIC_COLOUR, 0: "transparent"}),
        "opacity": 1.0,
        **space,
    }
    return source.grid.paint(numbers, source.grid.corner()), options, "labels"


def cell_table(cells: Cells) -> pd.DataFrame:
    """One row a cell: what is known before any model has seen it."""
    import pandas as pd

    truth = [phase_label(int(number)) for number in cells.phases]
    columns = {"source": cells.sources, "cell": cells.ids, "truth": truth, "synthetic": cells.synthetic}
    return pd.DataFrame(columns)


def phase_layer(
    picture: NDArray[np.uint8], table: pd.DataFrame, source: Source, *, model: str, min_probability: float
) -> LayerData:
    """The Labels layer of phase numbers: 0 none, 1 to 7 the phases in order, 8 unsure."""
    options = {
        "name": "cells: phase",
        "metadata": metadata_for(source, PHASE, model=model, min_probability=min_probability),
        "features": table,
        "colormap": phase_colormap(),
        "opacity": 1.0,
    }
    return picture, options, "labels"


def phase_numbers(phases: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Numbers of the phase picture from those of a `Prediction`."""
    return (phases + 1).astype(np.uint8)


def phase_colormap(hidden: Collection[int] = ()) -> DirectLabelColormap:
    """The fixed colour of each phase; those of the phase numbers `hidden` are transparent."""
    from napari.utils.colormaps import DirectLabelColormap

    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for number, colour in [*COLOURS.items(), (UNSURE, UNSURE_COLOUR)]:
        colours[int(number) + 1] = "transparent" if number in hidden else colour
    return DirectLabelColormap(color_dict=colours)


def hidden_phases(layer: Labels) -> set[int]:
    """The phase numbers that `phase_colormap` made transparent."""
    colours = layer.colormap.color_dict
    return {number for number in range(UNSURE + 1) if colours[number + 1][3] == 0}


def result_table(prediction: Prediction, truth: NDArray[np.int8], synthetic: NDArray[np.bool_]) -> pd.DataFrame:
    """The columns of ``phases.csv``, and what is known of each cell besides."""
    table = prediction.to_table()
    table["truth"] = [phase_label(int(number)) for number in truth]
    table["synthetic"] = synthetic
    return table


def prediction_of(layer: Labels) -> Prediction:
    """What the model said, out of a phase layer's table."""
    return _prediction(layer, layer.features)


def prediction_of_real(layer: Labels) -> Prediction:
    """`prediction_of` real cells, or of all where none is real: made cells say nothing about a sample."""
    synthetic = layer.features["synthetic"].to_numpy(bool)
    return _prediction(layer, layer.features if synthetic.all() else layer.features[~synthetic])


def _prediction(layer: Labels, table: pd.DataFrame) -> Prediction:
    dna_content = table["dna_content"].to_numpy(np.float32)
    unfamiliar = table["unfamiliar"] if "unfamiliar" in table and table["unfamiliar"].notna().all() else None
    return Prediction(
        sources=table["source"].to_numpy(str),
        ids=table["cell"].to_numpy(np.int64),
        probabilities=table[[f"p_{name}" for name in PHASE_LABELS]].to_numpy(np.float32),
        dna_content=None if np.isnan(dna_content).all() else dna_content,
        min_probability=layer.metadata[KEY]["min_probability"],
        synthetic=table["synthetic"].to_numpy(bool),
        unfamiliar=None if unfamiliar is None else unfamiliar.to_numpy(bool),
    )


def truth_of(layer: Labels) -> NDArray[np.int8]:
    """True phases out of a phase layer's table, `UNKNOWN` where nobody says it."""
    numbers = {phase.label: int(phase) for phase in Phase}
    return np.array([numbers.get(label, UNKNOWN) for label in layer.features["truth"]], np.int8)
