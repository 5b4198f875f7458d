"""Results on disk: the table of cells, its summary, its picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.io.atomic import atomic_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Prediction


def write_table(prediction: Prediction, path: Path) -> None:
    """Write ``phases.csv``: one row a cell."""
    with atomic_path(path) as temporary:
        prediction.to_table().to_csv(temporary, index=False, float_format="%.6g")


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write `values` as readable JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_picture(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write RGB `pixels` (Y, X, 3) as PNG."""
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary)
