"""Cells out of an OME-Zarr image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.io.channel_roles import name_channels
from napari_cellcycle.io.formats.base import join_planes
from napari_cellcycle.io.formats.zarr import ZarrImage, open_zarr
from napari_cellcycle.io.phase_table import sidecar_path, with_truth


@dataclass(frozen=True, eq=False)
class _ZarrCells:
    file: ZarrImage
    channels: tuple[str, ...]

    def __len__(self) -> int:
        return self.file.n_frames

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        both = zip(self.file.read(indices), self.file.read_masks(indices), strict=True)
        return [self._cell(pixels, mask) for pixels, mask in both]

    def _cell(
        self, pixels: NDArray[np.generic] | Unreadable, mask: NDArray[np.generic] | Unreadable | None
    ) -> CellImage | Unreadable:
        if isinstance(mask, Unreadable):
            return mask
        cell = join_planes([pixels], [self.file.path.name], self.channels)
        return cell if mask is None or isinstance(cell, Unreadable) else replace(cell, mask=mask != 0)


def read_zarr_cells(path: Path, root: Path, channels: Mapping[str, str] | None = None) -> Cells:
    """Cells of an OME-Zarr folder that holds one cell a frame.

    Parameters
    ----------
    path : Path
        The folder.
    root : Path
        Folder that `Cells.sources` are relative to.
    channels : mapping of role to channel, optional
        As for `read_cells`.

    Returns
    -------
    Cells
        With the phases of the table that `convert` writes beside it, if it is there.

    Raises
    ------
    ReadError, ImageError, ChannelError
        It can't be read, or lacks a channel of `channels`.
    """
    file = open_zarr(path)
    named = name_channels(file.channels, channels, path.name)
    cells = Cells.build(
        _ZarrCells(file, named.roles),
        named.roles,
        path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix(),
        synthetic=file.synthetic,
        pixel_size_um=file.pixel_size_um,
        notes=named.notes,
    )
    return with_truth(cells, path, sidecar_path(path).stem)
