"""Groups of cells, from the paths of their files and from their columns: for folds, and for populations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePath, PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import SettingError
from napari_cellcycle.io.name_patterns import natural_key, stem_of
from napari_cellcycle.phases import named_phases
from napari_cellcycle.tracking.film import film_frames

ALL, FILE, FOLDER, FRAME, WELL = "all", "file", "folder", "frame", "well"
_FRAME = re.compile(r"\[t=(\d+)\]$")
_WELL = re.compile(r"(?<![A-Za-z0-9])([A-P])(0?[1-9]|1[0-9]|2[0-4])(?![A-Za-z0-9])")
_NO_GROUP = "(none)"


class HasSources(Protocol):
    """`Cells`, or a `Prediction`."""

    @property
    def sources(self) -> NDArray[np.str_]:
        """File of each cell."""

    @property
    def columns(self) -> Mapping[str, NDArray[np.str_]]:
        """What else is known of each cell."""


def group_names(cells: HasSources, by: str) -> NDArray[np.str_]:
    """Group of each cell from the path of its file, or from a column.

    Parameters
    ----------
    cells : Cells or Prediction
        Their sources are paths relative to the input.
    by : str
        ``file``; ``folder``, the folder that holds the file; or ``folder1``, ``folder2``, ... for the first one, two,
        ... folders of the path, as in ``donor/plate/G1/file.tif``; or one of their further columns, such as ``well``.

    Returns
    -------
    ndarray of str, shape (N,)
        Name of the group.

    Raises
    ------
    SettingError
        `by` is none of these.
    """
    if by == FILE:
        return _by_source(cells.sources, _films(cells.sources))
    if by in cells.columns:
        return cells.columns[by]
    depth = by.removeprefix(FOLDER)
    if not by.startswith(FOLDER) or not (depth == "" or (depth.isdecimal() and int(depth) > 0)):
        columns = f", {', '.join(cells.columns)}" if cells.columns else ""
        raise SettingError(
            f"group-by is {by!r}, but must be file, folder{columns}, or folder1, folder2, ... counted from the input"
        )
    return _by_source(cells.sources, lambda source: _folder(source, int(depth or 0)))


def sample_names(cells: HasSources, by: str) -> NDArray[np.str_]:
    """Sample of each cell; like `group_names`, and by ``frame`` of a film and by ``well`` as file names say it too.

    Parameters
    ----------
    cells : Cells or Prediction
        Their sources are paths relative to the input, as in ``plate/A01.tif`` or ``film.tif[t=3]``.
    by : str
        As for `group_names`; or ``frame``; or ``well``; or ``all`` for one sample. A file is all frames of a film.

    Returns
    -------
    ndarray of str, shape (N,)
        Name of the sample; ``(none)`` where a cell has none.

    Raises
    ------
    SettingError
        `by` is none of these, or the cells have no such group.

    Examples
    --------
    >>> from types import SimpleNamespace as Film
    >>> film = Film(sources=np.array(["a/B02.tif[t=0]", "a/B02.tif[t=11]"]), columns={})
    >>> [sample_names(film, by).tolist() for by in ("file", "frame", "well")]
    [['a/B02.tif', 'a/B02.tif'], ['0', '11'], ['B02', 'B02']]
    """
    if by in cells.columns:
        names = cells.columns[by].astype(str)
    elif by == ALL:
        names = np.full(len(cells.sources), "all cells")
    elif by == FRAME:
        names = _by_source(cells.sources, _frames(cells.sources))
    elif by == WELL:
        names = _by_source(cells.sources, _well)
    elif re.fullmatch(rf"{FILE}|{FOLDER}(?:[1-9]\d*)?", by):
        names = group_names(cells, by)
        names = np.where(names == ".", "(top folder)", names)
    else:
        known = dict.fromkeys([FILE, FOLDER, "folder1", *groupings(cells), *cells.columns, ALL])
        raise SettingError(f"by is {by!r}, but these cells can be grouped by {', '.join(known)}")
    if len(names) and not (names != "").any():
        wanted = "frame, as they are of no film" if by == FRAME else by
        raise SettingError(f"these cells have no {wanted}; group them by {' or by '.join(groupings(cells))}")
    return np.where(names == "", _NO_GROUP, names)


def groupings(cells: HasSources) -> list[str]:
    """What `sample_names` can group some cells by, the most telling first; the last is ``all``.

    Parameters
    ----------
    cells : Cells or Prediction
        Their columns, and the paths of their files.

    Returns
    -------
    list of str
        Never empty.
    """
    sources = np.unique(cells.sources).tolist()
    ours = {"label", "annotator", "drawn", "phase_decoded"}
    texts = {name: values for name, values in cells.columns.items() if name not in ours and values.dtype.kind == "U"}
    columns = [name for name, values in texts.items() if len(np.unique(values)) > 1]
    ways: dict[str, Callable[[str], str]] = {
        "folder1": lambda source: _folder(source, 1),
        FOLDER: lambda source: _folder(source, 0),
        WELL: _well,
        FRAME: _frames(cells.sources),
    }
    found = [name for name, way in ways.items() if name not in columns and _divides(sources, way)]
    if "folder1" in found and FOLDER in found and all(_folder(s, 1) == _folder(s, 0) for s in sources):
        found.remove("folder1")
    files = [FILE] if len(set(map(_films(cells.sources), sources))) > 1 else []
    return [*columns, *sorted(found, key=[WELL, FRAME, "folder1", FOLDER].index), *files, ALL]


def in_order(names: NDArray[np.str_]) -> list[str]:
    """The different names, with 2 before 10, and what has no name last."""
    return sorted(np.unique(names).tolist(), key=lambda name: (name == _NO_GROUP, natural_key(name)))


def without_frame(source: str) -> str:
    """The file of a source, without the frame of a film."""
    return _FRAME.sub("", source)


def _divides(sources: list[str], way: Callable[[str], str]) -> bool:
    """Whether every source has a group, and not all the same."""
    groups = {way(source) for source in sources}
    return len(groups) > 1 and "" not in groups


def _folder(source: str, depth: int) -> str:
    parent = PurePath(source).parent
    return str(PurePath(*parent.parts[:depth]) if depth else parent)


def _films(sources: NDArray[np.str_]) -> Callable[[str], str]:
    """What gives the file of a source; all frames of a film are one file, also where each is a file of its own."""
    films = film_frames(np.unique(sources).tolist())
    return lambda source: films[source][0] if source in films else source


def _frames(sources: NDArray[np.str_]) -> Callable[[str], str]:
    """What gives the frame of a source: of a film in one file, or in one file a frame; empty for others."""
    films = film_frames(np.unique(sources).tolist())
    return lambda source: str(films[source][1]) if source in films else ""


def _well(source: str) -> str:
    """The well that the name of a file, or of the nearest folder, says; empty if none or several do."""
    for part in reversed(PurePosixPath(without_frame(source).replace("\\", "/")).parts):
        if named_phases(stem_of(part)):  # G1 and G2 are wells too, but a folder or file called so is a phase
            continue
        found = {f"{row}{int(column):02d}" for row, column in _WELL.findall(part.replace("_", " "))}
        if found:
            return found.pop() if len(found) == 1 else ""
    return ""


def _by_source(sources: NDArray[np.str_], way: Callable[[str], str]) -> NDArray[np.str_]:
    different, index = np.unique(sources, return_inverse=True)
    return np.array([way(source) for source in different.tolist()], dtype=str)[index]
