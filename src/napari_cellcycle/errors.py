"""What a user can mend. Each message is one sentence: what, where, what to do."""

from __future__ import annotations


class CellCycleError(Exception):
    """The user can mend this; it is shown as one sentence, without a traceback."""


class SettingError(CellCycleError, ValueError):
    """A setting is unknown or lies outside its limits."""


class ReadError(CellCycleError, OSError):
    """A file or folder is missing, damaged, or not what it should be."""


class WriteError(CellCycleError, OSError):
    """A result can't be written where it was asked for."""


class ChannelError(CellCycleError, ValueError):
    """A wanted channel is not there, or can't be told from the others."""


class ImageError(CellCycleError, ValueError):
    """An image holds something that no cell can be read from."""


class ModelError(CellCycleError, ValueError):
    """A model is unknown, damaged, or wants something else than these cells have."""


class TooFewCellsError(CellCycleError, ValueError):
    """There are not enough cells for what was asked."""


class StoppedError(CellCycleError):
    """The user stopped the work before there was anything to keep."""
