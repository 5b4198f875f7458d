"""Completion by the tab key: commands, flags, and the values of flags that are known beforehand.

The shell calls the command itself, with `_ARGCOMPLETE` set; see "Shell completion" in the README.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable

from napari_cellcycle.settings_base import Setting

Completer = Callable[..., Iterable[str]]


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell and end, if it is the shell that asks."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


def choices_of(item: Setting) -> Completer | None:
    """What completes the values of a setting's flag; None where any file or text may stand."""
    if item.name == "model" and "choices" not in item.options:
        return model_names
    choices = item.options.get("choices", item.options.get("suggestions"))
    return None if choices is None else lambda **_: choices


def model_names(**_: object) -> list[str]:
    """Names of all models that can be loaded."""
    from napari_cellcycle.store.models import known_models

    return list(known_models())
