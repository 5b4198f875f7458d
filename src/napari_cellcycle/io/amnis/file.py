"""An open Amnis file: a lazy sequence of its objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.amnis.bulk_read import read_pieces
from napari_cellcycle.io.amnis.codec import DamagedStripError, Strip, decode_images, decode_mask
from napari_cellcycle.io.amnis.header import PIXEL_SIZES_UM, Acquisition, read_acquisition
from napari_cellcycle.io.amnis.objects import IMAGE, Row, list_objects
from napari_cellcycle.io.amnis.tiff_directories import Chain, read_chain, read_first

_BATCH = 64


@dataclass(frozen=True, eq=False)
class AmnisObject:
    """One object of an Amnis file.

    Attributes
    ----------
    object_id : int
        Its number in the file, as shown in IDEAS.
    image : ndarray of int16, shape (C, H, W)
        The channels in use, in the order of `AmnisFile.channels`.
    mask : ndarray of uint8, shape (C, H, W), or None
        0 background, 1 object, 2 clipped in height, 3 clipped in width; None in a .rif.
    position : tuple of int, or None
        Line in the stream of the camera, and column of the camera; None if the file does not say.
    saturation : ndarray of float64, shape (C,), or None
        Number of saturated pixels of each channel in use; None if the file does not say.
    """

    object_id: int
    image: NDArray[np.int16]
    mask: NDArray[np.uint8] | None
    position: tuple[int, int] | None
    saturation: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class AmnisFile(Sequence[AmnisObject]):
    """The objects of a .cif or .rif file, read when they are needed; see `open_amnis`.

    It needs about 60 bytes of memory per object. The file is opened again for each reading, so an `AmnisFile` can be
    used by many threads and sent to other processes. A slice is an `AmnisFile` too.

    Attributes
    ----------
    path : Path
        The file.
    channels, brightfield : tuple of int
        Numbers (from 1) of the channels in use, in the order of the images, and of the brightfield ones among them.
    magnification : int or None
        Of the objective.
    """

    path: Path
    channels: tuple[int, ...]
    brightfield: tuple[int, ...]
    magnification: int | None
    _table: NDArray[np.void] = field(repr=False)
    _problems: list[str] = field(repr=False)

    @property
    def pixel_size_um(self) -> float | None:
        """Edge of a pixel in micrometres; None for an unknown objective."""
        return None if self.magnification is None else PIXEL_SIZES_UM.get(self.magnification)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is damaged, one sentence each: found when opening the file, or while reading objects."""
        return tuple(self._problems)

    @property
    def object_ids(self) -> NDArray[np.int64]:
        """Number of each object in the file, shape (N,)."""
        return self._table["id"].astype(np.int64)

    @property
    def sizes(self) -> NDArray[np.uint64]:
        """A number for height and width of each object, shape (N,)."""
        height, width = (self._table[name].astype(np.uint64) for name in ("height", "width"))
        return height << np.uint64(9) | width

    @property
    def places(self) -> NDArray[np.uint64] | None:
        """A number for place in the camera and size of each object, shape (N,); None if the file gives no places."""
        if not self._table["column"].any():
            return None
        line, column = (self._table[name].astype(np.uint64) for name in ("line", "column"))
        return (line << np.uint64(11) | column) << np.uint64(21) | self.sizes

    @property
    def has_masks(self) -> bool:
        """Whether any object has a mask, so whether it is a .cif."""
        return bool((self._table["mask_bytes"] > 0).any())

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> AmnisObject: ...
    @overload
    def __getitem__(self, index: slice) -> AmnisFile: ...
    def __getitem__(self, index: int | slice) -> AmnisObject | AmnisFile:
        if isinstance(index, slice):
            return replace(self, _table=self._table[index])
        found = self.read([range(len(self))[index]])[0]
        if isinstance(found, Unreadable):
            raise ReadError(found.reason)
        return found

    def __iter__(self) -> Iterator[AmnisObject]:
        """All objects except the damaged ones, which are added to `problems`."""
        for start in range(0, len(self), _BATCH):
            found = self.read(range(start, min(start + _BATCH, len(self))))
            yield from (item for item in found if isinstance(item, AmnisObject))

    def read(self, indices: Sequence[int], planes: Sequence[int] | None = None) -> list[AmnisObject | Unreadable]:
        """Read and decode many objects at once.

        Parameters
        ----------
        indices : sequence of int
            Indices in this sequence, in any order.
        planes : sequence of int, optional
            Indices of the channels to decode, in the wanted order; all by default.

        Returns
        -------
        list of AmnisObject or Unreadable
            One per index. Reading many objects in the order of the file is fastest.
        """
        rows = self._table[np.asarray(indices, np.intp)]
        wanted = range(len(self.channels)) if planes is None else planes
        try:
            with self.path.open("rb") as file:
                pieces = read_pieces(file, *self._extents(rows))
        except OSError as error:
            reason = f"{self.path.name} can't be read ({error.strerror}); check that it is still there"
            return [Unreadable(reason)] * len(rows)
        fields = [Row(*row) for row in rows.tolist()]
        strips = [
            self._strip(row, piece, row.image_compression) for row, piece in zip(fields, pieces[::3], strict=True)
        ]
        images = decode_images(strips, wanted)
        parts = zip(fields, images, pieces[1::3], pieces[2::3], strict=True)
        return [self._object(*part) for part in parts]

    def _strip(self, row: Row, content: NDArray[np.uint8], compression: int) -> Strip:
        return Strip(content, compression, row.height, row.width, len(self.channels))

    def _extents(self, rows: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Starts and sizes in bytes of the image strip, mask strip and saturation counts of each row in turn."""
        n_bytes = np.where(rows["saturation"] > 0, 8 * len(self.channels), 0)
        starts = np.stack([rows["image"], rows["mask"], rows["saturation"]], axis=1)
        sizes = np.stack([rows["image_bytes"], rows["mask_bytes"], n_bytes], axis=1)
        return starts.ravel(), sizes.astype(np.int64).ravel()

    def _object(
        self,
        row: Row,
        image: NDArray[np.int16] | DamagedStripError,
        mask: NDArray[np.uint8],
        saturation: NDArray[np.uint8],
    ) -> AmnisObject | Unreadable:
        try:
            if isinstance(image, DamagedStripError):
                raise image
            return AmnisObject(
                object_id=row.id,
                image=image,
                mask=decode_mask(self._strip(row, mask, row.mask_compression)) if row.mask_bytes else None,
                position=(row.line, row.column) if row.column else None,
                saturation=saturation.view("<f8").astype(float) if len(saturation) == 8 * len(self.channels) else None,
            )
        except DamagedStripError as error:
            reason = f"object {row.id} of {self.path.name} is damaged: {error}"
            if reason not in self._problems:
                self._problems.append(reason)
            return Unreadable(reason)


def open_amnis(path: Path | str) -> AmnisFile:
    """Open a .cif or .rif file of an Amnis imaging flow cytometer.

    The directories are read once, the pixels when they are needed.

    Parameters
    ----------
    path : Path or str
        The file, of any size.

    Returns
    -------
    AmnisFile
        A sequence of `AmnisObject`.

    Raises
    ------
    ReadError
        The file can't be read, or is not an Amnis file.

    Examples
    --------
    >>> with_masks = open_amnis("cells.cif")  # doctest: +SKIP
    >>> with_masks.channels, with_masks.brightfield, with_masks[0].image.shape  # doctest: +SKIP
    ((1, 2, 3, 4, 5, 6), (5,), (6, 43, 46))
    """
    path = Path(path)
    try:
        with path.open("rb", buffering=0) as file:
            size = file.seek(0, 2)
            tags, first = read_first(file)
            acquisition = read_acquisition(file, tags)
            chain = read_chain(file, first)
    except OSError as error:
        raise ReadError(f"{path.name} can't be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise ReadError(
            f"{path.name} is not an Amnis file ({error}); give a .cif or .rif file written by INSPIRE or IDEAS"
        ) from error
    table, problems = list_objects(chain.directories, len(acquisition.channels), size)
    problems = [*_missing(acquisition, chain), *problems]
    return AmnisFile(
        path=path,
        channels=acquisition.channels,
        brightfield=acquisition.brightfield,
        magnification=acquisition.magnification,
        _table=table,
        _problems=[f"{path.name}: {problem}" for problem in problems],
    )


def _missing(acquisition: Acquisition, chain: Chain) -> list[str]:
    problems = [] if acquisition.problem is None else [acquisition.problem]
    n_found = int((chain.directories["kind"] == IMAGE).sum())
    if chain.broken:
        problems.append(f"the file is broken after {n_found} objects, and the rest is lost: {chain.broken}")
    elif n_found < acquisition.n_objects:
        problems.append(f"only {n_found} of the {acquisition.n_objects} objects in its header are there")
    return problems
