"""Whether pictures are older than the docks they show: `python docs/picture_sources.py` names those that are.

Of each dock counts what it puts on the screen: its texts, and the calls that build it (`addWidget`, `setText`,
`QLabel`, ...), in its own module and in the parts that this module imports. What else is in these files does not
matter.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
GUI = DOCS.parent / "src" / "napari_cellcycle" / "gui"
MANIFEST = DOCS / "images" / "shown.json"
MANIFEST_OF_NAPARI = GUI.parent / "napari.yaml"
DOCKS = {
    "augment.png": "augment",
    "classify.png": "classify",
    "evaluate.png": "evaluate",
    "follow.png": "follow",
    "gallery.png": "classify",
    "label_by_stain.png": "label_by_stain",
    "label_cells.png": "gallery",
    "misfit.png": "classify",
    "populations.png": "populations",
    "selected_light.png": "evaluate",
    "train.png": "train",
    "tutorial_train.png": "train",
}
"""The dock that each picture shows."""
_BUILDS = re.compile(r"(add|insert|set)[A-Z]\w*|Q[A-Z]\w*|[A-Z]\w*(Button|Box|Edit|Label|Notice|Picker|Table|View)")
_PARTS = ("napari_cellcycle.gui.docks.", "napari_cellcycle.gui.widgets.")


def main() -> None:
    """Name the pictures that are older than their docks."""
    for name in stale_pictures():
        print(f"{name} shows an older dock {DOCKS[name]}; run make pictures, and look at it")


def stale_pictures() -> list[str]:
    """Pictures that were taken of docks that looked otherwise."""
    known = remembered()
    return [name for name, dock in DOCKS.items() if known.get(name) != fingerprint(dock)]


def remember(picture: Path) -> None:
    """Note what a picture shows that was just taken."""
    if picture.parent == MANIFEST.parent and picture.name in DOCKS:
        known = remembered() | {picture.name: fingerprint(DOCKS[picture.name])}
        MANIFEST.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")


def remembered() -> dict[str, str]:
    """What the pictures show, by their names."""
    return dict(json.loads(MANIFEST.read_text(encoding="utf-8"))) if MANIFEST.exists() else {}


def fingerprint(dock: str) -> str:
    """A short number of what a dock puts on the screen."""
    shown = [line for path in sorted(modules_of(dock)) for line in shown_by(path)]
    shown += re.findall("display_name: .*", MANIFEST_OF_NAPARI.read_text(encoding="utf-8"))  # in the titles of docks
    return hashlib.sha256("\n".join(shown).encode()).hexdigest()[:16]


def modules_of(dock: str) -> set[Path]:
    """The module of a dock, and the docks and widgets that it imports."""
    path = GUI / "docks" / f"{dock}.py"
    found = {path}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PARTS):
            found.add(GUI.joinpath(*(node.module or "").split(".")[2:]).with_suffix(".py"))
    return found


def shown_by(path: Path) -> Iterator[str]:
    """The calls that build what is seen, with their texts, in the order of the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if _BUILDS.fullmatch(name):
                yield ast.unparse(node)


if __name__ == "__main__":
    main()
