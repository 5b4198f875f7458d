"""Cells in an OME-Zarr image with one cell per frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.io.channel_roles import name_channels
from napari_cellcycle.io.formats.base import join_planes
from napari_cellcycle.io.formats.lazy_cells import Focus
from napari_cellcycle.io.formats.zarr import ZarrImage
from napari_cellcycle.io.formats.zarr_groups import shown_name
from napari_cellcycle.io.image_set import check_plane, notes_on_planes
from napari_cellcycle.io.phase_table import sidecar_path, with_truth
from napari_cellcycle.phase_sets import VOCABULARY, PhaseSet


@dataclass(frozen=True, eq=False)
class _ZarrCells:
    file: ZarrImage
    channels: tuple[str, ...]
    focus: Focus

    def __len__(self) -> int:
        return self.file.n_frames

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        if self.file.n_planes == 1:
            return list(map(self._cell, self.file.read(indices), self.file.read_masks(indices)))
        return [self._cell(self.file.read([index], self.focus.plane_of(index))[0], None) for index in indices]

    def _cell(
        self, pixels: NDArray[np.generic] | Unreadable, mask: NDArray[np.generic] | Unreadable | None
    ) -> CellImage | Unreadable:
        if isinstance(mask, Unreadable):
            return mask
        cell = join_planes([pixels], [self.file.path.name], self.channels)
        return cell if mask is None or isinstance(cell, Unreadable) else replace(cell, mask=mask != 0)


def read_zarr_cells(
    file: ZarrImage,
    source: str,
    channels: Mapping[str, str] | None = None,
    plane: int | None = None,
    columns: Mapping[str, str] | None = None,
    vocabulary: PhaseSet = VOCABULARY,
) -> Cells:
    """Cells of an OME-Zarr image with one cell per frame.

    Parameters
    ----------
    file : ZarrImage
        From `open_zarr`.
    source : str
        Its name in tables.
    channels : mapping of role to channel, optional
        As for `read_cells`.
    plane : int, optional
        The focal plane to read; by default the sharpest of each cell.
    columns : mapping of str to str, optional
        Further columns of the table, such as the well of a plate.
    vocabulary : PhaseSet
        What the names of phases can mean.

    Returns
    -------
    Cells
        With the phases from the table in the same folder, as `convert` writes it.

    Raises
    ------
    ReadError
        The table names an unknown cell or phase.
    ChannelError
        A channel of `channels` is missing.
    SettingError
        There is no such focal plane.
    """
    named = name_channels(file.channels, channels, file.path.name)
    check_plane(plane, file)
    cells = Cells.build(
        _ZarrCells(file, named.roles, Focus.on([file], named.roles, plane)),
        named.roles,
        source,
        synthetic=file.synthetic,
        pixel_size_um=file.pixel_size_um,
        notes=(*named.notes, *notes_on_planes(file.n_planes, plane), *_unused_labels(file)),
        columns=columns or {},
        phase_set=vocabulary,
    )
    return with_truth(cells, file.path, sidecar_path(file.path).stem, vocabulary)


def _unused_labels(file: ZarrImage) -> list[str]:
    if file.cells or not file.labels:
        return []
    names = ", ".join(path.name for path in file.labels)
    note = f"{shown_name(file.path)}: its labels {names} are not used, as each image is one cell"
    return [f"{note}; say --layout field to use them"]
