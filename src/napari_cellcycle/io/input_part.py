"""A part of the input: cells of one kind in one file or folder, opened but not read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from napari_cellcycle.cell_images import CellImage, CellImages
from napari_cellcycle.cells import Cells, evenly_spaced
from napari_cellcycle.errors import ImageError
from napari_cellcycle.images.find_cells import CellFinder
from napari_cellcycle.io.amnis.sub_populations import SubPopulation
from napari_cellcycle.io.name_patterns import printable
from napari_cellcycle.io.phase_names import PhaseNames

_TRIED_CELLS = 32


@dataclass(frozen=True)
class ReadOptions:
    """What the user says about the input, and the folder that sources are named from."""

    root: Path
    channels: Mapping[str, str] | None = None
    layout: str = "auto"
    labels: Path | None = None
    plane: int | None = None
    claimed: set[object] = field(default_factory=set, compare=False)
    """Images in several files that were opened already, so that each is read once."""
    population: str | None = None
    cell_diameter_px: float | None = None
    sub_populations: dict[Path, list[SubPopulation]] = field(default_factory=dict, compare=False)
    """Files of Amnis runs, with those of sub-populations of their objects."""
    names: PhaseNames = field(default_factory=PhaseNames)
    finder: CellFinder | None = None
    pixel_size_um: float | None = None

    @property
    def numbers_channels(self) -> bool:
        """Whether the user says which channel is which by their positions, of more than one."""
        return any(name.isdecimal() and int(name) > 0 for name in (self.channels or {}).values())

    def source(self, path: Path) -> str:
        """Name of a file in tables: its path relative to the root, with forward slashes and only printable letters."""
        return printable((path.relative_to(self.root) if path.is_relative_to(self.root) else path).as_posix())


@dataclass(frozen=True, eq=False)
class InputPart:
    """Cells of one kind in one file or folder.

    Attributes
    ----------
    where : str
        File or folder, relative to the input.
    kind : str
        What it is, in words for the user.
    channels : tuple of str
        Names of the channels in the files, or their positions if they have no names.
    roles : tuple of str
        Names of the same channels in `Cells.channels`.
    images : CellImages
        The images in the files: of single cells, or whole fields.
    cells : callable
        Returns the cells.
    is_searched : bool
        Whether that takes long, because the cells of a field without labels must be found first.
    folder : Path, or None
        Folder of the files.
    phases_from : str
        Files that gave phases, if they are known.
    """

    where: str
    kind: str
    channels: tuple[str, ...]
    roles: tuple[str, ...]
    images: CellImages
    cells: Callable[[], Cells]
    is_searched: bool = False
    folder: Path | None = None
    phases_from: str = ""

    @property
    def labels_apply(self) -> bool:
        """Whether its cells are cut from a full field by a label image."""
        return " with the labels " in self.kind

    def unreadable_reasons(self) -> list[str]:
        """Why no image can be read, for each image that was tried; empty if any of them can be read."""
        reasons = []
        for index in evenly_spaced(max(len(self.images), 1), _TRIED_CELLS).tolist():
            image = self.images.read([index])[0]
            if isinstance(image, CellImage):
                return []
            reasons.append(image.reason)
        return reasons

    def checked(self) -> InputPart:
        """This part, or ImageError with the reason for the first image if none can be read."""
        reasons = self.unreadable_reasons()
        if reasons:
            raise ImageError(reasons[0])
        return self
