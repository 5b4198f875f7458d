"""The folders and files of some inputs: each once, by whatever path it is reached, without those of the system."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from napari_cellcycle.errors import CellCycleError, ReadError
from napari_cellcycle.io.formats.zarr_groups import enclosing_zarr
from napari_cellcycle.io.name_patterns import (
    AMNIS_SUFFIXES,
    IMAGE_SUFFIXES,
    ZARR_SUFFIX,
    folded,
    labelled_image,
    natural_key,
    stem_of,
)

_OPENED = (*IMAGE_SUFFIXES, *AMNIS_SUFFIXES)
_OF_THE_SYSTEM = {
    *("@eadir", "__macosx", "$recycle.bin", "system volume information", "lost+found", "#recycle", "#snapshot"),
    *("@recycle", "@recently-snapshot", "thumbnails", "_thumbnails", "thumbs", "_thumbs"),
}
_N_SHOWN = 5
_BY_INODE = os.name == "posix"  # elsewhere, each inode costs a system call


@dataclass(frozen=True)
class Folder:
    """Files of one folder that may contain cells, in natural order.

    Attributes
    ----------
    path : Path
        The folder.
    top : Path
        The input that it belongs to; folders above it do not name a phase.
    names : tuple of str
        Names of image files, and of OME-Zarr folders.
    others : tuple of str
        Names of the other files.
    neighbours : tuple of str
        Names of the images in the folder, also of those that were not given.
    is_searched : bool
        Whether the folder was given, rather than some of its files.
    """

    path: Path
    top: Path
    names: tuple[str, ...]
    others: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    is_searched: bool = True


@dataclass(eq=False)
class FolderScan:
    """What some inputs contain.

    Attributes
    ----------
    folders : list of Folder
        In the order of the inputs, then in natural order.
    errors : list of CellCycleError
        Inputs that can't be used.
    notes : list of str
        What was left out.
    """

    folders: list[Folder] = field(default_factory=list)
    errors: list[CellCycleError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def scan_inputs(inputs: Sequence[Path]) -> FolderScan:
    """Find the folders and files of some inputs, each once.

    Parameters
    ----------
    inputs : sequence of Path
        Absolute paths of folders, which are searched with all their subfolders, and of files, which count together with
        their label images.

    Returns
    -------
    FolderScan
        Links are followed; a folder or a file that was found already is left out, with a note.
    """
    return _Scan(inputs).result()


_Given: TypeAlias = tuple[int, Path, os.stat_result]
"""Number of an input, the file, and what the system says of it."""


@dataclass(eq=False)
class _Found:
    """What was found in one folder."""

    order: tuple[int, tuple[str, ...]]
    top: Path
    names: dict[str, None] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    is_searched: bool = True


class _Scan:
    def __init__(self, inputs: Sequence[Path]) -> None:
        self._found: dict[Path, _Found] = {}
        self._folders: dict[tuple[int, int], Path] = {}
        self._files: set[tuple[int, int]] = set()
        self._linked_folders: list[tuple[int, Path, Path]] = []
        self._linked_files: list[tuple[Path, str]] = []
        self._twice: list[str] = []
        self._skipped: list[str] = []
        self._scan = FolderScan()
        single: dict[Path, list[_Given]] = {}
        for number, path in enumerate(inputs):
            try:
                identity = os.stat(path)
            except OSError:
                self._scan.errors.append(ReadError(f"{path} does not exist; check the name"))
                continue
            enclosing = enclosing_zarr(path)
            if not stat.S_ISDIR(identity.st_mode) or enclosing is not None:
                folder = path.parent if enclosing is None else Path(enclosing).parent
                single.setdefault(folder, []).append((number, path, identity))
            elif not self._search(number, path, path):
                what = "no TIFF, PNG, JPEG, CIF, RIF or OME-Zarr images"
                self._scan.errors.append(ReadError(f"{path} has {what}; give the folder with the images"))
        for number, path, top in self._linked_folders:  # grows meanwhile
            self._follow(number, path, top)
        for folder, files in single.items():
            self._add_files(folder, files)
        for folder, name in self._linked_files:
            self._add_link(folder, name)

    def result(self) -> FolderScan:
        """All that was found, with its notes."""
        for path, found in sorted(self._found.items(), key=lambda item: item[1].order):
            if found.names:
                names = tuple(sorted(found.names, key=_in_order)) if found.is_searched else tuple(found.names)
                folder = Folder(path, found.top, names, found.others, found.neighbours or names, found.is_searched)
                self._scan.folders.append(folder)
        if self._twice:
            self._scan.notes.append(f"left out, as the same file is read by another path: {shorten(self._twice)}")
        if self._skipped:
            why = "they are hidden, are no files, or belong to the system or a file server"
            self._scan.notes.append(f"left out, as {why}: {shorten(self._skipped)}")
        return self._scan

    def _search(self, number: int, path: Path, top: Path) -> bool:
        """Look into a folder and all below it; whether there is anything to open, or a link."""
        n_before = len(self._linked_folders) + len(self._linked_files)
        waiting, is_used = [path], False
        while waiting:
            folder = waiting.pop()
            try:
                identity = os.stat(folder)
                key = (identity.st_dev, identity.st_ino)
                if self._folders.setdefault(key, folder) != folder:
                    self._note_second_path(folder, self._folders[key])
                    is_used = True
                    continue
                if folder in self._found:
                    is_used = True
                    continue
                found = self._list(number, folder, top, identity.st_dev)
            except OSError as error:
                reason = f"can't be read ({error.strerror}) and is left out; check its permissions"
                self._scan.notes.append(f"{error.filename} {reason}")
                continue
            waiting.extend(reversed(found))
            is_used |= bool(self._found[folder].names)
        return is_used or len(self._linked_folders) + len(self._linked_files) > n_before

    def _list(self, number: int, folder: Path, top: Path, device: int) -> list[Path]:
        """Note the files of a folder; the result is its subfolders, in natural order."""
        below: list[str] = []
        others: list[str] = []
        order = (number, tuple(natural_key(part) for part in folder.relative_to(top).parts))
        found = _Found(order, top)
        with os.scandir(folder) as entries:
            for entry in entries:
                name, lower = entry.name, entry.name.lower()
                if name[0] == "." or lower in _OF_THE_SYSTEM:
                    if lower.endswith(_OPENED) or lower in _OF_THE_SYSTEM or (name[0] == "." and _is_folder(entry)):
                        self._skipped.append(name)
                elif _is_folder(entry):
                    if lower.endswith(ZARR_SUFFIX):
                        found.names[name] = None
                    elif entry.is_symlink():
                        self._linked_folders.append((number, folder / name, top))
                    else:
                        below.append(name)
                elif _never_ends(entry):
                    self._skipped.append(name)
                elif not lower.endswith(_OPENED):
                    others.append(name)
                elif entry.is_symlink():
                    self._linked_files.append((folder, name))
                elif self._is_new(entry, device):
                    found.names[name] = None
                else:
                    self._linked_files.append((folder, name))
        found.others = tuple(sorted(others))
        self._found[folder] = found
        return [folder / name for name in sorted(below, key=_in_order)]

    def _is_new(self, entry: os.DirEntry[str], device: int) -> bool:
        if not _BY_INODE:
            return True
        n_before = len(self._files)
        self._files.add((device, entry.inode()))
        return len(self._files) > n_before

    def _follow(self, number: int, path: Path, top: Path) -> None:
        real = os.path.realpath(path)
        if os.path.realpath(path.parent).startswith(os.path.join(real, "")) or real == os.path.realpath(path.parent):
            self._scan.notes.append(f"{path.name} is a link to a folder above it and is left out")
            return
        self._search(number, path, top)

    def _note_second_path(self, folder: Path, first: Path) -> None:
        self._scan.notes.append(f"{folder.name} is another path to the folder {first.name}, which is read once")

    def _add_files(self, folder: Path, given: Sequence[_Given]) -> None:
        """Files that were given one by one, and their label images in the same folder."""
        images = {path.name for _, path, _ in given if path.parent == folder}
        found = self._found.get(folder)
        if found is None:
            found = self._found[folder] = _Found((given[0][0], ()), folder, is_searched=False)
            try:
                listing = sorted(os.listdir(folder))
            except OSError:
                listing = []
            found.others = tuple(name for name in listing if not name.lower().endswith(_OPENED) and name[0] != ".")
            found.neighbours = tuple(name for name in listing if name.lower().endswith(_OPENED) and name[0] != ".")
        for _, path, identity in given:
            name = path.relative_to(folder).as_posix()  # of an OME-Zarr, with the folders inside it
            if name in found.names:
                continue
            key = (identity.st_dev, identity.st_ino)
            if not stat.S_ISDIR(identity.st_mode) and key in self._files and _has_second_path(path, identity):
                self._twice.append(path.name)
                continue
            self._files.add(key)
            found.names[name] = None
        if not found.is_searched:
            found.names.update(dict.fromkeys(_labels_of(images, found.neighbours)))

    def _add_link(self, folder: Path, name: str) -> None:
        """A symbolic link to a file, or a file whose number was seen before."""
        path = folder / name
        try:
            identity = os.stat(path)
        except OSError:
            self._scan.notes.append(f"{name} is a link to nothing and is left out")
            return
        if not stat.S_ISREG(identity.st_mode):
            self._skipped.append(name)
            return
        key = (identity.st_dev, identity.st_ino)
        if key in self._files and _has_second_path(path, identity):
            self._twice.append(name)
            return
        self._files.add(key)
        self._found[folder].names[name] = None


def _in_order(name: str) -> tuple[str, str]:
    return natural_key(name), name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that can't be followed
        return False


def _never_ends(entry: os.DirEntry[str]) -> bool:
    """Whether it is a pipe, a socket or a device; for the usual entry, that costs no question to the system."""
    try:
        return not entry.is_file() and not entry.is_symlink()
    except OSError:
        return False


def _has_second_path(path: Path, identity: os.stat_result) -> bool:
    """Whether another path may lead to the same file: on some file servers, file numbers are not unique."""
    return identity.st_nlink > 1 or os.path.realpath(path) != os.path.join(os.path.realpath(path.parent), path.name)


def _labels_of(images: Iterable[str], listing: Iterable[str]) -> Iterator[str]:
    """Names of files in a listing that may be label images of some images."""
    labels: dict[str, list[str]] = {}
    for name in listing:
        stem = stem_of(name)
        for image in {labelled_image(stem), labelled_image(stem, perhaps=True)}:
            if image and name.lower().endswith(IMAGE_SUFFIXES):
                labels.setdefault(folded(image), []).append(name)
    if not labels:
        return
    for image in images:
        stem = folded(stem_of(image))
        for length in range(1, len(stem) + 1):
            yield from labels.get(stem[:length], ())


def shorten(names: Sequence[str], most: int = _N_SHOWN) -> str:
    """The first names, and how many more there are.

    Parameters
    ----------
    names : sequence of str
        All names.
    most : int
        Names that are shown at most.

    Returns
    -------
    str
        For a sentence.

    Examples
    --------
    >>> shorten(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
