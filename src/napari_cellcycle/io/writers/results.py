"""Writing results: the table of cells as CSV, Parquet or AnnData, a JSON file, an image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_cellcycle.cells import Prediction
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.csv_cells import write_columns
from napari_cellcycle.io.writers.packages import require_package

if TYPE_CHECKING:
    import pandas as pd

PARQUET_ROWS = 100_000
"""A longer table is also written as Parquet, which other programs read many times faster than CSV."""
_CSV_ROWS = 10_000
_QUICK = 2
"""Of 9 levels of compression; noise is packed no better by the usual one, 6, which takes three times as long."""


def write_table(prediction: Prediction, path: Path) -> None:
    """Write ``phases.csv``, with one row per cell; of more than `PARQUET_ROWS` cells, ``phases.parquet`` next to it.

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
        write_columns(_parts(prediction, _CSV_ROWS), temporary, float_format="%.6g")
    if len(prediction) > PARQUET_ROWS:
        write_parquet(prediction, path.with_suffix(".parquet"))


def write_parquet(prediction: Prediction, path: Path) -> None:
    """Write ``phases.parquet``: the same table as ``phases.csv``, with all digits, smaller and faster to read.

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
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    with atomic_path(path) as temporary, ExitStack() as opened:
        writer = None
        for part in _parts(prediction, PARQUET_ROWS):
            columns = {name: pa.array(values, from_pandas=True) for name, values in part.items()}
            block = pa.table(columns)
            if writer is None:
                writer = opened.enter_context(ParquetWriter(temporary, block.schema))
            writer.write_table(block)


def _parts(prediction: Prediction, n_rows: int) -> Iterator[dict[str, NDArray[Any]]]:
    """The table piece by piece, so that all of it is never in memory; of no cells, one piece without rows."""
    for start in range(0, max(len(prediction), 1), n_rows):
        yield prediction.table_columns(slice(start, start + n_rows))


def write_anndata(
    prediction: Prediction, path: Path, card: str, *, features: NDArray[np.float32] | None = None
) -> None:
    """Write an AnnData file (``.h5ad``), for scanpy and its relatives.

    `X` holds the probabilities of the phases (`var`), `obs` the table of cells, `uns["card"]` the card,
    `uns["verdict"]` whether the model fits, and `uns["phase_colors"]` their colours, for scanpy.

    Parameters
    ----------
    prediction : Prediction
        Gives the rows; see `Prediction.to_table`.
    path : Path
        The file; it is replaced if it exists.
    card : str
        The card of the model, as JSON text.
    features : ndarray of float32, shape (N, F), optional
        Features of the cells by the network of the model, for `obsm["features"]`.

    Raises
    ------
    WriteError
        The package anndata is not installed, or the file can't be written.
    """
    require_package("h5ad")
    import anndata
    import pandas as pd

    phases = pd.DataFrame(index=pd.Index(prediction.phase_set.names, dtype=object))
    content = anndata.AnnData(X=prediction.probabilities, obs=_obs(prediction), var=phases, uns={"card": card})
    content.uns["phase_colors"] = [*prediction.phase_set.all_colours]
    if prediction.verdict is not None:
        content.uns["verdict"] = prediction.verdict.to_dict()
    if features is not None:
        content.obsm["features"] = features
    with atomic_path(path) as temporary:
        content.write_h5ad(temporary)


def _obs(prediction: Prediction) -> pd.DataFrame:
    """The table with texts as categories, as AnnData can't write the texts of every version of pandas."""
    import pandas as pd

    table = prediction.to_table()
    names = [f"{source}:{cell}" for source, cell in zip(table["source"], table["cell"], strict=True)]
    texts = [name for name, values in prediction.columns.items() if values.dtype.kind == "U"]
    for name in ("source", *texts):
        table[name] = pd.Categorical(table[name].astype(object))
    # all phases and in their order, so that each has its colour; cells without a phase have a missing value
    labels = pd.Index(prediction.phase_set.all_names, dtype=object)
    table["phase"] = pd.Categorical(table["phase"].astype(object), categories=labels)
    table.index = pd.Index(names, dtype=object)
    return table.rename(columns=lambda name: name.replace("/", ""))  # HDF5 takes a slash for a group: p_G2M


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
        Image.fromarray(pixels).save(temporary, compress_level=_QUICK)
