"""What the plugin keeps for a user outside of any project: where finished runs are, so that they are found by name."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

from napari_cellcycle.errors import ModelError
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.store.strict import Name, Strict, parse, read_bytes

HOME = "NAPARI_CELLCYCLE_HOME"
"""Environment variable that names the folder for what the plugin keeps of a user, instead of the system's own."""


class _Note(Strict):
    folder: Name


def models_folder() -> Path:
    """Where own models are kept unless the user names another folder."""
    return user_folder() / "models"


def remember_run(folder: Path) -> None:
    """Note where a finished run is, so that it is found by its name.

    Raises
    ------
    WriteError
        The user's data folder can't be written to.
    """
    folder = folder.resolve()
    # one file for each run: two trainings that end at once don't overwrite each other,
    # and a damaged file harms no other
    note = _registry() / f"{sha256(str(folder).encode()).hexdigest()[:16]}.json"
    with atomic_path(note) as temporary:
        temporary.write_text(json.dumps({"folder": str(folder)}), encoding="utf-8")


def remembered_runs() -> list[Path]:
    """Folders of the user's own runs, the newest first. Damaged notes are left out; a folder may be gone."""
    notes = sorted(_registry().glob("*.json"), key=_written, reverse=True)
    return [folder for note in notes if (folder := _noted_folder(note)) is not None]


def _registry() -> Path:
    """Folder of the notes that `remember_run` writes."""
    return user_folder() / "runs"


def user_folder() -> Path:
    """Where the plugin keeps what belongs to the user and to no data or project."""
    import platformdirs

    return Path(os.environ.get(HOME) or platformdirs.user_data_path("napari-cellcycle", appauthor=False))


def _written(note: Path) -> int:
    try:
        return note.stat().st_mtime_ns
    except OSError:  # gone since it was listed
        return 0


def _noted_folder(note: Path) -> Path | None:
    """What a note names; None if it is damaged."""
    try:
        return Path(parse(_Note, read_bytes(note)).folder)
    except (OSError, ModelError):
        return None
