"""Print everything that a user can read, one text a line with its place in the source: `python docs/print_messages.py`.

The texts are the help of all commands and options, and in the source every sentence, label and tooltip, sorted by room.
Files are read as text, so only the parser of the command line is imported. A field of an f-string is shown as {name}.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path

import napari_cellcycle
from napari_cellcycle.cli import build_parser

PACKAGE = Path(napari_cellcycle.__file__).parent
COMMAND_LINE = "command line"

SHOWN_BY = set(
    """
    setAccessibleName setHorizontalHeaderLabels setPlaceholderText setSpecialValueText setText setTitle setToolTip
    setWindowTitle addItem addItems addRow addTab QAction QCheckBox QCollapsible QGroupBox QLabel QPushButton
    QRadioButton QTableWidgetItem Label PushButton CheckBox show_info show_warning show_status show_error
    EmptyNotice NoCells NoPhases
    """.split()
)
"""Calls whose text a user sees even if it is a single word."""
NOT_SHOWN_BY = {"cast", "compile", "einsum", "filterwarnings", "getattr", "setStyleSheet"}
"""Calls whose text is code."""

_TWO_WORDS = re.compile(r"[A-Za-z}][,;:.)]* [(]?[A-Za-z{]")
_YAML_TITLE = re.compile(r"^\s*-?\s*(?:title|display_name):\s*([^#\n]+)", re.MULTILINE)
_SCRIPT = re.compile(r"\{%-? set script -?%\}.*?\{%-? endset -?%\}", re.DOTALL)
_STATEMENT = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_VALUE = re.compile(r"\{\{\s*([\w.]+).*?\}\}", re.DOTALL)
_ATTRIBUTES = {"alt", "aria-label", "title"}  # these hold text


@dataclass(frozen=True, order=True)
class Message:
    """One text, what it is (an error, a note, ...) and where it comes from."""

    room: str
    file: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{f'{self.file}:{self.line}' if self.line else self.file}: [{self.kind}] {self.text}"


def all_messages() -> list[Message]:
    """Every text that a user can read, sorted by room, file and line."""
    found = set(messages_of_parser(build_parser()))
    for path in PACKAGE.rglob("*.py"):
        found.update(messages_of_source(path))
    for path in PACKAGE.rglob("*.html"):
        found.update(messages_of_page(path))
    found.update(messages_of_manifest(PACKAGE / "napari.yaml"))
    return sorted(found)


def messages_of_parser(parser: argparse.ArgumentParser) -> Iterator[Message]:
    """Description, epilog and the help of each option, of a parser and of all its commands."""
    for kind, text in (("description", parser.description), ("epilog", parser.epilog)):
        if text:
            yield Message(COMMAND_LINE, parser.prog, 0, kind, text)
    for group in parser._action_groups:
        yield Message(COMMAND_LINE, parser.prog, 0, "group", group.title or "")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from messages_of_parser(command)
        elif action.help and action.help != argparse.SUPPRESS:
            long = [option for option in action.option_strings if option.startswith("--")]
            name = long[0] if long else action.metavar or action.dest
            yield Message(COMMAND_LINE, f"{parser.prog} {name}", 0, "help", action.help.replace("%%", "%"))


def messages_of_source(path: Path) -> Iterator[Message]:
    """The texts in a Python file: all that are longer than a word, and single words where they are shown."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node, kind in _texts(tree, ""):
        text = _as_read(node)
        if _TWO_WORDS.search(text) or (kind == "shown" and re.search("[A-Za-z]", text)):
            yield _message(path, node.lineno, kind or "text", text)


def messages_of_page(path: Path) -> Iterator[Message]:
    """The texts of a page of HTML: between its tags, in attributes that are read out, and in its script."""
    page = path.read_text(encoding="utf-8")
    for script in _SCRIPT.finditer(page):
        for literal in re.finditer(r'"([^"\n]*)"', script.group()):
            if _TWO_WORDS.search(literal[1]):
                line = page.count("\n", 0, script.start() + literal.start()) + 1
                yield _message(path, line, "script", literal[1].strip())
    for pattern in (_SCRIPT, _STATEMENT):  # the lines stay, so that their numbers do
        page = pattern.sub(lambda found: "\n" * found.group().count("\n"), page)
    reader = _PageText()
    reader.feed(_VALUE.sub(r"{\1}", page))
    for line, text in reader.found:
        yield _message(path, line, "page", text)


def messages_of_manifest(path: Path) -> Iterator[Message]:
    """The titles of commands, docks and samples that napari shows."""
    text = path.read_text(encoding="utf-8")
    for found in _YAML_TITLE.finditer(text):
        yield _message(path, text.count("\n", 0, found.start(1)) + 1, "title", found[1].strip())


class _PageText(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._is_code = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._is_code = tag in ("style", "script")
        for name, value in attributes:
            if name in _ATTRIBUTES and value:
                self.found.append((self.getpos()[0], value))

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if not self._is_code and re.search("[A-Za-z]", re.sub(r"\{[^}]*\}", "", text)):
            self.found.append((self.getpos()[0], text))


def _message(path: Path, line: int, kind: str, text: str) -> Message:
    file = path.relative_to(PACKAGE)
    return Message(file.parent.as_posix(), file.as_posix(), line, kind, text)


def _texts(node: ast.AST, kind: str) -> Iterator[tuple[ast.JoinedStr | ast.Constant, str]]:
    """Every string below `node` with what it is; docstrings and what only a type checker reads are left out."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield node, kind
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call):
        name = _name(node.func)
        if name in NOT_SHOWN_BY:
            return
        kind = _kind_of_call(name) or kind
    elif isinstance(node, ast.Raise):
        kind = "error"
    elif isinstance(node, ast.Subscript) and _name(node.value) == "Annotated":
        kind = "setting"
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "slice") and isinstance(value, ast.Constant):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant):
                continue  # a part of the text that was given already
            if isinstance(child, ast.AST):
                yield from _texts(child, "" if isinstance(node, ast.FormattedValue) else kind)


def _kind_of_call(name: str) -> str:
    if name.endswith("Error") or name == "KeyboardInterrupt":
        return "error"
    if name in SHOWN_BY:
        return "shown"
    return {"Note": "note", "warn": "warning", "setting": "setting", "Progress": "progress"}.get(name, "")


def _name(node: ast.expr) -> str:
    """The name of what is called or shown in a field, as short as a reader needs it."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(args=[first, *_]):
            return _name(first)
        case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.BinOp(left=inner) | ast.IfExp(body=inner):
            return _name(inner)
    return "..."


def _as_read(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=text):
            return str(text)
        case ast.JoinedStr(values=parts):
            return "".join(map(_as_read, parts))
        case ast.FormattedValue(value=field):
            return f"{{{_name(field)}}}"
    raise TypeError(f"{ast.dump(node)} is no text")


def main() -> None:
    """Print the texts, room by room."""
    for room, messages in groupby(all_messages(), key=lambda message: message.room):
        print(f"\n== {room} ==")
        for message in messages:
            print(str(message).replace("\n", "\\n"))


if __name__ == "__main__":
    main()
