"""Errors that the user can correct, and warnings. Each message is one sentence: what, where, what to do."""

from __future__ import annotations

import os
import re

_LONGEST = 300
_LONGEST_SENTENCE, _KEPT = 1000, 450
_LONG_WORD = re.compile(r"(\S{300})\S{30,}")
_CODE = re.compile(r"\w\(\)|invalid literal|<class |<function |\w(Error|Exception)\b| object at 0x|\b[bu]'")
"""What tells a programmer something and a user nothing, in the messages of libraries."""


class CellCycleError(Exception):
    """An error that the user can correct; it is shown as one sentence, without a traceback."""

    def __str__(self) -> str:
        """The sentence on one line; what others chose, such as names in it, is short and does nothing on a terminal."""
        text = _LONG_WORD.sub(
            r"\1...", "".join(letter if _is_harmless(letter) else " " for letter in super().__str__())
        )
        return text if len(text) <= _LONGEST_SENTENCE else f"{text[:_KEPT]} ... {text[-_KEPT:]}"


def _is_harmless(letter: str) -> bool:
    return letter.isprintable() or "\ud800" <= letter <= "\udfff"  # in a file name that is no valid text


class SettingError(CellCycleError, ValueError):
    """A setting is unknown or outside its limits."""


class ReadError(CellCycleError, OSError):
    """A file or folder is missing, damaged, or of the wrong kind."""


class WriteError(CellCycleError, OSError):
    """A result can't be written to the chosen folder or file."""


class ChannelError(CellCycleError, ValueError):
    """A channel is missing, or it is not clear which one it is."""


class ImageError(CellCycleError, ValueError):
    """No cell can be read from an image."""


class ModelError(CellCycleError, ValueError):
    """A model is unknown, damaged, or does not fit these cells."""


class TooFewCellsError(CellCycleError, ValueError):
    """There are not enough cells."""


class StoppedError(CellCycleError):
    """The user stopped the work before there was a result."""


class CellCycleWarning(UserWarning):
    """Something that stops nothing, but may change how far a result can be believed: a guess, or what was left out."""


def reason_of(error: BaseException) -> str:
    """What went wrong, for the brackets of a sentence: one line, never empty, without class names and numbers.

    Examples
    --------
    >>> reason_of(MemoryError()), reason_of(OSError(28, "No space left on device", "a.csv"))
    ('there is not enough memory', 'No space left on device')
    >>> reason_of(TypeError("int() argument must be a string, not 'tuple'"))
    'its content makes no sense'
    """
    if isinstance(error, OSError) and not isinstance(error, CellCycleError):
        # some libraries put the number of the system's error into a text of their own
        code = re.search(r"(?:errno\s*=\s*|os error\s*)(\d+)", str(error))
        said = error.strerror or (os.strerror(int(code[1])) if code else "")
        if said:
            return said
    if isinstance(error, MemoryError) and not str(error):
        return "there is not enough memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    said = " ".join(str(error).split())
    if not said or (_CODE.search(said) and not isinstance(error, CellCycleError)):
        return "its content makes no sense"
    return said[:_LONGEST]
