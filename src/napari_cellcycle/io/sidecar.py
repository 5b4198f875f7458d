"""The table beside a stack of cells: which cell came from where, and its phase."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ReadError
from napari_cellcycle.phases import UNKNOWN, parse_phase, phase_label

if TYPE_CHECKING:
    from napari_cellcycle.cells import Cells

_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".ome.zarr", ".zarr")


def sidecar_path(stack: Path) -> Path:
    """``cells.csv`` for ``cells.ome.tif`` and ``cells.ome.zarr``."""
    suffix = next((suffix for suffix in _SUFFIXES if stack.name.lower().endswith(suffix)), "")
    return stack.with_name(stack.name[: len(stack.name) - len(suffix)] + ".csv")


def write_sidecar(cells: Cells, path: Path) -> None:
    """Write one row a cell: its position in the stack, its source and id there, its phase, if it is synthetic."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "cell": np.arange(len(cells)),
            "source": cells.sources,
            "id": cells.ids,
            "phase": [phase_label(int(phase)) for phase in cells.phases],
            "synthetic": cells.synthetic,
        }
    )
    table.to_csv(path, index=False)


def read_sidecar(stack: Path, n_cells: int) -> NDArray[np.int8] | None:
    """Phases, shape (N,), that the table beside a stack of cells tells; None where there is no such table.

    Raises
    ------
    ReadError
        The table is damaged, or of another number of cells.
    """
    import pandas as pd

    path = sidecar_path(stack)
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ReadError(f"{path.name} can't be read ({error}); write it anew, or move it away") from error
    if "phase" not in table:
        return None
    if len(table) != n_cells:
        raise ReadError(f"{path.name} tells of {len(table)} cells, but {stack.name} holds {n_cells}; move it away")
    phases = [parse_phase(text) for text in table["phase"]]
    return np.array([UNKNOWN if phase is None else int(phase) for phase in phases], np.int8)
