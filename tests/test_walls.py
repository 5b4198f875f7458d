"""The walls of the house: which room may import which, read from the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_cellcycle

PACKAGE = Path(napari_cellcycle.__file__).parent
NAME = "napari_cellcycle"
GUI_PACKAGES = {"qtpy", "magicgui", "superqt", "napari", "vispy", "PySide6", "PyQt6"}

FLOORS = (
    {"errors", "events", "phases", "settings", "versions", "cell_images", "cells"},
    {"images"},
    {"models", "data", "io"},
    {"training", "predict", "evaluation"},
    {"jobs"},
    {"gui", "cli", "__main__"},
)
"""A room imports from lower floors and from its own."""

FILES = sorted(PACKAGE.rglob("*.py"))


def names_of(paths: list[Path]) -> list[str]:
    return [path.relative_to(PACKAGE).as_posix() for path in paths]


def imports(path: Path) -> Iterator[str]:
    """Full names of everything that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


CORE_FILES = [path for path in FILES if room_of(path) != "gui"]


@pytest.mark.parametrize("path", CORE_FILES, ids=names_of(CORE_FILES))
def test_core_knows_no_gui(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & GUI_PACKAGES


@pytest.mark.parametrize("path", FILES, ids=names_of(FILES))
def test_imports_go_down(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return  # names the homes of what it offers, for type checkers only
    ours = {name.split(".")[1] for name in imports(path) if name.startswith(f"{NAME}.")}
    upwards = {other for other in ours if other != "__version__" and floor_of(other) > floor_of(room)}
    assert not upwards


@pytest.mark.parametrize(
    ("module", "dear"),
    [
        (NAME, {"numpy", "torch", "qtpy", "napari"}),
        (f"{NAME}.cli", {"torch", "sklearn", "skimage", "matplotlib", "pandas", "qtpy", "napari"}),
        (f"{NAME}.gui.open_widget", {"torch", "sklearn", "skimage", "matplotlib", "napari.viewer"}),
        (f"{NAME}.gui.classify_widget", {"torch", "sklearn", "skimage", "matplotlib", "napari.viewer"}),
        (f"{NAME}.gui.evaluate_widget", {"torch", "sklearn", "skimage", "matplotlib", "napari.viewer"}),
        (f"{NAME}.gui.augment_widget", {"torch", "sklearn", "skimage", "matplotlib", "napari.viewer"}),
        (f"{NAME}.gui.readers", {"torch", "sklearn", "skimage", "matplotlib"}),
    ],
)
def test_what_a_user_waits_for_imports_nothing_dear(module: str, dear: set[str]) -> None:
    pytest.importorskip("qtpy")
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not dear & set(loaded)
