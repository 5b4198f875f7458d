"""What one folder or file of an input turned out to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_cellcycle.cell_images import CellImages
from napari_cellcycle.cells import Cells


@dataclass(frozen=True)
class ReadOptions:
    """What the user said about the inputs, and the folder that sources are named from."""

    root: Path
    channels: Mapping[str, str] | None = None
    layout: str = "auto"
    labels: Path | None = None

    def source(self, path: Path) -> str:
        """Name of a file in tables: its path below the root, with forward slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()


@dataclass(frozen=True, eq=False)
class Part:
    """Cells of one kind in one place, opened but not read.

    Attributes
    ----------
    where : str
        File or folder, relative to the input.
    kind : str
        What it is, in words for the user.
    channels : tuple of str
        Names of the channels in the files, or their positions where they have none.
    roles : tuple of str
        The names that `Cells.channels` has for them.
    images : CellImages
        What the files hold: cells, or whole fields.
    cells : callable
        Makes the cells.
    is_searched : bool
        Whether that is long work, as the cells of a field without labels must be found first.
    """

    where: str
    kind: str
    channels: tuple[str, ...]
    roles: tuple[str, ...]
    images: CellImages
    cells: Callable[[], Cells]
    is_searched: bool = False
