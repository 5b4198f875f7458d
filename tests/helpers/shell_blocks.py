"""Commands as they stand in pages of the documentation."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

QUICK = {
    "train": ["--epochs", "1", "--model", "tiny"],
    "evaluate": ["--epochs", "1", "--model", "tiny"],
    "augment": ["--generator", "jurkat", "--phase", "Metaphase", "-n", "4"],
}
"""What is added so that a command ends soon; all that the page says stays."""


def shell_blocks(page: Path) -> list[str]:
    """The blocks that a reader copies into a shell."""
    return re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def commands_in(block: str) -> list[list[str]]:
    """The arguments of each of our commands in a block."""
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    return [words[1:] for words in lines if words and words[0].endswith("napari-cellcycle")]


def quick(words: list[str]) -> list[str]:
    """A command that ends soon."""
    return [*words, *(["--epochs", "1"] if "--start-from" in words else QUICK.get(words[0], [])), "-q"]
