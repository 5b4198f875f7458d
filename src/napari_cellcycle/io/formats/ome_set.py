"""OME-TIFF images that lie in several files: one per channel, time or focal plane, or with their metadata elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ReadError
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.ome_xml import Ome, OmeImage, locate
from napari_cellcycle.io.formats.pixel_checks import grey
from napari_cellcycle.io.formats.tiff_metadata import is_plausible
from napari_cellcycle.io.formats.tiff_pages import as_read_error, decoded, opened

_MOST_PLANES = 50_000_000
_NAMED_FILES = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class _OmeSet(ImageFile):
    """An image whose planes lie in several files.

    Attributes
    ----------
    files : tuple of Path
        The files.
    missing : tuple of str
        Names of the files that are missing.
    file_of : ndarray of intp, shape (F * Z, C)
        Index of the file with a channel of a frame; of a missing one, -2 minus its index; -1 if no file has it.
    page_of : ndarray of intp, shape (F * Z, C)
        Index of the page in that file.
    """

    files: tuple[Path, ...]
    missing: tuple[str, ...]
    file_of: NDArray[np.intp]
    page_of: NDArray[np.intp]

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The frames at the given indices, each (C, Y, X), in the focal plane `plane`."""
        rows = [frame * self.n_planes + plane for frame in frames]
        planes: dict[tuple[int, int], NDArray[np.generic] | str] = {}
        for file in np.unique(self.file_of[rows]).tolist():
            wanted = sorted({int(page) for row in rows for page in self.page_of[row][self.file_of[row] == file]})
            if file < 0:
                reason = f"{self.missing[-2 - file] if file < -1 else 'a plane'} is missing; copy it to the same folder"
                planes |= {(file, page): reason for page in wanted}
            else:
                planes |= {(file, page): found for page, found in self._pages(self.files[file], wanted).items()}
        return [self._frame(frame, row, planes) for frame, row in zip(frames, rows, strict=True)]

    def _pages(self, path: Path, wanted: Sequence[int]) -> dict[int, NDArray[np.generic] | str]:
        found: dict[int, NDArray[np.generic] | str] = {}
        try:
            with opened(path) as (tiff, _):
                for page in wanted:
                    try:
                        found[page] = self._plane(tiff, path, page)
                    except CellCycleError as error:
                        found[page] = str(error)
        except ReadError as error:
            return dict.fromkeys(wanted, str(error))
        return found

    def _plane(self, tiff: TiffFile, path: Path, page: int) -> NDArray[np.generic]:
        with as_read_error(path):
            try:
                found = tiff.pages[page]
            except IndexError:
                raise ReadError(
                    f"{path.name} has no page {page}, which its OME-XML names; copy or export it again"
                ) from None
            if found.shape[:2] != self.shape:
                raise ReadError(f"{path.name} is damaged: its pages differ in size; copy or export it again")
            return grey(decoded(found, path), path.name)

    def _frame(
        self, frame: int, row: int, planes: dict[tuple[int, int], NDArray[np.generic] | str]
    ) -> NDArray[np.generic] | Unreadable:
        pixels: list[NDArray[np.generic]] = []
        for key in zip(self.file_of[row].tolist(), self.page_of[row].tolist(), strict=True):
            found = planes[key]
            if isinstance(found, str):
                return Unreadable(f"frame {frame} of {found}")
            pixels.append(found)
        return np.stack(pixels)


def is_ome_set(ome: Ome, path: Path) -> bool:
    """Whether planes of the images lie in other files than `path`.

    Parameters
    ----------
    ome : Ome
        The OME-XML of the file.
    path : Path
        The file.

    Returns
    -------
    bool
        False for a file that has all of its planes, under its present or a former name.

    Raises
    ------
    ReadError
        The OME-XML describes only other files.
    """
    files = ome.files
    if path.name not in files and (len(files) > 1 or (files and ome.is_elsewhere)):
        shown = ", ".join(sorted(files)[:_NAMED_FILES])
        raise ReadError(
            f"{path.name} is not among the files that its OME-XML describes ({shown}), so it is not known what it "
            "shows; give the file its former name"
        )
    return len(files) > 1 or ome.is_elsewhere


def open_ome_set(ome: Ome, path: Path) -> list[ImageFile]:
    """Open the images of which `path` has planes, with the planes in the other files.

    Parameters
    ----------
    ome : Ome
        Its OME-XML.
    path : Path
        The file.

    Returns
    -------
    list of ImageFile
        A channel, or a frame, without any file is left out with a note.

    Raises
    ------
    ReadError
        The OME-XML contradicts itself.
    """
    synthetic = any(image.is_synthetic for image in ome.images)
    own = [image for image in ome.images if any(block.file == path.name for block in image.blocks())]
    found: list[ImageFile] = []
    for position, image in enumerate(own):
        contents: dict[str, Any] = {"synthetic": synthetic, "n_scenes": len(own)}
        found.append(_open_image(image, path, contents | {"scene": position if len(own) > 1 else None}))
    return found


def _open_image(image: OmeImage, path: Path, contents: dict[str, Any]) -> ImageFile:
    lengths = [image.length(axis) for axis in "CZT"]
    if min(lengths) < 1 or np.prod(lengths, dtype=float) > _MOST_PLANES:
        raise ReadError(
            f"{path.name} is damaged: its OME-XML says {lengths} channels, planes and times; export it again"
        )
    names: list[str] = []
    file_of, page_of = _tables(image, path, lengths, names)
    located = [path if name == path.name else locate(path.parent, name) for name in names]
    missing = tuple(name for name, found in zip(names, located, strict=True) if found is None)
    files = tuple(found for found in located if found is not None)
    renumbered = [
        -2 - missing.index(n) if found is None else files.index(found) for n, found in zip(names, located, strict=True)
    ]
    file_of = np.array([*renumbered, -1], np.intp)[file_of]
    shape, dtype = _page_of(path, file_of, page_of, files)
    n_times, n_planes, n_channels = file_of.shape
    kept = [channel for channel in range(n_channels) if (file_of[:, :, channel] >= 0).any()]
    notes = _notes(image, path, files, missing, file_of)
    channels = image.channels or ("",) * n_channels
    size = image.pixel_size_um
    return _OmeSet(
        path=path,
        axes="TZCYX",
        frame_axes="T" if n_times > 1 else "",
        n_frames=n_times,
        n_planes=n_planes,
        channels=tuple(
            channels[channel] or (f"channel {channel}" if len(kept) < n_channels else "") for channel in kept
        ),
        shape=shape,
        dtype=dtype,
        pixel_size_um=size if is_plausible(size) else None,
        notes=notes,
        parts=files,
        files=files,
        missing=missing,
        file_of=file_of[:, :, kept].reshape(n_times * n_planes, -1),
        page_of=page_of[:, :, kept].reshape(n_times * n_planes, -1),
        **contents,
    )


def _tables(
    image: OmeImage, path: Path, lengths: Sequence[int], names: list[str]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """File (an index of `names`, which are appended) and page of each plane, (T, Z, C); -1 where the XML has none."""
    order = [axis for axis in image.pixels.get("DimensionOrder", "XYCZT")[2:] if axis in "CZT"]
    if sorted(order) != ["C", "T", "Z"]:
        raise ReadError(f"{path.name} is damaged: its OME-XML has no order of axes; export it again")
    sizes = [lengths["CZT".index(axis)] for axis in order]
    n_all = int(np.prod(sizes))
    file_of, page_of = np.full(n_all, -1, np.intp), np.zeros(n_all, np.intp)
    for block in image.blocks():
        if block.file not in names:
            names.append(block.file)
        first = [block.first["CZT".index(axis)] for axis in order]
        start = first[0] + sizes[0] * (first[1] + sizes[1] * first[2])
        n_planes = _count_pages(path, block.file) if block.n_planes is None else block.n_planes
        stop = max(min(start + n_planes, n_all), 0)
        start = max(start, 0)
        file_of[start:stop] = names.index(block.file)
        page_of[start:stop] = max(block.page, 0) + np.arange(max(stop - start, 0))
    axes = [2 - order.index(axis) for axis in "TZC"]  # the first axis of the order runs fastest
    both = [table.reshape(sizes[::-1]).transpose(axes) for table in (file_of, page_of)]
    return both[0], both[1]


def _count_pages(path: Path, name: str) -> int:
    found = path if name == path.name else locate(path.parent, name)
    if found is None:
        return 1
    with opened(found) as (tiff, _), as_read_error(found):
        return len(tiff.pages)


def _page_of(
    path: Path, file_of: NDArray[np.intp], page_of: NDArray[np.intp], files: Sequence[Path]
) -> tuple[tuple[int, int], np.dtype[np.generic]]:
    """Shape and data type of a page of the image, which counts for all of them."""
    own = file_of == files.index(path)
    with opened(path) as (tiff, _), as_read_error(path):
        index = int(page_of[own].min())
        page = tiff.pages[index if index < len(tiff.pages) else 0]
        return (int(page.shape[0]), int(page.shape[1])), np.dtype(page.dtype or np.uint16)


def _notes(
    image: OmeImage, path: Path, files: Sequence[Path], missing: Sequence[str], file_of: NDArray[np.intp]
) -> tuple[str, ...]:
    notes = []
    if len(files) > 1:
        notes.append("files that show one image, as their OME-XML says, are read together and once")
    for index, name in enumerate(missing[:_NAMED_FILES]):
        lost = np.argwhere(file_of == -2 - index)
        channels = sorted({int(channel) for *_, channel in lost})
        shown = ", ".join((image.channels[c] if c < len(image.channels) else "") or f"channel {c}" for c in channels)
        notes.append(
            f"{name} ({shown}) is missing, though the OME-XML of {path.name} names it: "
            "what it shows is left out; copy it to the same folder"
        )
    if len(missing) > _NAMED_FILES:
        notes.append(f"{len(missing) - _NAMED_FILES} more files that the OME-XML of {path.name} names are missing")
    unnamed = int((file_of == -1).sum())
    if unnamed:
        notes.append(f"{path.name}: its OME-XML says of {unnamed} planes not where they lie; they can't be read")
    return tuple(notes)
