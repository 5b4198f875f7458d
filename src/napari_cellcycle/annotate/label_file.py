"""The file that keeps labels: one line for each decision, added when it is made and never changed.

So a program that is killed loses no decision, several people can label the same cells, and the file tells how a label
came about.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from napari_cellcycle.annotate.queue_names import EVERY_CELL, RANDOM
from napari_cellcycle.errors import ReadError, WriteError
from napari_cellcycle.io.plain_files import check_plain, plain_bytes
from napari_cellcycle.store.strict import Name, Strict, Text

__all__ = [
    "BY_HAND",
    "CONTROL",
    "EVERY_CELL",
    "PERSON",
    "RANDOM",
    "Decision",
    "append_decisions",
    "read_decisions",
]

PERSON, CONTROL = "person", "control"
BY_HAND = "by hand"
"""How a cell came to be labelled if no queue proposed it: somebody picked it."""
VERSION = 1
_MOST_BAD_LINES = 5  # that are named one by one


class _Header(Strict):
    napari_cellcycle_labels: Literal[1]


class _Line(Strict):
    source: Text
    cell: Annotated[int, Field(ge=-(2**62), le=2**62)]
    label: Text
    sure: bool
    annotator: Name
    kind: Literal["person", "control"]
    drawn: Text
    when: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    at: Annotated[list[Annotated[float, Field(ge=0, le=1e9)]], Field(min_length=2, max_length=2)] | None = None


@dataclass(frozen=True)
class Decision:
    """What somebody decided about one cell.

    Attributes
    ----------
    source, cell : str, int
        The cell, as in the table of results.
    label : str
        Its phase, or another name; empty where a label was taken back, or where the phase can't be told.
    sure : bool
        False if the cell was looked at and can't be told; its label, if there is one, is a guess that nothing uses.
    annotator : str
        Who decided: a person, or the name of a control.
    kind : {"person", "control"}
        Whether it was a person. What a person says counts for more than what a control says.
    drawn : str
        How the cell came to be labelled: `RANDOM`, the name of another queue, or `BY_HAND`.
    when : str
        Date and time (UTC), as in ``2026-11-27T09:30:00Z``.
    at : list of two floats, or None
        Row and column of the cell's middle in a full-field image, in pixels. There the numbers of cells change when
        they are found or labelled anew, but the cells stay where they are.
    """

    source: str
    cell: int
    label: str
    sure: bool
    annotator: str
    kind: str
    drawn: str
    when: str
    at: list[float] | None = None


def read_decisions(path: Path) -> tuple[list[Decision], list[str]]:
    """Read a file of labels.

    Parameters
    ----------
    path : Path
        May be missing: then nothing was decided yet.

    Returns
    -------
    decisions : list of Decision
        In the order in which they were made.
    notes : list of str
        Which lines can't be read and are left out.

    Raises
    ------
    ReadError
        It is no file of labels, or of a newer version.
    """
    try:
        lines = plain_bytes(path).split(b"\n")
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise ReadError(f"the labels in {path} can't be read ({error.strerror})") from error
    if lines == [b""]:
        return [], []
    _check_header(lines[0], path)
    adapter, decisions, bad = TypeAdapter(_Line), [], []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            decisions.append(Decision(**vars(adapter.validate_json(line))))
        except ValidationError:
            bad.append(number)
    return decisions, _notes(path, bad)


def append_decisions(path: Path, decisions: Iterable[Decision]) -> None:
    """Add decisions to a file of labels, which is created if it is missing.

    They are handed to the operating system at once, as one piece, so that they outlive this program.

    Parameters
    ----------
    path : Path
        The file.
    decisions : iterable of Decision
        In the order in which they were made.

    Raises
    ------
    WriteError
        The file can't be written. Then nothing of it counts as decided.
    """
    text = "".join(_line(decision) for decision in decisions)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        append_lines(path, text, json.dumps({"napari_cellcycle_labels": VERSION}) + "\n")
    except OSError as error:
        raise WriteError(
            f"the labels can't be written to {path} ({error.strerror}); free some space, or copy the data to a folder "
            "of your own"
        ) from error


def append_lines(path: Path, text: str, header: str = "") -> None:
    """Add whole lines to a file, or nothing.

    Parameters
    ----------
    path : Path
        Is created if it is missing, but its folder is not.
    text : str
        The lines.
    header : str
        What a new file begins with.

    Raises
    ------
    OSError
        It can't be written; then it is as it was.
    """
    if path.exists():
        check_plain(path)
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        start = "" if size else header
        if size and not _ends_with_newline(path):
            start = "\n"  # after a line that was cut off when a disk was full
        _write_all(file, (start + text).encode(), size)


def _line(decision: Decision) -> str:
    said = dict(vars(decision))
    if decision.at is None:
        del said["at"]
    return json.dumps(said, ensure_ascii=True) + "\n"


def _write_all(file: Any, data: bytes, size: int) -> None:
    """Write `data` after the first `size` bytes, or nothing."""
    try:
        written = file.write(data)
        while written < len(data):
            written += file.write(data[written:])
    except OSError:
        file.truncate(size)
        raise


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _check_header(line: bytes, path: Path) -> None:
    try:
        TypeAdapter(_Header).validate_json(line)
    except ValidationError as error:
        raise ReadError(
            f"{path} is no file of labels, or one of a newer version; move it to another place, or update this program"
        ) from error


def _notes(path: Path, bad: Sequence[int]) -> list[str]:
    if not bad:
        return []
    named = ", ".join(map(str, bad[:_MOST_BAD_LINES])) + (", ..." if len(bad) > _MOST_BAD_LINES else "")
    lines = f"line {named} is" if len(bad) == 1 else f"{len(bad):,} lines ({named}) are"
    return [f"{path.name}: {lines} damaged and left out"]
