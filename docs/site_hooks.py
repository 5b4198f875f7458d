"""What the documentation site adds to these pages: three pages from the code, and links that leave the site."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

from napari_cellcycle.cli import build_parser

sys.path.insert(0, str(Path(__file__).parent))
from api_page import api_page
from messages_page import cell, messages_page

REPOSITORY = "https://github.com/napari-cellcycle/napari-cellcycle/blob/main/"


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that follow the code."""
    pages = {"commands.md": commands_page, "messages.md": messages_page, "api.md": api_page}
    for name, write in pages.items():
        files.append(File.generated(config, name, content=write()))
    return files


def on_page_markdown(markdown: str, files: Any, **_: Any) -> str:
    """Let links to files outside of this folder lead to the repository, and call pages by their titles."""

    def titled(link: re.Match[str]) -> str:
        page = files.get_file_from_path(link[1])
        return link[0] if page is None or page.page is None else f"[{page.page.title}]({link[1]}{link[2] or ''})"

    markdown = re.sub(r"\]\(\.\./([^)]+)\)", rf"]({REPOSITORY}\1)", markdown)
    return re.sub(r"\[[\w-]+\.md\]\(([\w-]+\.md)(#[\w-]+)?\)", titled, markdown)


def commands_page() -> str:
    """Each command with its flags, as a table."""
    parser = build_parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    parts = ["# Commands", "", "Every command, its flags and their defaults, as `--help` shows them."]
    for name, command in commands.choices.items():
        parts += ["", f"## {name}", "", command.description or "", "", "| flag | what |", "|---|---|"]
        parts += [_row(action) for action in command._actions if action.dest != "help"]
        parts += ["", command.epilog or ""]
    return "\n".join(parts)


def _row(action: argparse.Action) -> str:
    names = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    value = f" {action.metavar}" if action.option_strings and action.metavar else ""
    return f"| `{names}{value}` | {cell((action.help or '').replace('%%', '%'))} |"
