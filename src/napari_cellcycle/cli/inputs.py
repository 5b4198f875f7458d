"""The inputs of a command: names, patterns that the shell left as they are, and lists in a file or from a pipe."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from napari_cellcycle.errors import ReadError, SettingError

STDIN = "-"


def given_inputs(names: Iterable[Path], lists: Iterable[str], *, needed: bool = True) -> list[Path]:
    """Files and folders that a command works on, in the order in which they were given.

    Parameters
    ----------
    names : iterable of Path
        Names and patterns, such as ``plate/*.cif``. A file that is called like a pattern is taken as it is.
    lists : iterable of str
        Text files with one name or pattern a line; ``-`` stands for standard input. Empty lines and those that begin
        with ``#`` are left out.
    needed : bool
        Whether no input at all is an error.

    Raises
    ------
    ReadError
        A list can't be read, or a pattern matches nothing.
    SettingError
        Nothing was given.
    """
    found = [path for name in [*names, *_listed(lists)] for path in _matching(name)]
    if needed and not found:
        raise SettingError("no input was given; name files or folders, or a list of them with --inputs-from")
    return found


def _listed(lists: Iterable[str]) -> Iterator[Path]:
    for source in lists:
        try:
            text = sys.stdin.read() if source == STDIN else Path(source).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ReadError(f"{source} is no readable list of inputs; give a text file with one name a line") from error
        lines = (line.strip() for line in text.splitlines())
        yield from (Path(line) for line in lines if line and not line.startswith("#"))


def _matching(name: Path) -> list[Path]:
    if not glob.has_magic(str(name)) or name.exists():
        return [name]
    found = sorted(glob.glob(str(name), recursive=True))
    if not found:
        raise ReadError(f"{name} matches no file or folder; check the pattern")
    return [Path(path) for path in found]
