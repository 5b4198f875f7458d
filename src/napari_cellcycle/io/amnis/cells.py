"""The objects of an Amnis file as cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, Cells
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.amnis.file import AmnisFile, AmnisObject, open_amnis
from napari_cellcycle.io.amnis.populations import phases_beside
from napari_cellcycle.io.channel_roles import name_channels

USUAL_DARKFIELD = (6, 12)
"""Channels that the side-scatter laser is usually seen in: the file itself marks none as darkfield."""


@dataclass(frozen=True, eq=False)
class AmnisImages:
    """Images of the objects of one file, with the planes that are wanted of them.

    The mask of a cell is that of `mask_plane`, which is brightfield; where that is empty or unknown, it is what any
    channel's mask holds.
    """

    file: AmnisFile
    planes: tuple[int, ...]
    channels: tuple[str, ...]
    mask_plane: int | None = None

    def __len__(self) -> int:
        return len(self.file)

    def take_planes(self, planes: Sequence[int]) -> AmnisImages:
        """The same with only `planes`, so that no other is unpacked."""
        return replace(
            self,
            planes=tuple(self.planes[plane] for plane in planes),
            channels=tuple(self.channels[plane] for plane in planes),
        )

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order, read at once."""
        return [self._as_cell(item) for item in self.file.read(indices, self.planes)]

    def _as_cell(self, item: AmnisObject | Unreadable) -> CellImage | Unreadable:
        if isinstance(item, Unreadable):
            return item
        for plane, channel in zip(item.image, self.channels, strict=True):
            if channel in (BRIGHTFIELD, DARKFIELD) and not plane.any():
                where = f"object {item.object_id} of {self.file.path.name}"
                return Unreadable(f"{where} is all zero in {channel}; was this channel recorded?")
        return CellImage(item.image, self._cell_mask(item.mask))

    def _cell_mask(self, masks: NDArray[np.uint8] | None) -> NDArray[np.bool_] | None:
        if masks is None:
            return None
        inside: NDArray[np.bool_] = masks != 0
        chosen = inside if self.mask_plane is None else inside[[self.mask_plane]]
        return np.asarray((chosen if chosen.any() else inside).any(axis=0), bool)


def read_amnis_cells(path: Path, root: Path, channels: Mapping[str, str] | None = None) -> Cells:
    """The objects of a .cif or .rif file as cells.

    Parameters
    ----------
    path : Path
        The file.
    root : Path
        Folder that `Cells.sources` are relative to.
    channels : mapping of role to channel, optional
        As in ``{"darkfield": "Ch6"}``. Brightfield is known from the file; darkfield is taken as channel 6 or 12,
        where one is in use, and `Cells.notes` say so.

    Returns
    -------
    Cells
        Their ids are object numbers. Phases are those of IDEAS's population exports beside the file, if any.

    Raises
    ------
    ReadError
        The file can't be read, or none of its objects can.
    ChannelError
        A channel of `channels` is not in use.
    """
    file = open_amnis(path)
    if not len(file):
        raise ReadError("; ".join(file.problems) or f"{path.name} holds no objects; give one that does")
    known, guesses = _known_roles(file, channels or {})
    named = name_channels([f"Ch{channel}" for channel in file.channels], known, path.name)
    ids = file.object_ids
    phases, lists = phases_beside(path, ids)
    planes = tuple(range(len(file.channels)))
    mask_plane = named.roles.index(BRIGHTFIELD) if BRIGHTFIELD in named.roles else None
    return Cells.build(
        AmnisImages(file, planes, named.roles, mask_plane),
        named.roles,
        path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name,
        ids=ids,
        phases=phases,
        pixel_size_um=file.pixel_size_um,
        notes=(*guesses, *named.notes, *lists, *file.problems),
    )


def _known_roles(file: AmnisFile, asked: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Channel of each role, as the user says, else as the file says, else guessed, and what to say of it."""
    in_use = [f"Ch{channel}" for channel in file.channels]
    roles = {role: in_use[int(name)] if name in map(str, range(len(in_use))) else name for role, name in asked.items()}
    notes = []
    if BRIGHTFIELD not in roles and file.brightfield:
        roles[BRIGHTFIELD] = f"Ch{file.brightfield[0]}"
        if len(file.brightfield) > 1:
            notes.append(f"{roles[BRIGHTFIELD]} read as brightfield, the first of {len(file.brightfield)} of them")
    taken = {name.casefold() for name in roles.values()} | {f"ch{channel}" for channel in file.brightfield}
    free = [f"Ch{channel}" for channel in USUAL_DARKFIELD if channel in file.channels and f"ch{channel}" not in taken]
    if DARKFIELD not in roles and free:
        roles[DARKFIELD] = free[0]
        notes.append(f"{free[0]} read as darkfield, since {file.path.name} doesn't say; change it with --channels")
    return roles, notes
