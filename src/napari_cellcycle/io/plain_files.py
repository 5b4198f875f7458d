"""Reading small files whole: a pipe, a device or a file that is far too large is refused, not waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_NONBLOCK = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def check_plain(path: Path) -> None:
    """Refuse what is no file or folder: opening a pipe waits for ever, and a device never ends.

    Raises
    ------
    OSError
        It is a pipe, a socket or a device, or it can't be looked at.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))


def plain_bytes(path: Path, most: int = 2**31) -> bytes:
    """The content of a file.

    Parameters
    ----------
    path : Path
        The file.
    most : int
        Bytes that such a file may have.

    Returns
    -------
    bytes

    Raises
    ------
    OSError
        It can't be read, is larger, or is a pipe or a device.
    """
    number = os.open(path, os.O_RDONLY | _NONBLOCK)  # a pipe that nobody writes to is opened, and then refused
    with os.fdopen(number, "rb") as file:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
        if found.st_size > most:
            raise OSError(errno.EFBIG, f"it is larger than {most // 2**20:,} MB", str(path))
        return file.read(found.st_size)
