"""No text in a CSV runs in a spreadsheet, and each is read back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.events import result_of
from napari_cellcycle.io.calls_table import read_calls
from napari_cellcycle.io.csv_cells import csv_text, escaped, unescaped, write_columns, write_csv
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.io.writers.results import write_table
from napari_cellcycle.jobs import convert
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.convert import convert_files

EVIL = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "'=x", "-5", "+3.5e-2", "plain", ""]


@given(st.text(alphabet="'=+-@\ta1.e"))
def test_every_text_comes_back(text: str) -> None:
    assert unescaped(escaped(text)) == text


def test_numbers_stay_numbers() -> None:
    table = pd.DataFrame({"dose": ["-5", "+1e3", "-0.5"], "n": [-1, -2, -3], "x": [-0.5, np.nan, -1e-9]})
    assert csv_text(table, lineterminator="\n") == "dose,n,x\n-5,-1,-0.5\n+1e3,-2,\n-0.5,-3,-1e-09\n"
    assert csv_text(pd.DataFrame({"=a": ["=b"]}), lineterminator="\n") == "'=a\n'=b\n"


def test_calls_come_back_as_they_were(tmp_path: Path) -> None:
    chances = np.full((len(EVIL), 7), 1 / 7, np.float32)
    columns = {"@dose": np.array(EVIL)}
    write_table(Prediction(np.array(EVIL), np.arange(len(EVIL)), chances, columns=columns), tmp_path / "phases.csv")
    text = (tmp_path / "phases.csv").read_text()
    assert not any(line[:1] in "=@" for line in text.splitlines())
    found = read_calls(tmp_path / "phases.csv").prediction
    assert found.sources.tolist() == EVIL
    assert found.columns["@dose"].tolist() == EVIL


def test_the_table_of_a_stack_comes_back(tmp_path: Path, made_cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from made import finished_job

    few = made_cells.subset(np.arange(len(EVIL)))
    cells = replace(few, sources=np.array(EVIL), columns={"=dose": np.array(EVIL)})
    monkeypatch.setattr(convert, "open_cells", lambda *_: finished_job(cells))
    result_of(convert_files(["a"], tmp_path / "out.ome.tif", ReadSettings()))
    assert read_cells(tmp_path / "out.ome.tif").columns["=dose"].tolist() == EVIL


def test_a_name_that_is_no_valid_text_loses_no_table(tmp_path: Path) -> None:
    name = b"caf\xe9.tif".decode(errors="surrogateescape")
    write_table(Prediction(np.array([name]), np.zeros(1, int), np.full((1, 7), 1 / 7, np.float32)), tmp_path / "p.csv")
    assert read_calls(tmp_path / "p.csv").prediction.ids.tolist() == [0]


def test_columns_are_written_as_pandas_writes_a_table(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    texts = np.array(["=a,b.tif", 'pl"ate.tif', "x\ny", "-5", "", "ü.tif", *EVIL])[
        random.integers(0, 6 + len(EVIL), 300)
    ]
    numbers = np.exp(random.normal(0, 9, 300)).astype(np.float32)
    numbers[[0, 7]] = np.nan, 0
    columns = {"source": texts, "cell": np.arange(300), "p": numbers, "flag": numbers > 1, "+x": numbers.astype(float)}
    parts = [{name: values[rows] for name, values in columns.items()} for rows in (slice(120), slice(120, None))]
    write_columns(parts, tmp_path / "quick.csv", "%.6g")
    write_csv(pd.DataFrame(columns), tmp_path / "pandas.csv", float_format="%.6g")
    assert (tmp_path / "quick.csv").read_bytes() == (tmp_path / "pandas.csv").read_bytes()
