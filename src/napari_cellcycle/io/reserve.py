"""An output is claimed before the work starts: it can be written, it replaces nothing, and nobody else writes it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from napari_cellcycle.errors import WriteError, reason_of
from napari_cellcycle.io.processes import is_left_over, mark


def check_free(output: Path, makes: Sequence[str] = (), inputs: Sequence[str | Path] = (), *, overwrite: bool) -> None:
    """Refuse an output that would replace something.

    Parameters
    ----------
    output : Path
        The file, or the folder.
    makes : sequence of str
        Of a folder, the files that are written to it.
    inputs : sequence of str or Path
        What is read. A file among it, or in a folder of it, is never replaced.
    overwrite : bool
        Whether the user wants an earlier result to be replaced.

    Raises
    ------
    WriteError
        Something is there.
    """
    there = [path for path in ([output / name for name in makes] if makes else [output]) if os.path.lexists(path)]
    if not there:
        return
    read = [Path(path).resolve() for path in inputs]
    for path in there:
        real = path.resolve()
        if any(real == one or (one in real.parents and not makes) for one in read):
            raise WriteError(f"{path} is an input, or in a folder that is read, and would be replaced; choose another")
    if not overwrite:
        names = " and ".join([path.name for path in there[:2]] + (["others"] if len(there) > 2 else []))
        where = f"{output} has {names} of an earlier run" if makes else f"{output} exists already"
        raise WriteError(f"{where}; choose another name, or replace what is there with --overwrite")


@contextmanager
def reserved(output: Path) -> Iterator[None]:
    """Keep others from writing to `output` meanwhile; a folder that can't be written is found out before the work.

    Parameters
    ----------
    output : Path
        A file or folder, which need not exist.

    Raises
    ------
    WriteError
        It can't be written, or another process, or another job of this one, writes it now.
    """
    claim = _claim_path(output)
    try:
        _take(claim, output)
    except OSError as error:
        if isinstance(error, WriteError):
            raise
        raise WriteError(f"can't write to {claim.parent} ({reason_of(error)}); choose another folder") from error
    try:
        yield
    finally:
        claim.unlink(missing_ok=True)


def _claim_path(output: Path) -> Path:
    """A hidden file in the lowest folder that is there already."""
    real = Path(os.path.abspath(output))
    folder = next((above for above in real.parents if above.exists()), real.parent)
    # of an existing folder, the files in it are what is written: its parent may belong to somebody else
    if real.is_dir() and not os.access(folder, os.W_OK):
        folder = real
    return folder / f".cellcycle-{sha256(str(real).encode(errors='surrogateescape')).hexdigest()[:16]}.claim"


def _write_claim(claim: Path) -> None:
    with claim.open("x", encoding="utf-8") as file:
        try:
            file.write(mark())
            file.flush()
        except OSError:
            claim.unlink()
            raise


def _take(claim: Path, output: Path) -> None:
    for _ in range(2):
        try:
            _write_claim(claim)
            if output.is_dir() and not os.access(output, os.W_OK):
                claim.unlink()
                raise WriteError(f"can't write to {output} (Permission denied); choose another folder")
            return
        except FileExistsError:
            if not is_left_over(claim, claim.read_text(encoding="utf-8")):
                break
            claim.unlink(missing_ok=True)  # of a process that was killed
    raise WriteError(f"{output} is being written by another run; wait until it ends, or choose another name")
