"""Errors that the user can correct, and warnings. Each message is one sentence: what, where, what to do."""

from __future__ import annotations


class CellCycleError(Exception):
    """An error that the user can correct; it is shown as one sentence, without a traceback."""


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
