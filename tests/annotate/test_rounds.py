"""Rounds: a figure only where there are enough cells for one, and a record that survives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.annotate.rounds import Round, append_round, held_out_figure, read_rounds, rounds_path
from napari_cellcycle.errors import WriteError
from napari_cellcycle.io.own_outputs import is_own_table


def done(number: int, **changes: object) -> Round:
    values = {
        "model": f"/models/round-{number}",
        "start_from": "default",
        "n_labels": 30 * number,
        "n_trained": 20 * number,
        "n_tested": 10 * number,
        "macro_f1": 0.5,
        "low": 0.4,
        "high": None,
        "text": "macro F1 0.5",
        "when": "2026-11-27T09:30:00Z",
    }
    return Round(**{**values, **changes})  # type: ignore[arg-type]


def test_rounds_are_kept_in_their_order_next_to_the_labels(tmp_path: Path) -> None:
    path = rounds_path(LabelTable(["a"], [0], path=tmp_path / "cellcycle_labels.jsonl"))
    assert path == tmp_path / "cellcycle_rounds.jsonl"
    assert read_rounds(path) == []
    rounds = [done(1, macro_f1=None, low=None), done(2)]
    for one in rounds:
        append_round(path, one)
    with path.open("a") as file:
        file.write('{"model": "cut off\n')
    append_round(path, done(3))
    assert read_rounds(path) == [*rounds, done(3)]
    assert is_own_table(path.name, [])


def test_labels_in_memory_keep_no_rounds() -> None:
    assert rounds_path(LabelTable(["a"], [0])) is None
    assert read_rounds(None) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="the round can't be written to"):
        append_round(tmp_path / "none" / "rounds.jsonl", done(1))


def confusion(right: list[int], wrong: int = 0) -> np.ndarray:
    table = np.diag([*right, *[0] * (7 - len(right))])
    table[0, 1] = wrong
    return table


def test_a_figure_has_its_interval_and_says_which_phases_were_not_tested() -> None:
    figure = held_out_figure(confusion([15, 10, 5], wrong=5))
    assert figure.low < figure.macro_f1 < figure.high
    assert figure.text.startswith(f"macro F1 {figure.macro_f1:.3f} ({figure.low:.3f} to {figure.high:.3f}) on 35 cells")
    assert figure.text.endswith("none of them is Prophase or Metaphase or Anaphase or Telophase")


def test_a_figure_without_interval_says_so() -> None:
    figure = held_out_figure(confusion([15, 10]))
    assert (figure.macro_f1, figure.low, figure.high) == (1, None, None)
    assert "no interval" in figure.text


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (confusion([10, 5]), "15 cells that were drawn at random are held out, but 20 are needed"),
        (confusion([]), "0 cells that were drawn at random are held out, but 20 are needed"),
        (confusion([25]), "the 25 held-out cells are all of one phase"),
    ],
)
def test_too_few_cells_give_no_bare_number(table: np.ndarray, text: str) -> None:
    figure = held_out_figure(table)
    assert (figure.macro_f1, figure.low, figure.high) == (None, None, None)
    assert text in figure.text
    assert "label more cells of the queue random" in figure.text
