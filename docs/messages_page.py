"""The page *Messages* of the site: what each error means for the reader, sorted by what he or she was doing."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache

from print_messages import PACKAGE, all_messages

INTRODUCTION = """# Messages

Every error and note of the program, with what to do. `{}` stands for a value. An error is one sentence, and the exit
code is 2. Anything else that ends a command is a mistake of ours (exit code 1): please report it with what you did.
"""
NOTES = """## Notes

Nothing is wrong, but you should know:
"""
REASONS = """## Reasons

Most of these stand in brackets or after a colon in a message above, which says what to do.
"""
TOPICS = {
    "cli": "Command line",
    "io/amnis": "Amnis files and gates",
    "io/writers": "Writing files",
    "io": "Opening files",
    "images": "Finding and cutting cells",
    "annotate": "Labels",
    "browse": "Labels",
    "datasets": "Evaluation",
    "evaluation/synthetic": "Synthetic cells",
    "evaluation": "Evaluation",
    "training/gan": "Synthetic cells",
    "training": "Training",
    "models": "Models",
    "store": "Models",
    "stain": "Stained controls",
    "tracking": "Tracks",
    "population": "Samples and plates",
    "jobs": "Classify, train and the other commands",
    "gui": "In napari",
    ".": "Settings, phases and projects",
}
"""Headings, by the part of the code that says a message; the first that fits."""
FIELDS = {"strerror": "reason", "error": "reason", "reason_of": "reason", "splitlines": "reason", "__name__": "type"}
"""What fields are called on the page, where their name in the code tells a reader nothing."""
_ADVICE = re.compile(r"^(.*?)(?:; |, but (?=must ))(.*)$", re.DOTALL)


def messages_page() -> str:
    """Errors with what to do, then notes, then half sentences that stand inside of other messages."""
    parts, reasons = [INTRODUCTION], set()
    errors: dict[str, set[str]] = {}
    for message in all_messages():
        if message.kind != "error":
            continue
        if advised := _ADVICE.match(message.text):
            row = " | ".join(cell(text, message.file) for text in advised.groups())
            errors.setdefault(topic(message.room), set()).add(f"| {row} |")
        else:
            reasons.add(cell(message.text, message.file))
    for heading in dict.fromkeys(TOPICS.values()):
        if heading in errors:
            parts += [f"## {heading}", "", "| message | what to do |", "|---|---|", *sorted(errors[heading]), ""]
    said = (message for message in all_messages() if message.kind == "note" and not message.text.endswith(" ..."))
    notes = {cell(message.text, message.file) for message in said}
    parts += [NOTES, *(f"- {text}" for text in sorted(notes)), ""]
    return "\n".join([*parts, REASONS, *(f"- {text}" for text in sorted(reasons))])


def topic(room: str) -> str:
    """What somebody was doing who reads a message of this part of the code."""
    return next(heading for part, heading in TOPICS.items() if f"{room}/".startswith(f"{part}/") or part == ".")


def cell(text: str, file: str = "") -> str:
    """A text for a table of Markdown, with what its fields stand for if that is always the same."""
    known = constants()
    text = re.sub(
        r"\{(\w+)\}",
        lambda field: known.get((file, field[1])) or known.get(("", field[1])) or _field(field[1]),
        text,
    )
    return re.sub(r"([|<>*_\[\]])", r"\\\1", " ".join(text.split()))


def _field(name: str) -> str:
    return f"{{{FIELDS.get(name, name.strip('_').lower())}}}"


@cache
def constants() -> dict[tuple[str, str], str]:
    """Texts, and lists of texts, that have a name in a file; and those, under no file, whose name is of one alone."""
    found: dict[tuple[str, str], str] = {}
    for path in PACKAGE.rglob("*.py"):
        file = path.relative_to(PACKAGE).as_posix()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))) if name.isupper():
                    found[file, name] = text
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Tuple(elts=parts)) if name.isupper():
                    texts = [part.value for part in parts if isinstance(part, ast.Constant)]
                    if len(texts) == len(parts):
                        found[file, name] = ", ".join(map(str, texts))
    counts = Counter(name for _, name in found)
    return found | {("", name): text for (_, name), text in found.items() if counts[name] == 1}
