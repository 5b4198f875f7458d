"""README and docs follow the code: their links lead somewhere, and what they name exists."""

from __future__ import annotations

import ast
import re
import shlex
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from napari_cellcycle.cli import build_parser

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NAME = "napari_cellcycle"
GENERATED = ("api.md", "commands.md", "messages.md")  # by docs/site_hooks.py; tests/test_site.py checks links to them
COMMAND = re.compile(r"(\.venv/bin/)?napari-cellcycle ")
ROOMS = {path.stem for path in (ROOT / "src" / NAME).iterdir() if path.name != "__init__.py"}
FILES = {"py", "csv", "h5ad", "parquet", "yaml", "safetensors"}


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dotted_names(text: str) -> set[str]:
    """Everything in code style that starts with a room or the package, except in the column of old names."""
    text = re.sub(r"^\| `[^|]*\| (?=`)", "| ", text, flags=re.MULTILINE) if "| before | now |" in text else text
    text = re.sub(r"`((?:\w+/)+\w+)(?:\.py)?`", lambda found: f"`{found[1].replace('/', '.')}`", text)
    found = {name.removeprefix(f"{NAME}.") for name in re.findall(r"`(\w+(?:\.\w+)+)`", text)}
    return {name for name in found if name.split(".")[0] in ROOMS and name.split(".")[-1] not in FILES}


def exists(name: str) -> bool:
    """Whether `name` is a module of ours or something in one."""
    module, _, last = f"{NAME}.{name}".rpartition(".")
    return hasattr(import_module(module), last) or find_spec(f"{module}.{last}") is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        if file in GENERATED:
            continue
        other = (page.parent / file).resolve() if file else page
        assert other.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(other), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_modules_exist(page: Path) -> None:
    assert [name for name in sorted(dotted_names(page.read_text(encoding="utf-8"))) if not exists(name)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_import_what_exists(page: Path) -> None:
    for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for node in ast.walk(ast.parse(code.replace("(...)", "()"))):
            if isinstance(node, ast.ImportFrom):
                module = import_module(node.module or "")
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_every_tested_package_is_in_the_list_of_licences() -> None:
    pinned = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    listed = re.findall(
        r"^\| ([\w.-]+) \| (\S+) \|", (ROOT / "docs" / "licences.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(listed[1:]) == sorted(pinned), "run python docs/list_licences.py"


def commands_in(page: Path) -> list[list[str]]:
    """The commands in blocks of code, without what begins or ends them in a shell."""
    found = []
    for language, block in re.findall(r"```(\w*)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        lines = block.splitlines() if language in ("sh", "text", "") else []
        found += [shlex.split(line, comments=True)[1:] for line in lines if COMMAND.match(line)]
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if commands_in(page)], ids=lambda page: page.name)
def test_commands_are_accepted(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = build_parser()
    for words in commands_in(page):
        try:
            parser.parse_args(words)
        except SystemExit:
            pytest.fail(f"{' '.join(words)}: {capsys.readouterr().err}")
