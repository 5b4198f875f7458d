"""Files and folders that appear complete or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_cellcycle.errors import WriteError

_WRITE_ERRORS = {errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTEMPTY, errno.EISDIR}


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary path next to `path` to write to: renamed to `path` on success, removed on failure.

    A file or a folder may be written to it. An existing file is replaced; an existing folder must be empty.

    Raises
    ------
    WriteError
        The folder can't be written to, or a folder of this name is not empty.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary_folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise WriteError(f"can't write to {path.parent} ({error.strerror}); choose another folder") from error
    temporary = temporary_folder / path.name  # the same name, as writers look at the suffix
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if isinstance(error, WriteError) or error.errno not in _WRITE_ERRORS:
            raise
        raise WriteError(f"can't write {path} ({error.strerror}); choose another folder or free some space") from error
    finally:
        shutil.rmtree(temporary_folder, ignore_errors=True)
