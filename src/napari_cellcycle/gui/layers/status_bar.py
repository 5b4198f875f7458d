"""What napari's status bar says of the cell under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.gui.layers.source import source_of
from napari_cellcycle.images.cell_map import CellMap

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Layer


def describe_in_status_bar(layer: Layer, cells: CellMap, table: pd.DataFrame, labels: LabelTable | None = None) -> None:
    """Show the cell under the cursor in napari's status bar.

    napari would take the phase number for the number of a cell, so the layer's own text is replaced.
    """
    describe = cell_descriptions(table, labels)
    plain = type(layer).get_status

    def get_status(position: Any = None, **options: Any) -> Any:
        status = plain(layer, position, **options)
        cell = None if position is None else cells.cell_at(*layer.world_to_data(position)[-cells.ndim :])
        if cell is not None:
            status["coordinates"] = status["value"] = describe(cell)
        elif source_of(layer) is not None:
            status["coordinates"], status["value"] = status["coords"], ""
        return status

    layer.get_status = get_status


def cell_descriptions(table: pd.DataFrame, labels: LabelTable | None = None) -> Callable[[int], str]:
    """What describes a cell, from a table of results or a `cell_table` and from its labels as they are at that time.

    One cell at a time, as there may be a million.
    """
    columns = {name: table[name].to_numpy() for name in table}
    called = "phase" in columns
    names = [name.removeprefix("p_") for name in columns if str(name).startswith("p_")]
    probabilities = np.stack([columns[f"p_{name}"] for name in names], axis=1) if called else np.empty((0, len(names)))

    def describe(cell: int) -> str:
        kind = "synthetic cell" if columns["synthetic"][cell] else "cell"
        parts = [f"{columns['source'][cell]} {kind} {columns['cell'][cell]}"]
        decided = {} if labels is None else labels.decision_of(cell)
        known = [f"label {label} by {annotator}" for annotator, label in decided.items()]
        if not known and columns["truth"][cell]:
            known = [f"truth {columns['truth'][cell]}"]
        if not called:
            return ", ".join([*parts, *known])
        row = probabilities[cell]
        if np.isnan(row).any():
            return f"{parts[0]}: could not be read"
        likely = [number for number in np.argsort(-row) if row[number] >= 0.01]
        shares = ", ".join(f"{names[number]} {row[number]:.0%}" for number in likely)
        parts.append(f"{columns['phase'][cell]} ({shares})")
        if np.isfinite(columns["dna_content"][cell]):
            parts.append(f"DNA {columns['dna_content'][cell]:.1f} C")
        parts += known
        if columns["unfamiliar"][cell] == 1:  # NaN where the model can't tell
            parts.append("unlike the training cells")
        return ", ".join(parts)

    return describe
