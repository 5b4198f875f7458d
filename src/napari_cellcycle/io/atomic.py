"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_cellcycle.errors import WriteError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A path beside `path` to write to; renamed to `path` on success, removed on failure.

    It may become a file or a folder. A file of that name is replaced, a folder is not.

    Raises
    ------
    WriteError
        The place can't be written to, or a folder of that name holds something.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise WriteError(f"can't write to {path.parent} ({error.strerror}); choose another place") from error
    temporary = room / path.name  # the same name, since writers look at the suffix
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if isinstance(error, WriteError) or not _is_about_writing(error):
            raise
        raise WriteError(f"can't write {path} ({error.strerror}); choose another place or make room") from error
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _is_about_writing(error: OSError) -> bool:
    import errno

    return error.errno in {errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTEMPTY, errno.EISDIR}
