"""Which process made a hidden file, and whether it still runs: so leftovers are told from work that goes on."""

from __future__ import annotations

import os
import platform
import time
from hashlib import sha256
from pathlib import Path

_LEFT_AFTER_S = 7 * 24 * 3600
"""A file of another computer, which can't be asked, is a leftover after a week."""


def mark() -> str:
    """Computer and process, for the name of a file."""
    return f"{_computer()}-{os.getpid()}"


def is_left_over(path: Path, made_by: str) -> bool:
    """Whether the process that made a hidden file or folder is gone.

    Parameters
    ----------
    path : Path
        The file or folder.
    made_by : str
        What `mark` said when it was made.

    Returns
    -------
    bool
        False also where it is not known.
    """
    computer, _, number = made_by.rpartition("-")
    if computer == _computer() and number.isdecimal() and os.name == "posix":
        return not _runs(int(number))
    try:
        return time.time() - path.stat().st_mtime > _LEFT_AFTER_S
    except OSError:  # gone by now
        return False


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)  # sends nothing; on Windows it would end the process
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def _computer() -> str:
    return sha256(platform.node().encode()).hexdigest()[:8]
