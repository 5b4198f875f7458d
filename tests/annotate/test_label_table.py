"""Labels of cells: what annotators say together, undo, and the file that keeps every decision."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellcycle.annotate.label_file import CONTROL, PERSON, RANDOM, Decision, append_decisions, read_decisions
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.errors import ReadError, WriteError
from napari_cellcycle.phases import UNKNOWN

WHEN = "2026-11-27T09:30:00Z"


def table_of(n_cells: int = 6, path: Path | None = None, annotator: str = "anna", **options: object) -> LabelTable:
    return LabelTable(["a.tif"] * n_cells, range(n_cells), path=path, annotator=annotator, **options)


def said(cell: int, label: str, annotator: str, *, kind: str = PERSON, sure: bool = True) -> Decision:
    return Decision("a.tif", cell, label, sure, annotator, kind, RANDOM, WHEN)


def test_a_label_replaces_what_the_files_say_and_undo_brings_it_back() -> None:
    table = table_of(given=[0, 0, 1, 1, UNKNOWN, UNKNOWN])
    table.decide([0, 4], "Metaphase")
    assert table.phases.tolist() == [4, 0, 1, 1, 4, UNKNOWN]
    table.decide([0], "")
    assert table.phases.tolist() == [0, 0, 1, 1, 4, UNKNOWN]
    assert table.undo().tolist() == [0]
    assert table.phases[0] == 4
    table.undo()
    assert table.phases.tolist() == [0, 0, 1, 1, UNKNOWN, UNKNOWN]
    assert table.undo().size == 0
    table.redo()
    assert table.phases.tolist() == [4, 0, 1, 1, 4, UNKNOWN]


def test_an_unsure_cell_has_no_phase_whatever_the_files_say() -> None:
    table = table_of(given=[0] * 6)
    table.decide([1], "", sure=False)
    table.decide([2], "G2", sure=False)
    assert table.phases.tolist() == [0, UNKNOWN, UNKNOWN, 0, 0, 0]
    assert table.unsure.tolist() == [False, True, True, False, False, False]
    assert table.texts()["label"].tolist() == ["", "unsure", "unsure", "", "", ""]


def test_persons_count_for_more_than_a_control_and_most_of_them_must_agree() -> None:
    table = table_of()
    table.load(
        [
            said(0, "G1", "gate", kind=CONTROL),
            said(1, "G1", "gate", kind=CONTROL),
            said(1, "S", "anna"),
            said(2, "G2", "anna"),
            said(2, "S", "ben"),
            said(3, "G2", "anna"),
            said(3, "S", "ben"),
            said(3, "S", "eva"),
            said(4, "G2", "anna"),
            said(4, "G2", "anna"),
            said(4, "", "anna"),
        ]
    )
    assert table.phases.tolist() == [0, 1, UNKNOWN, 1, UNKNOWN, UNKNOWN]
    assert table.disputed.tolist() == [False, False, True, False, False, False]
    assert table.texts()["annotator"].tolist() == ["gate", "gate + anna", "anna + ben", "anna + ben + eva", "", ""]
    assert table.decision_of(2) == {"anna": "G2", "ben": "S"}


def test_every_decision_is_in_the_file_when_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    table = table_of(path=path)
    table.decide([1, 3], "S", drawn=["random", "least sure"])
    table.undo()
    table.redo()
    decisions, notes = read_decisions(path)
    assert [(d.cell, d.label, d.drawn) for d in decisions][-2:] == [(1, "S", "random"), (3, "S", "least sure")]
    assert len(decisions) == 6
    assert not notes
    again = table_of(path=path)
    assert again.load(decisions) == 0
    assert again.phases.tolist() == table.phases.tolist()
    assert again.drawn_at_random.tolist() == [False, True, False, False, False, False]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("decide"), st.sets(st.integers(0, 5), min_size=1), st.sampled_from(["G1", "S", "", "dead"])
            ),
            st.tuples(st.just("unsure"), st.sets(st.integers(0, 5), min_size=1), st.just("")),
            st.tuples(st.sampled_from(["undo", "redo"]), st.just(set()), st.just("")),
        ),
        max_size=30,
    )
)
def test_the_file_tells_the_same_as_the_table_after_any_work(
    tmp_path_factory: pytest.TempPathFactory, work: list
) -> None:
    path = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    table = table_of(path=path, given=[0, 1, 2, UNKNOWN, UNKNOWN, UNKNOWN])
    for what, rows, label in work:
        if what in ("undo", "redo"):
            getattr(table, what)()
        else:
            table.decide(sorted(rows), label, sure=what == "decide")
    again = table_of(given=table.given)
    again.load(read_decisions(path)[0])
    for name in ("phases", "unsure", "disputed", "decided"):
        assert getattr(again, name).tolist() == getattr(table, name).tolist()
    while table.can_undo:
        table.undo()
    assert table.phases.tolist() == table.given.tolist()


def test_lines_that_are_damaged_are_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    append_decisions(path, [said(0, "G1", "anna"), said(1, "S", "anna")])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])  # as when a disk is full
    decisions, notes = read_decisions(path)
    assert [d.cell for d in decisions] == [0]
    assert notes == ["labels.jsonl: line 3 is damaged and left out"]
    append_decisions(path, [said(2, "G2", "anna")])
    assert [d.cell for d in read_decisions(path)[0]] == [0, 2]


VERSION_1 = """\
{"napari_cellcycle_labels": 1}
{"source": "a.tif", "cell": 0, "label": "G1", "sure": true, "annotator": "anna", "kind": "person", "drawn": "random", \
"when": "2026-11-27T09:30:00Z"}
{"source": "a.tif", "cell": 1, "label": "dead", "sure": true, "annotator": "anna", "kind": "person", "drawn": "", \
"when": "2026-11-27T09:30:01Z", "at": [10.5, 20.0]}
{"source": "a.tif", "cell": 2, "label": "", "sure": false, "annotator": "gate", "kind": "control", "drawn": "by hand", \
"when": "2026-11-27T09:30:02Z"}
"""


def test_files_of_the_first_version_are_read_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(VERSION_1)
    decisions, notes = read_decisions(path)
    assert not notes
    assert [(d.cell, d.label, d.sure, d.at) for d in decisions] == [
        (0, "G1", True, None),
        (1, "dead", True, [10.5, 20.0]),
        (2, "", False, None),
    ]


def test_in_a_field_a_label_follows_its_cell(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    before = LabelTable(["f.tif"] * 3, [1, 2, 3], path=path, positions=[(10, 10), (50, 50), (90, 20)])
    before.decide([0, 2], "Metaphase")
    # found anew: another order, one cell gone, one moved a little
    after = LabelTable(["f.tif"] * 2, [1, 2], positions=[(92, 23), (52, 48)])
    assert after.load(read_decisions(path)[0]) == 1
    assert after.phases.tolist() == [4, UNKNOWN]


@pytest.mark.parametrize("content", [b"a note\n", b'{"napari_cellcycle_labels": 2}\n', b"\xff\xfe\x00", b"[]\n"])
def test_another_file_is_not_taken_for_labels(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_bytes(content)
    with pytest.raises(ReadError, match="no file of labels"):
        read_decisions(path)


@pytest.mark.parametrize(
    "change",
    [{"cell": "1"}, {"cell": 1e300}, {"sure": 1}, {"when": "today"}, {"kind": "ghost"}, {"more": 1}, {"annotator": ""}],
)
def test_a_line_that_can_not_be_right_is_left_out(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "labels.jsonl"
    append_decisions(path, [said(0, "G1", "anna")])
    line = json.loads(path.read_text().splitlines()[1]) | change
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    decisions, notes = read_decisions(path)
    assert len(decisions) == 1
    assert len(notes) == 1


def test_a_decision_that_can_not_be_kept_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    table = table_of(path=tmp_path / "file" / "labels.jsonl")
    with pytest.raises(WriteError, match="labels can't be written"):
        table.decide([0], "G1")
    assert not table.decided.any()
    assert not table.can_undo


ANNOTATE_UNTIL_KILLED = """
import sys
from pathlib import Path
from napari_cellcycle.annotate.label_table import LabelTable
table = LabelTable(["a.tif"] * 1000, range(1000), path=Path(sys.argv[1]), annotator="anna")
for cell in range(1000):
    table.decide([cell], "S")
    print(cell, flush=True)
"""


def test_a_killed_program_loses_no_decision(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    command = [sys.executable, "-c", ANNOTATE_UNTIL_KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        made = [int(process.stdout.readline()) for _ in range(50)]
        process.kill()
        made += [int(line) for line in process.stdout.read().split()]
    assert {d.cell for d in read_decisions(path)[0]} >= set(made)


def test_a_million_cells_are_counted_and_labelled_at_once() -> None:
    table = LabelTable(np.repeat([f"{i}.tif" for i in range(10)], 100_000), np.tile(np.arange(100_000), 10))
    table.decide(np.arange(0, 1_000_000, 2), "G2")
    assert table.counts[2] == 500_000
    assert table.load([Decision("9.tif", 99_999, "S", True, "ben", PERSON, RANDOM, WHEN)]) == 0
    assert table.phases[-1] == 1


def test_a_control_labels_every_cell_and_another_run_replaces_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "cellcycle_labels.jsonl"
    table = table_of(path=path)
    changed = table.replace_labels("gate: Ch4", ["G1", "S", "G2/M", "", "G1", "G1"], [True] * 5 + [False])
    assert changed.tolist() == [0, 1, 2, 4, 5]
    before = path.read_bytes()
    assert table.replace_labels("gate: Ch4", ["G1", "S", "G2/M", "", "G1", "G1"], [True] * 5 + [False]).size == 0
    assert path.read_bytes() == before
    table.decide([0], "Metaphase")
    assert table.replace_labels("gate: Ch4", ["S", "S", "", "", "G1", "G1"], [True] * 6).tolist() == [0, 2, 5]
    assert path.read_bytes().startswith(before)
    again = table_of(path=path)
    again.load(read_decisions(path)[0])
    for each in (table, again):
        assert each.texts()["label"].tolist() == ["Metaphase", "S", "", "", "G1", "G1"]
        assert each.phases.tolist() == [4, 1, UNKNOWN, UNKNOWN, 0, 0]
        assert each.texts()["drawn"].tolist() == ["by hand", "every cell", "", "", "every cell", "every cell"]
        assert not each.drawn_at_random.any()
    table.undo()
    assert table.texts()["label"][0] == "S"
    assert {decision.kind for decision in read_decisions(path)[0]} == {CONTROL, PERSON}
