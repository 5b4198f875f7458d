"""The walls of the house: which room may import which, read from the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import napari_cellcycle

PACKAGE = Path(napari_cellcycle.__file__).parent
NAME = "napari_cellcycle"
GUI_PACKAGES = {"qtpy", "magicgui", "superqt", "napari", "vispy", "PySide6", "PyQt6"}

FLOORS = (
    {"errors", "events", "phases", "phase_sets", "settings_base", "verdict", "versions"},
    {"cell_images"},
    {"cells"},
    {"images", "tracking"},
    {"models"},
    {"io", "datasets", "stain"},
    {"training", "evaluation", "store", "annotate", "browse"},
    {"model_fit", "misfit"},
    {"predict", "population", "project"},
    {"attribution"},
    {"jobs"},
    {"gui", "cli", "api"},
    {"__main__"},
)
"""A room imports from lower floors and from its own."""

INNER_FLOORS = {
    "gui": (
        {"supported", "torch_libraries", "dock_tabs"},
        {"job_thread", "warm_up", "preferences"},
        {"progress_dialog", "layers"},
        {"widgets"},
        {"samples", "readers", "writers"},
        {"docks"},
        {"demo_window"},
    ),
    "io": (
        {"processes", "plain_files", "csv_cells"},
        {"atomic", "name_patterns", "reserve"},
        {"formats"},
        {"writers"},
        {"*"},
    ),
    "jobs": ({"config"}, {"read"}, {"steps"}, {"protocols"}, {"*"}),
}
"""The same inside a room; * stands for all that is not named."""

FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """Dotted name below the package; that of the package itself is empty."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """Full names of everything that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    """Our own modules that a file imports."""
    found = set()
    for name in imports(path):
        if not name.startswith(f"{NAME}."):
            continue
        inner = name.removeprefix(f"{NAME}.")
        found.add(inner if inner in MODULES else inner.rpartition(".")[0])
    return found


GRAPH = {module: ours(path) - {module, ""} for module, path in MODULES.items() if module}


def floor_of(name: str, floors: tuple[set[str], ...]) -> int:
    """Number of the floor that `name` lives on, or of those without a floor of their own."""
    found = [number for number, names in enumerate(floors) if name in names or "*" in names]
    named = [number for number in found if name in floors[number]]
    assert found, f"{name} has no floor; give it one in this file"
    return named[0] if named else found[0]


def upward(graph: Mapping[str, set[str]], room: str = "") -> list[str]:
    """Imports that go up between the rooms, or between the parts of `room`."""
    floors, depth = (INNER_FLOORS[room], 1) if room else (FLOORS, 0)
    found = []
    for module, others in graph.items():
        for other in others:
            here, there = module.split("."), other.split(".")
            if room and not (here[0] == there[0] == room and len(here) > 1 and len(there) > 1):
                continue
            if floor_of(there[depth], floors) > floor_of(here[depth], floors):
                found.append(f"{module} -> {other}")
    return found


CORE_FILES = [path for path in FILES if module_of(path).split(".")[0] != "gui"]


@pytest.mark.parametrize("path", CORE_FILES, ids=[module_of(path) for path in CORE_FILES])
def test_core_knows_no_gui(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & GUI_PACKAGES


def test_imports_go_down_from_room_to_room() -> None:
    assert upward(GRAPH) == []


@pytest.mark.parametrize("room", INNER_FLOORS)
def test_imports_go_down_inside_a_room(room: str) -> None:
    assert upward(GRAPH, room) == []


def test_no_files_import_each_other_in_a_circle() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_the_walls_see_what_they_forbid() -> None:
    assert upward({"io.formats.tiff": {"io.writers.stack"}}, "io") == ["io.formats.tiff -> io.writers.stack"]
    assert upward({"gui.layers.gallery": {"gui.docks.base"}}, "gui") == ["gui.layers.gallery -> gui.docks.base"]
    assert upward({"images.crop": {"jobs.train"}}) == ["images.crop -> jobs.train"]
    assert upward({"jobs.train": {"images.crop"}}) == []


DEAR = {"torch", "sklearn", "skimage", "matplotlib"}
"""Packages that take a second and more to import."""


WAITED_FOR = {
    "": {"numpy", "torch", "qtpy", "napari"},
    "cli": {*DEAR, "pandas", "scipy", "pydantic", "qtpy", "napari"},
    "jobs.config": {*DEAR, "pandas", "scipy", "pydantic"},
    "gui.readers": DEAR,
    **{
        f"gui.docks.{name}": {*DEAR, "napari.viewer"}
        for name in "open classify gallery evaluate train augment populations follow".split()
    },
}


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """All that one new process has loaded after each of them, imported in this order."""
    pytest.importorskip("qtpy")
    names = [f"{NAME}.{module}".rstrip(".") for module in WAITED_FOR]
    code = "import sys\n" + "\n".join(f"import {name}; print(*sys.modules)" for name in names)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return dict(zip(WAITED_FOR, map(set, map(str.split, done.stdout.splitlines())), strict=True))


@pytest.mark.parametrize("module", WAITED_FOR)
def test_what_a_user_waits_for_imports_nothing_dear(module: str, loaded: dict[str, set[str]]) -> None:
    assert not WAITED_FOR[module] & loaded[module]


def documented_badly(path: Path) -> list[str]:
    """Public functions of two parameters and more whose docstring does not say what they take."""
    found = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if len(parameters) > 1 and "Parameters\n----------" not in (ast.get_docstring(node) or ""):
                found.append(node.name)
    return found


LIBRARY = [path for path in CORE_FILES if module_of(path).split(".")[0] not in ("jobs", "cli", "__main__")]


@pytest.mark.parametrize("path", LIBRARY, ids=[module_of(path) for path in LIBRARY])
def test_public_functions_say_what_they_take(path: Path) -> None:
    assert documented_badly(path) == []
