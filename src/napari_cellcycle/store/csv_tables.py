"""A table of cells as CSV text, and back with the same types: what layers and projects keep of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from napari_cellcycle.errors import ReadError

if TYPE_CHECKING:
    import pandas as pd

_TEXTS = {"source", "truth", "phase", "label", "annotator", "drawn"}
"""Columns that stay text whatever is in them: a file may be called 7, and a cell without a true phase has none."""
_BOOLEANS = {"True": True, "False": False}


def to_csv(table: pd.DataFrame) -> bytes:
    """The table as UTF-8."""
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text.encode()


def from_csv(data: bytes) -> pd.DataFrame:
    """What `to_csv` wrote. Numbers with gaps have NaN in them, and columns of texts are as they were.

    Raises
    ------
    ReadError
        It is no table.
    """
    import pandas as pd

    try:
        table: pd.DataFrame = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:  # pandas' own errors are ValueErrors
        raise ReadError(f"it is no table ({str(error).splitlines()[0]})") from error
    for name in table:
        if name not in _TEXTS:
            table[name] = _numbers(table[name])
    return table


def _numbers(column: pd.Series[str]) -> pd.Series[float] | pd.Series[bool] | pd.Series[str]:
    """As truth values, or as numbers, where all of them are."""
    import pandas as pd

    if len(column) and column.isin(_BOOLEANS).all():
        return column.map(_BOOLEANS).astype(bool)
    numbers = pd.to_numeric(column.where(column != "", "nan"), errors="coerce")
    return numbers if (numbers.notna() | column.isin(["", "nan"])).all() else column
