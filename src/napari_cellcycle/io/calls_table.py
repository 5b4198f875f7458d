"""Read ``phases.csv`` again, which `classify` wrote."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import ReadError, reason_of
from napari_cellcycle.io.csv_cells import unescaped
from napari_cellcycle.io.plain_files import check_plain, plain_bytes
from napari_cellcycle.phase_sets import PhaseSet, phase_set
from napari_cellcycle.phases import UNSURE_LABEL
from napari_cellcycle.verdict import DOES_NOT_FIT, Verdict

if TYPE_CHECKING:
    import pandas as pd

_CHANCE = "p_"
_NEEDED = {"source", "cell", "phase", "probability"}
_ALONG_TRACKS = {"track": np.int64, "frame": np.int64, "parent": np.int64, "posterior": float, "cycle_position": float}
"""Columns of films whose cells were followed."""
_OURS = {*_NEEDED, "dna_content", "unfamiliar", "synthetic", "reliable"}

_MOST = 1.001  # with rounding


@dataclass(frozen=True, eq=False)
class SavedCalls:
    """What a table of calls and the summary beside it say.

    Attributes
    ----------
    prediction : Prediction
        The calls.
    models : tuple of str
        What the model is called: as it was asked for, and by its card; empty where no summary is there.
    trained_on : str
        Hash of the model's training data, empty where that is not known.
    """

    prediction: Prediction
    models: tuple[str, ...] = ()
    trained_on: str = ""


def is_calls_table(path: Path) -> bool:
    """Whether a file is a table of calls, by its heading."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    try:
        names = _heading(path)[0]
        return set(names) >= _NEEDED and len(_chances(names)) > 1
    except (OSError, UnicodeDecodeError):
        return False


def read_calls(path: Path) -> SavedCalls:
    """Read a table of calls, with the ``summary.json`` beside it if there is one.

    Raises
    ------
    ReadError
        The table or the summary can't be read.
    """
    import pandas as pd

    try:
        names, delimiter = _heading(path)
        numbers = {*_OURS, *_chances(names)} - {"source", "phase"}
        texts = {name: str for name in names if name not in numbers}
        decimal = "," if delimiter == ";" else "."  # as Excel writes it where the comma is decimal
        table = pd.read_csv(
            path,
            sep=delimiter,
            decimal=decimal,
            dtype=texts,
            encoding="utf-8-sig",
            keep_default_na=False,  # a condition may be called NA, or None
            na_values={name: [""] for name in names if name not in texts},
        )
        summary = _summary(path.with_name("summary.json"), len(table))
        for name in texts:
            table[name] = table[name].map(unescaped)
        table, columns = table.rename(columns=unescaped), [unescaped(name) for name in texts]
        return _saved(table, columns, summary)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ReadError(f"{path} can't be read as calls ({reason_of(error)}); classify the cells again") from error


def _heading(path: Path) -> tuple[list[str], str]:
    """Names of the columns, and what stands between them."""
    check_plain(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(10_000)
    delimiter = max(",;\t", key=first.count)
    return next(csv.reader([first], delimiter=delimiter), []), delimiter


def _chances(names: Sequence[str]) -> list[str]:
    """Columns of probabilities: those after that of the most probable phase."""
    after = names[names.index("probability") + 1 :]
    return list(takewhile(lambda name: name.startswith(_CHANCE), after))


def _summary(path: Path, n_cells: int) -> dict[str, Any]:
    """The summary of the same cells; empty where there is none."""
    if not path.is_file():
        return {}
    found = json.loads(plain_bytes(path))
    return found if isinstance(found, dict) and found.get("n_cells") == n_cells else {}


def _saved(table: pd.DataFrame, texts: list[str], summary: dict[str, Any]) -> SavedCalls:
    phases = _phases_of(table, summary)
    chances = table[[f"{_CHANCE}{name}" for name in phases.names]].to_numpy(np.float32)
    _check_numbers(table, chances)
    settings, model = summary.get("settings", {}), summary.get("model", {})
    prediction = Prediction(
        sources=table["source"].to_numpy(str),
        ids=table["cell"].to_numpy(np.int64),
        probabilities=chances,
        dna_content=_known(table, "dna_content", np.float32),
        min_probability=float(settings.get("min_probability", _least(table["phase"], chances))),
        unreadable={int(row): "" for row in np.flatnonzero(np.isnan(chances).any(axis=1))},
        synthetic=_known(table, "synthetic", bool),
        unfamiliar=_known(table, "unfamiliar", bool),
        columns={name: _further(table, name) for name in texts if name not in ("source", "phase")},
        model=model.get("name", ""),
        verdict=_verdict(table, summary),
        phase_set=phases,
    )
    asked = (settings.get("model", ""), model.get("name", ""))
    return SavedCalls(prediction, tuple(dict.fromkeys(filter(None, asked))), model.get("training") or "")


def _phases_of(table: pd.DataFrame, summary: dict[str, Any]) -> PhaseSet:
    """The phases of the columns of probabilities; the summary says what names of the user's own stand for."""
    names = [name.removeprefix(_CHANCE) for name in _chances(list(table))]
    written = summary.get("phase_set")
    if isinstance(written, dict) and written.get("names") == names:
        return phase_set(dict(zip(names, written["parts"], strict=True)))
    return phase_set(names)


def _check_numbers(table: pd.DataFrame, chances: NDArray[np.float32]) -> None:
    """Refuse numbers that would become others, or no calls, when they are taken as what they should be."""
    if table["cell"].dtype.kind not in "iu":
        raise ValueError("the column cell must hold whole numbers")
    if ((chances < 0) | (chances > _MOST)).any():
        raise ValueError("a probability is not in 0 to 1")


def _further(table: pd.DataFrame, name: str) -> NDArray[Any]:
    """A further column: texts, or numbers where it is one of those along tracks."""
    texts = table[name].to_numpy(str)
    if name not in _ALONG_TRACKS:
        return texts
    try:
        return np.where(texts == "", "nan", texts).astype(_ALONG_TRACKS[name])
    except ValueError:
        return texts


def _known(table: pd.DataFrame, name: str, kind: type) -> NDArray[Any] | None:
    """A column; None where it is missing, or empty."""
    if name not in table or table[name].isna().all() or (kind is bool and table[name].isna().any()):
        return None
    return table[name].to_numpy(kind)


def _least(phases: pd.Series, chances: NDArray[np.float32]) -> float:
    """A minimum probability by which the same cells are unsure."""
    unsure = (phases == UNSURE_LABEL).to_numpy()
    return float(np.nextafter(chances[unsure].max(), np.float32(2))) if unsure.any() else 0.0


def _verdict(table: pd.DataFrame, summary: dict[str, Any]) -> Verdict | None:
    if summary.get("verdict"):
        return Verdict(**summary["verdict"])
    if "reliable" not in table or table["reliable"].all():
        return None
    share = float(table["unfamiliar"].mean())
    text = f"{share:.0%} of the cells are unlike the cells that the model was trained on, so their phases mean nothing"
    return Verdict(answer=DOES_NOT_FIT, share_unlike=share, reliable=False, reason="", text=text)
