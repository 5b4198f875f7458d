"""Files and folders that appear complete or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_cellcycle.errors import CellCycleError, WriteError, reason_of
from napari_cellcycle.io.processes import is_left_over, mark

_PREFIX = ".cellcycle-"
_TEMPORARY = re.compile(rf"{re.escape(_PREFIX)}([0-9a-f]+-\d+)-\w+")
_swept: set[Path] = set()
"""Folders in which this process looked for leftovers."""


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary path next to `path` to write to: renamed to `path` on success, removed on failure.

    A file or a folder may be written to it. An existing file is replaced; an existing folder must be empty. What a
    killed process left in the folder is removed.

    Raises
    ------
    WriteError
        The folder can't be written to, or a folder of this name is not empty.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        # not named after the file, whose name may be as long as names can be
        temporary_folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{mark()}-", dir=path.parent))
    except OSError as error:
        raise WriteError(f"can't write to {path.parent} ({reason_of(error)}); choose another folder") from error
    temporary = temporary_folder / path.name  # the same name, as writers look at the suffix
    try:
        with as_write_error(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary_folder, ignore_errors=True)


@contextmanager
def as_write_error(path: Path) -> Iterator[None]:
    """Say in one sentence that `path` can't be written, whatever the system or a library calls it.

    Raises
    ------
    WriteError
        Instead of any `OSError` that is not yet a sentence of ours.
    """
    try:
        yield
    except CellCycleError:
        raise
    except OSError as error:
        raise WriteError(
            f"can't write {path} ({reason_of(error)}); choose another folder or free some space"
        ) from error


def _sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder, up to a whole output."""
    if folder in _swept:
        return
    _swept.add(folder)
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(_PREFIX)]
    for name in names:
        found = _TEMPORARY.fullmatch(name)
        if found and is_left_over(folder / name, found[1]):
            shutil.rmtree(folder / name, ignore_errors=True)
