"""Phases that were painted on a gallery, over a new gallery that holds its cells and made ones after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_cellcycle.gui.layers.build import phase_layer
from napari_cellcycle.gui.layers.labelled import LabelledGallery
from napari_cellcycle.gui.layers.source import KEY, PHASE, find_layer, source_of
from napari_cellcycle.gui.layers.status_bar import describe_in_status_bar
from napari_cellcycle.phases import PHASE_LABELS

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel

    from napari_cellcycle.gui.layers.gallery import OpenedGallery
    from napari_cellcycle.gui.layers.labelled import Labelled


def copy_phases(viewer: ViewerModel, labelled: Labelled | None, opened: OpenedGallery) -> None:
    """Add a phase layer to the new gallery, if phases were painted on the old one; made cells are what they are."""
    from napari.layers import Layer

    if not isinstance(labelled, LabelledGallery) or labelled.phases is None:
        return
    old, new = labelled.source, opened.source
    layer = find_layer(viewer.layers, old.group, PHASE)
    if layer is None:  # removed meanwhile
        return
    numbers = np.zeros(new.n_cells, np.uint8)
    numbers[: old.n_shown] = old.grid.read_phases(layer.data)
    beyond = opened.table.iloc[old.n_cells :]
    numbers[old.n_cells :] = [PHASE_LABELS.index(label) + 1 for label in beyond["truth"]]
    table = _with_made(layer.features, beyond)
    known = layer.metadata[KEY]
    data, options, kind = phase_layer(
        new.grid.draw_outlines(numbers),
        table,
        new,
        model=known["model"],
        min_probability=known["min_probability"],
    )
    group = [other for other in viewer.layers if (its := source_of(other)) is not None and its.group == new.group]
    carried = Layer.create(data, {**options, "scale": group[0].scale, "units": group[0].units}, kind)
    for other in [*group, carried]:
        describe_in_status_bar(other, new.grid, table)
    viewer.add_layer(carried)


def _with_made(table: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """Rows of made cells, whose phase nobody has to guess, under those of a table of results."""
    import pandas as pd

    columns = {name: made[name] for name in ("source", "cell", "truth", "synthetic")}
    columns |= {"phase": made["truth"], "probability": np.ones(len(made), np.float32)}
    columns |= {f"p_{label}": (made["truth"] == label).astype(np.float32) for label in PHASE_LABELS}
    columns |= {"dna_content": np.full(len(made), np.nan, np.float32), "unfamiliar": np.zeros(len(made), bool)}
    rows = pd.DataFrame({name: columns[name] for name in table if name in columns})
    return pd.concat([table, rows], ignore_index=True)
