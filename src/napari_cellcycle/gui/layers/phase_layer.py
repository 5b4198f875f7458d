"""The phase layer: the phase of each cell in colour, as a Labels layer over its images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, ROLES
from napari_cellcycle.gui.layers.data_set import DataSet, remember_data_set
from napari_cellcycle.gui.layers.gallery import OpenedGallery
from napari_cellcycle.gui.layers.gallery_layers import LayerData
from napari_cellcycle.gui.layers.labelled_phases import LabelledPhases
from napari_cellcycle.gui.layers.phase_table import verdict_of
from napari_cellcycle.gui.layers.position import position_of
from napari_cellcycle.gui.layers.source import (
    KEY,
    PHASE,
    FieldSource,
    GallerySource,
    Source,
    find_layer,
    layer_name,
    metadata_for,
    phase_set_of,
    role_of,
    source_of,
)
from napari_cellcycle.gui.layers.status_bar import describe_in_status_bar
from napari_cellcycle.images.cell_map import CellMap
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.phases import greyed

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer
    from napari.utils.colormaps import DirectLabelColormap

    from napari_cellcycle.verdict import Verdict


def phase_layer(
    picture: NDArray[np.uint8],
    table: pd.DataFrame,
    source: Source,
    *,
    model: str,
    min_probability: float,
    verdict: Verdict | None = None,
    force: bool = False,
    phases: PhaseSet = SEVEN,
) -> LayerData:
    """The Labels layer of phase numbers: 0 none, from 1 on the phases in order, then unsure (8 among the seven).

    Where the `verdict` is that the phases mean nothing, they are greyed. `force` lets the legend show their shares.
    """
    known: dict[str, Any] = {"model": model, "min_probability": min_probability, "force": force}
    known["phase_set"] = phases.to_text()
    known["verdict"] = None if verdict is None else verdict.to_dict()
    options = {
        "name": layer_name(PHASE, source),
        "metadata": metadata_for(source, PHASE, **known),
        "features": table,
        "colormap": phase_colormap(phases, is_greyed=verdict is not None and not verdict.reliable),
        "opacity": 1.0,
    }
    return picture, options, "labels"


def phase_numbers(phases: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Numbers of the phase picture from those of a `Prediction`."""
    return (phases + 1).astype(np.uint8)


def phase_colormap(phases: PhaseSet, hidden: Collection[int] = (), *, is_greyed: bool = False) -> DirectLabelColormap:
    """The fixed colour of each phase, or nearly grey; those of the phase numbers `hidden` are transparent."""
    from napari.utils.colormaps import DirectLabelColormap

    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for number, colour in enumerate(phases.all_colours):
        shown = greyed(colour) if is_greyed else colour
        colours[number + 1] = "transparent" if number in hidden else shown
    return DirectLabelColormap(color_dict=colours)


def hidden_phases(layer: Labels) -> set[int]:
    """The phase numbers that `phase_colormap` made transparent."""
    colours = layer.colormap.color_dict
    return {number for number in range(len(phase_set_of(layer)) + 1) if colours[number + 1][3] == 0}


def show_phases(
    viewer: ViewerModel, data_set: DataSet, new: LayerData, cells: CellMap, field: Sequence[Layer] = ()
) -> Labels:
    """Add the phase layer, or refresh the one that is there, and describe its cells in the status bar.

    Cells that have a label are shown in its phase. Other phase layers are hidden. `field` are the user's own layers
    that show the same cells.
    """
    from napari.layers import Layer

    data, options, kind = new
    source, labels = data_set.source, data_set.labels
    below = [*field, *_layers_of(viewer, source)]
    layer = find_layer(viewer.layers, source.group, PHASE)
    if layer is None:
        layer = Layer.create(data, {**options, **position_of(below, data.ndim)}, kind)
    else:
        for name in ("metadata", "features", "colormap"):  # metadata first: listeners to the features read it
            setattr(layer, name, options[name])
        layer.data, layer.visible = data, True
    remember_data_set([*below, layer], data_set)
    LabelledPhases(layer, cells, labels, viewer).redraw()
    for one in [*below, layer]:
        describe_in_status_bar(one, cells, options["features"], labels)
    for other in viewer.layers:
        if source_of(other) is not None and role_of(other) == PHASE and other is not layer:
            other.visible = False
    if layer not in viewer.layers:
        viewer.add_layer(layer)
    viewer.layers.selection.active = layer
    return layer


def copy_phases(viewer: ViewerModel, old: GallerySource, opened: OpenedGallery) -> None:
    """Copy the phase layer of a gallery to a new one that holds the same cells, and synthetic cells after them.

    The phase of a synthetic cell is known, so no model calls it.
    """
    from napari.layers import Layer

    new, layer = opened.source, find_layer(viewer.layers, old.group, PHASE)
    if layer is None:  # the user has removed it
        return
    synthetic = opened.table.iloc[old.n_cells :]
    known, table = layer.metadata[KEY], _with_synthetic(layer.features, synthetic, phase_set_of(layer))
    data, options, kind = phase_layer(
        np.zeros(new.grid.shape, np.uint8),
        table,
        new,
        model=known["model"],
        min_probability=known["min_probability"],
        verdict=verdict_of(layer),
        force=known.get("force", False),
        phases=phase_set_of(layer),
    )
    below = _layers_of(viewer, new)
    copied = Layer.create(data, {**options, **position_of(below, data.ndim)}, kind)
    remember_data_set([copied], opened.data_set)
    LabelledPhases(copied, new.grid, opened.data_set.labels, viewer).redraw()
    for other in [*below, copied]:
        describe_in_status_bar(other, new.grid, table, opened.data_set.labels)
    viewer.add_layer(copied)


def list_sources(layers: Iterable[Layer]) -> list[Source]:
    """Galleries, and fields whose cells were classified, the newest first."""
    found: dict[str, Source] = {}
    for layer in layers:
        source = source_of(layer)
        if source is not None:
            found[source.group] = source
    return list(found.values())[::-1]


def channels_of(layers: Iterable[Layer], source: Source) -> set[str]:
    """What the images of some cells show."""
    if isinstance(source, FieldSource):
        return {BRIGHTFIELD, DARKFIELD} if source.darkfield else {BRIGHTFIELD}
    return {role_of(layer) for layer in layers if source_of(layer) == source} & set(ROLES)


def _with_synthetic(table: pd.DataFrame, synthetic: pd.DataFrame, phases: PhaseSet) -> pd.DataFrame:
    """A table of results with the rows of synthetic cells after it."""
    import pandas as pd

    columns = {name: synthetic[name] for name in ("source", "cell", "truth", "synthetic")}
    columns |= {"phase": synthetic["truth"], "probability": np.ones(len(synthetic), np.float32)}
    columns |= {f"p_{label}": (synthetic["truth"] == label).astype(np.float32) for label in phases.names}
    columns |= {
        "dna_content": np.full(len(synthetic), np.nan, np.float32),
        "unfamiliar": np.zeros(len(synthetic), bool),
        "reliable": np.ones(len(synthetic), bool),
    }
    rows = pd.DataFrame({name: columns[name] for name in table if name in columns})
    return pd.concat([table, rows], ignore_index=True)


def _layers_of(viewer: ViewerModel, source: Source) -> list[Layer]:
    return [layer for layer in viewer.layers if (its := source_of(layer)) is not None and its.group == source.group]
