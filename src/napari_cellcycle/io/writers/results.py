"""Writing results: the table of cells, a JSON file, an image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_cellcycle.cells import Prediction
from napari_cellcycle.io.atomic import atomic_path


def write_table(prediction: Prediction, path: Path) -> None:
    """Write ``phases.csv``, with one row per cell.

    Parameters
    ----------
    prediction : Prediction
        Gives the rows; see `Prediction.to_table`.
    path : Path
        The file; it is replaced if it exists.

    Raises
    ------
    WriteError
        It can't be written.
    """
    with atomic_path(path) as temporary:
        prediction.to_table().to_csv(temporary, index=False, float_format="%.6g")


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write indented JSON.

    Parameters
    ----------
    values : dict
        Content; numbers must be finite.
    path : Path
        The file; it is replaced if it exists.

    Raises
    ------
    WriteError
        It can't be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_picture(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write an RGB image as PNG.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (Y, X, 3)
        RGB.
    path : Path
        The file; it is replaced if it exists.

    Raises
    ------
    WriteError
        It can't be written.
    """
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary)
