"""The table beside a stack of cells: which cell came from where, and its phase; `truth` reads it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_cellcycle.phases import phase_label

if TYPE_CHECKING:
    from napari_cellcycle.cells import Cells

_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".ome.zarr", ".zarr")


def sidecar_path(stack: Path) -> Path:
    """``cells.csv`` for ``cells.ome.tif`` and ``cells.ome.zarr``."""
    suffix = next((suffix for suffix in _SUFFIXES if stack.name.lower().endswith(suffix)), "")
    return stack.with_name(stack.name[: len(stack.name) - len(suffix)] + ".csv")


def write_sidecar(cells: Cells, path: Path) -> None:
    """Write one row a cell: its position in the stack, its source and id there, its phase, 1 if it is synthetic."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "cell": np.arange(len(cells)),
            "source": cells.sources,
            "id": cells.ids,
            "phase": [phase_label(int(phase)) for phase in cells.phases],
            "synthetic": cells.synthetic.astype(int),
        }
    )
    table.to_csv(path, index=False)
