"""The page *Python functions* of the site, from the docstrings; files are read as text, so nothing is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "napari_cellcycle"
INTRODUCTION = """# Python functions

Everything in `napari_cellcycle`, from its docstrings. [From Python](python.md) shows how the functions work together.
"""
ERRORS = "errors"
_SECTION = re.compile(r"^([A-Z][\w ]+)\n-{3,}\n", re.MULTILINE)
_NAMED = {"Parameters", "Attributes"}
"""Sections whose items have a name and a type; those of others have a type alone."""
_ROLES = {"doi": ("doi:", "https://doi.org/"), "arxiv": ("arXiv:", "https://arxiv.org/abs/")}
Documented = ast.FunctionDef | ast.ClassDef


def api_page() -> str:
    """Every public name of the package with its signature and its docstring."""
    homes = public_homes()
    parts = [INTRODUCTION]
    for name in sorted((name for name in homes if homes[name] != ERRORS), key=str.lower):
        parts += entry(name, definition(homes[name], name), "##")
    parts += ["## Errors and warnings", "", "| name | when |", "|---|---|"]
    for name in sorted(name for name in homes if homes[name] == ERRORS):
        parts.append(f"| `{name}` | {inline(summary(definition(ERRORS, name)))} |")
    return "\n".join(parts)


def public_homes() -> dict[str, str]:
    """The module of each public name."""
    values = {}
    for node in ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__" | "_HOMES" as name)], value=value):
                values[name] = ast.literal_eval(value)
    homes = {name: module for module, names in values["_HOMES"].items() for name in names}
    return {name: homes.get(name, ERRORS) for name in values["__all__"] if name != "__version__"}


def definition(module: str, name: str) -> Documented:
    """Where a name is defined, also if another module imports or wraps it; a package is its ``__init__.py``."""
    path = PACKAGE / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    imported = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef() if node.name == name:
                return node
            case ast.ImportFrom(module=str(source), names=aliases):
                imported |= {alias.name: source.removeprefix("napari_cellcycle.") for alias in aliases}
            case ast.Assign(
                targets=[ast.Name(id=target)], value=ast.Call(args=[ast.Attribute(value=ast.Name(id=other))])
            ) if target == name:
                return definition(f"{imported[other]}.{other}", name)
    return definition(imported[name], name)


def entry(title: str, node: Documented, level: str) -> Iterator[str]:
    """A heading, the signature, the docstring, and for a class its public methods."""
    yield from (f"{level} {title}", "")
    if isinstance(node, ast.FunctionDef) and "property" not in map(ast.unparse, node.decorator_list):
        yield from ("```py", signature(title, node), "```", "")
    yield from (markdown(ast.get_docstring(node) or ""), "")
    for method in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and ast.get_docstring(method):
            yield from entry(f"{title}.{method.name}", method, level + "#")


def signature(title: str, node: ast.FunctionDef) -> str:
    """One line if it fits, else a line for each argument; types are in the text below."""
    given = node.args
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
        if argument is not None:
            argument.annotation = None
    names = re.sub(r"^(self|cls)(, |$)", "", ast.unparse(given))
    line = f"{title}({names})"
    return line if len(line) <= 100 else f"{title}(\n    " + re.sub(r", (?=[\w*]+(=|,|$))", ",\n    ", names) + ",\n)"


def summary(node: Documented) -> str:
    """The first line of its docstring."""
    return (ast.get_docstring(node) or "").split("\n", 1)[0]


def markdown(docstring: str) -> str:
    """A numpydoc docstring as Markdown."""
    first, *rest = _SECTION.split(docstring)
    parts = [prose(first)]
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        parts += [f"**{name}**", section(name, text.strip("\n"))]
    return "\n\n".join(parts)


def section(name: str, text: str) -> str:
    """A section: a table of what has names, a list of what has not, else text."""
    if name in ("Examples", "Notes", "References"):
        return prose(text)
    items = [(lines[0], " ".join(lines[1:])) for lines in _items(text)]
    if name not in _NAMED:
        return "\n".join(f"- `{head}`{': ' if what else ''}{inline(what)}" for head, what in items)
    rows = ["| name | type | meaning |", "|---|---|---|"]
    for head, what in items:
        names, _, kind = head.partition(" : ")
        rows.append("| " + " | ".join((f"`{names}`", inline(kind), inline(what))).replace("`|`", "or") + " |")
    return "\n".join(rows)


def _items(text: str) -> Iterator[list[str]]:
    """Each item with the lines indented below it."""
    for block in re.split(r"\n(?=\S)", text):
        yield [line.strip() for line in block.splitlines() if line.strip()]


def prose(text: str) -> str:
    """Paragraphs; examples become blocks of code, and references a list."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.lstrip().startswith(">>>"):
            code = re.sub(r"\s*# doctest:.*", "", block)
            parts.append(f"```pycon\n{code}\n```")
        else:
            parts.append(inline(re.sub(r"^\.\. \[(\d+)\]", r"\1.", block, flags=re.MULTILINE)))
    return "\n\n".join(parts)


def inline(text: str) -> str:
    """Roles as links, names as code, and what Markdown would take for something else as it is."""
    for role, (label, address) in _ROLES.items():
        text = re.sub(rf":{role}:`([^`]+)`", rf"[{label}\1]({address}\1)", text)
    text = re.sub(r"``(.+?)``", r"`\1`", text)
    text = re.sub(r"\[(\d+)\]_", r"\\[\1\\]", text)
    parts = re.split(r"(`[^`]*`|\[[^\]]*\]\([^)]*\))", text)
    return "".join(part if number % 2 else re.sub(r"([|<>*_])", r"\\\1", part) for number, part in enumerate(parts))
