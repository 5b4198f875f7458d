"""Settings as they stand in files that are passed on: without the folders of a user's computer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any


def shared_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings; of a path from the root, or out of the working folder, only the last name.

    Examples
    --------
    >>> shared_settings({"model": "/home/anna/runs/mine,default", "input": ["plate/G1", "../anna/a.tif"], "seed": 0})
    {'model': 'mine,default', 'input': ['plate/G1', 'a.tif'], 'seed': 0}
    """
    return {name: _shared(value) for name, value in settings.items()}


def _shared(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_shared(one) for one in value]
    if isinstance(value, Mapping):
        return shared_settings(value)
    return ",".join(map(_without_folders, value.split(","))) if isinstance(value, str) else value


def _without_folders(text: str) -> str:
    is_windows = bool(PureWindowsPath(text).drive)
    path = PureWindowsPath(text) if is_windows else PurePosixPath(text)
    leads_out = path.is_absolute() or is_windows or ".." in path.parts or text.startswith("~")
    return path.name if leads_out else text
