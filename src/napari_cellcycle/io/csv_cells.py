"""Texts in CSV files: a spreadsheet takes a cell that begins with = + - or @ for a formula, and may run it.

Such a text gets an apostrophe in front, which a spreadsheet does not show, and loses it when it is read again. Numbers
stay as they are, so that -5 remains a number.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.IGNORECASE)


def escaped(value: Any) -> Any:
    """A value as it is written: a text that looks like a formula gets an apostrophe.

    Examples
    --------
    >>> escaped("=1+1"), escaped("-5"), escaped(-5), escaped("G1"), escaped("'=1")
    ("'=1+1", '-5', -5, 'G1', "''=1")
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def unescaped(text: str) -> str:
    """What `escaped` was given.

    Examples
    --------
    >>> unescaped("'=1+1"), unescaped("-5"), unescaped("G1"), unescaped("''=1"), unescaped("'quoted'")
    ('=1+1', '-5', 'G1', "'=1", "'quoted'")
    """
    return text[1:] if _ESCAPED.match(text) else text


def csv_text(table: pd.DataFrame, **how: Any) -> str:
    """A table as CSV, without its index.

    Parameters
    ----------
    table : DataFrame
        Numbers and texts.
    **how
        As for `DataFrame.to_csv`.

    Returns
    -------
    str
        With each text, and each heading, that looks like a formula escaped.
    """
    text: str = _safe(table).to_csv(index=False, **how)
    return text


def write_csv(table: pd.DataFrame, path: Path, **how: Any) -> None:
    """Write what `csv_text` returns, piece by piece; names of files need not be valid text.

    Parameters
    ----------
    table : DataFrame
        Numbers and texts.
    path : Path
        The file.
    **how
        As for `DataFrame.to_csv`.
    """
    _safe(table).to_csv(path, index=False, errors="surrogateescape", **how)


def write_columns(parts: Iterable[Mapping[str, NDArray[Any]]], path: Path, float_format: str) -> None:
    """Write what `write_csv` writes of a table, in a fraction of the time and without all of it in memory.

    Parameters
    ----------
    parts : iterable of mapping of str to ndarray, each of shape (N,)
        Rows that follow one another, with the same columns: texts, integers, floats or truth values; NaN is left empty.
    path : Path
        The file.
    float_format : str
        As for ``%``.
    """
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, lineterminator=os.linesep)
        for number, columns in enumerate(parts):
            if not number:
                writer.writerow(map(escaped, columns))
            writer.writerows(zip(*(_written(values, float_format) for values in columns.values()), strict=True))


def _written(values: NDArray[Any], float_format: str) -> list[Any]:
    if values.dtype.kind == "f":
        return [float_format % value if value == value else "" for value in values.tolist()]
    texts: list[Any] = values.tolist()
    if values.dtype.kind == "U":
        known = {text: escaped(text) for text in dict.fromkeys(texts)}  # far fewer than cells
        return [known[text] for text in texts]
    return texts


def _safe(table: pd.DataFrame) -> pd.DataFrame:
    safe = table.rename(columns=escaped)
    for number, name in enumerate(table.columns):
        column = table.iloc[:, number]
        if not _is_text(column):
            continue
        known = {value: escaped(value) for value in column.unique()}  # far fewer than cells
        if any(value is not known[value] for value in known):
            safe[escaped(name)] = column.map(known)
    return safe


def _is_text(column: pd.Series[Any]) -> bool:
    return column.dtype.kind not in "biufcmM"
