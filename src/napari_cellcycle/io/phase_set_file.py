"""A phase set of the user's own: a small text file with one phase a line."""

from __future__ import annotations

from pathlib import Path

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.plain_files import plain_bytes
from napari_cellcycle.phase_sets import NAMED_SETS, PhaseSet, parse_lines, phase_set

PHASES_FLAG = "--phases"
_MOST_BYTES = 64 * 1024


def read_phase_set(text: str) -> PhaseSet:
    """Read a phase set as the user gives it on the command line.

    Parameters
    ----------
    text : str
        The name of a set, a list such as ``G1,S,G2/M``, or a text file with one phase a line: ``G1``,
        ``late = G2 + mitosis``, ``dead``. What follows ``#`` is a comment.

    Returns
    -------
    PhaseSet

    Raises
    ------
    SettingError
        It is none of these, or its phases overlap.
    ReadError
        The file can't be read.
    """
    if text.strip().lower() in NAMED_SETS or not _is_file(text.strip()):
        return phase_set(text)
    path = Path(text.strip())
    try:
        lines = plain_bytes(path, _MOST_BYTES).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ReadError(f"{path} can't be read as a phase set ({error.strerror}); check the file") from error
    except UnicodeDecodeError as error:
        raise ReadError(f"{path} is no text in UTF-8; list one phase a line, as in late = G2 + mitosis") from error
    if len(lines) == 1 and "," in lines[0]:
        lines = lines[0].split(",")
    return parse_lines(lines, path.name)


def _is_file(text: str) -> bool:
    try:
        return bool(text) and Path(text).is_file()
    except (OSError, ValueError):  # no name of a file at all
        return False
