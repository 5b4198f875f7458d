"""What is known of one cell, in words."""

from __future__ import annotations

import numpy as np

from napari_cellcycle.annotate.label_table import DISPUTED_LABEL
from napari_cellcycle.browse.columns import Numbers
from napari_cellcycle.browse.table import DNA, PROBABILITY, UNLIKE, CellTable
from napari_cellcycle.phases import UNKNOWN


def cell_facts(table: CellTable, row: int) -> list[str]:
    """Everything that is known of a cell but its image and all its probabilities, one short text each.

    Parameters
    ----------
    table : CellTable
        The cells.
    row : int
        Which one.

    Returns
    -------
    list of str
        Where it comes from, its call, its label with who gave it, and the rest.
    """
    cells, labels = table.cells, table.labels
    kind = "synthetic cell" if cells.synthetic[row] else "cell"
    facts = [f"{cells.sources[row]}, {kind} {cells.ids[row]}"]
    if (called := int(table.called[row])) != UNKNOWN:
        facts.append(f"called {table.phase_set.label(called)} ({_number(table, PROBABILITY, row):.0%})")
    said = labels.decision_of(row)
    if labels.disputed[row]:
        facts.append(f"{DISPUTED_LABEL}: {', '.join(f'{label} ({name})' for name, label in said.items())}")
    else:
        facts += [f"label {label} by {name}" for name, label in said.items()]
    if (given := int(labels.given[row])) != UNKNOWN:
        facts.append(f"{table.phase_set.label(given)} by folder or table")
    if np.isfinite(content := _number(table, DNA, row)):
        facts.append(f"DNA content {content:.1f} C")
    if UNLIKE in table.names and table.column(UNLIKE).text(row) == "unlike":
        facts.append("unlike the training cells")
    return facts + [f"{name} {texts[row]}" for name, texts in cells.columns.items() if texts[row]]


def _number(table: CellTable, name: str, row: int) -> float:
    column = table.column(name) if name in table.names else None
    return float(column.values[row]) if isinstance(column, Numbers) else float("nan")
