"""The objects of an Amnis file as cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, Cells
from napari_cellcycle.errors import ReadError, SettingError
from napari_cellcycle.io.amnis.file import AmnisFile, AmnisObject
from napari_cellcycle.io.amnis.population_lists import Populations, populations_beside
from napari_cellcycle.io.channel_roles import name_channels
from napari_cellcycle.phase_sets import VOCABULARY, PhaseSet

_USUAL_DARKFIELD = (6, 12)
"""Usual channels of the side-scatter laser, as the file does not say which channel is darkfield."""


@dataclass(frozen=True, eq=False)
class _AmnisImages:
    """Images of the objects of one file, with only some of its planes.

    The mask of a cell is that of `mask_plane`, the brightfield one. If it is empty or unknown, the masks of all
    channels are joined.
    """

    file: AmnisFile
    planes: tuple[int, ...]
    channels: tuple[str, ...]
    mask_plane: int | None = None

    def __len__(self) -> int:
        return len(self.file)

    def take_planes(self, planes: Sequence[int]) -> _AmnisImages:
        """The same with only `planes`; others are not unpacked."""
        return replace(
            self,
            planes=tuple(self.planes[plane] for plane in planes),
            channels=tuple(self.channels[plane] for plane in planes),
        )

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order."""
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


def read_amnis_cells(
    file: AmnisFile,
    source: str,
    channels: Mapping[str, str] | None = None,
    *,
    population: str | None = None,
    populations: Populations | None = None,
    vocabulary: PhaseSet = VOCABULARY,
) -> Cells:
    """The objects of a .cif or .rif file as cells.

    Parameters
    ----------
    file : AmnisFile
        From `open_amnis`.
    source : str
        Its name in tables.
    channels : mapping of role to channel, optional
        As in ``{"darkfield": "Ch6"}``. The file says which channel is brightfield; darkfield is assumed to be channel
        6 or 12 if one of them is in use, and `Cells.notes` say so.
    population : str, optional
        Name of a population of the .daf in the same folder, or of a list, whose members are kept. All by default.
    populations : Populations, optional
        From `populations_beside`, if they were read before.
    vocabulary : PhaseSet
        What names can mean.

    Returns
    -------
    Cells
        Their ids are object numbers. Their phases come from the .daf and the population exports in the same folder.

    Raises
    ------
    ReadError
        None of the objects can be read.
    ChannelError
        A channel of `channels` is not in use.
    SettingError
        There is no such population, or it has no members.
    """
    path = file.path
    if not len(file):
        raise ReadError("; ".join(file.problems) or f"{path.name} contains no objects; give another file")
    known, guesses = _known_roles(file, channels or {})
    named = name_channels([f"Ch{channel}" for channel in file.channels], known, path.name)
    ids = file.object_ids
    found = populations_beside(path, ids, vocabulary) if populations is None else populations
    planes = tuple(range(len(file.channels)))
    mask_plane = named.roles.index(BRIGHTFIELD) if BRIGHTFIELD in named.roles else None
    cells = Cells.build(
        _AmnisImages(file, planes, named.roles, mask_plane),
        named.roles,
        source,
        ids=ids,
        phases=found.phases,
        pixel_size_um=file.pixel_size_um,
        notes=(*guesses, *named.notes, *found.notes, *file.problems),
        phase_set=vocabulary,
    )
    return cells if population is None else _members(cells, population, found, path.name)


def _members(cells: Cells, population: str, populations: Populations, where: str) -> Cells:
    chosen = np.flatnonzero(populations.named(population, where))
    if not len(chosen):
        raise SettingError(f"the population {population!r} of {where} has no objects; choose another one")
    note = f"{len(chosen)} of {len(cells)} objects of {where} are in the population {population!r}"
    members = cells.subset(chosen)
    return replace(members, notes=(*members.notes, note))


def _known_roles(file: AmnisFile, asked: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Channel of each role, from the user, else from the file, else guessed; and notes on the guesses."""
    in_use = [f"Ch{channel}" for channel in file.channels]
    roles = {role: in_use[int(name)] if name in map(str, range(len(in_use))) else name for role, name in asked.items()}
    notes = []
    if BRIGHTFIELD not in roles and file.brightfield:
        roles[BRIGHTFIELD] = f"Ch{file.brightfield[0]}"
        if len(file.brightfield) > 1:
            notes.append(f"{roles[BRIGHTFIELD]} read as brightfield, the first of {len(file.brightfield)} of them")
    taken = {name.casefold() for name in roles.values()} | {f"ch{channel}" for channel in file.brightfield}
    free = [f"Ch{channel}" for channel in _USUAL_DARKFIELD if channel in file.channels and f"ch{channel}" not in taken]
    if DARKFIELD not in roles and free:
        roles[DARKFIELD] = free[0]
        notes.append(f"{free[0]} read as darkfield, since {file.path.name} doesn't say; change it with --channels")
    return roles, notes
