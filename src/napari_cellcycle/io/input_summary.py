"""What is in some inputs, for a look before the work: ``napari-cellcycle info``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import ROLES, Cells
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.io.input_part import Part
from napari_cellcycle.io.inputs import Paths, open_parts
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN

_LOOKED_AT = 16
"""Images of a part that are read to tell sizes and types."""


@dataclass(frozen=True)
class PartInfo:
    """What one file or folder holds.

    Attributes
    ----------
    where, kind : str
        The file or folder, and what it is.
    channels : dict of str to str
        Each channel as the files name it, with its role; the name again where it has none.
    n_cells : int or None
        None where the cells must be searched for first.
    n_synthetic : int
        Cells that a generator made.
    phases : dict of str to int
        Cells per phase, of those whose phase is told.
    heights_px, widths_px : tuple of int
        Smallest and largest among some images.
    dtypes : tuple of str
        Types of their pixels.
    pixel_size_um : float or None
        Edge of a pixel in micrometres, where all tell the same.
    notes : tuple of str
        What was guessed, and what is wrong with it.
    """

    where: str
    kind: str
    channels: dict[str, str]
    n_cells: int | None
    n_synthetic: int
    phases: dict[str, int]
    heights_px: tuple[int, int]
    widths_px: tuple[int, int]
    dtypes: tuple[str, ...]
    pixel_size_um: float | None
    notes: tuple[str, ...]

    def to_text(self, but: Collection[str] = ()) -> str:
        """A short paragraph, without the notes in `but`."""
        channels = ", ".join(name if name == role else f"{name} = {role}" for name, role in self.channels.items())
        phases = ", ".join(f"{phase} {count:,}" for phase, count in self.phases.items())
        size = f"{_range(self.heights_px)} x {_range(self.widths_px)} pixels, {', '.join(self.dtypes)}"
        lines = [
            f"{self.where}: {self.kind}",
            "  cells     "
            + ("not counted before they are searched for" if self.n_cells is None else f"{self.n_cells:,}"),
            *([f"  synthetic {self.n_synthetic:,}"] if self.n_synthetic else []),
            f"  phases    {phases or 'not told'}",
            f"  channels  {channels}",
            f"  images    {size}" + ("" if self.pixel_size_um is None else f", {self.pixel_size_um:.3g} um per pixel"),
            *(f"  note      {note}" for note in self.notes if note not in but),
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Description:
    """What some inputs hold, part by part, and what can't be read of them."""

    parts: tuple[PartInfo, ...]
    problems: tuple[str, ...]

    @property
    def n_cells(self) -> int:
        """Cells of all parts where they are counted."""
        return sum(part.n_cells or 0 for part in self.parts)

    @property
    def phases(self) -> dict[str, int]:
        """Cells per phase over all parts."""
        counts = {label: sum(part.phases.get(label, 0) for part in self.parts) for label in PHASE_LABELS}
        return {label: count for label, count in counts.items() if count}

    def to_text(self) -> str:
        """A paragraph a part, the problems, and the sum where there is one."""
        repeated = Counter(note for part in self.parts for note in part.notes)
        common = [note for note, n_parts in repeated.items() if n_parts > 1]
        blocks = [part.to_text(but=common) for part in self.parts]
        blocks.extend(f"note: {note}" for note in common)
        blocks.extend(f"problem: {problem}" for problem in self.problems)
        if len(self.parts) > 1:
            phases = ", ".join(f"{phase} {count:,}" for phase, count in self.phases.items())
            blocks.append(f"in all {self.n_cells:,} cells" + (f": {phases}" if phases else ""))
        return "\n".join(blocks)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, for ``--json``."""
        return {**asdict(self), "n_cells": self.n_cells, "phases": self.phases}


def describe_inputs(paths: Paths, *, channels: Mapping[str, str] | None = None, layout: str = "auto") -> Description:
    """Look into inputs; only a few of their images are read.

    Parameters
    ----------
    paths, channels, layout
        As for `read_cells`.

    Raises
    ------
    ReadError, ChannelError, ImageError
        Nothing can be read; it says why for the first input.
    """
    found = open_parts(paths, channels=channels, layout=layout)
    if not found.parts:
        raise found.errors[0]
    infos: list[PartInfo] = []
    problems = [*found.notes, *map(str, found.errors)]
    for part in found.parts:
        try:
            infos.append(_describe(part))
        except CellCycleError as error:
            problems.append(str(error))
    return Description(tuple(infos), tuple(problems))


def _describe(part: Part) -> PartInfo:
    cells = None if part.is_searched else part.cells()
    chosen = np.unique(np.linspace(0, len(part.images) - 1, _LOOKED_AT).round().astype(int)).tolist()
    images = part.images.read(chosen)
    pixels = [image.pixels for image in images if isinstance(image, CellImage)]
    unreadable = [image.reason for image in images if not isinstance(image, CellImage)]
    heights, widths = [image.shape[1] for image in pixels], [image.shape[2] for image in pixels]
    named = {name: role if role in ROLES else name for name, role in zip(part.channels, part.roles, strict=True)}
    return PartInfo(
        where=part.where,
        kind=part.kind,
        channels=named,
        n_cells=None if cells is None else len(cells),
        n_synthetic=0 if cells is None else int(cells.synthetic.sum()),
        phases={} if cells is None else _count_phases(cells),
        heights_px=(min(heights, default=0), max(heights, default=0)),
        widths_px=(min(widths, default=0), max(widths, default=0)),
        dtypes=tuple(sorted({str(image.dtype) for image in pixels})),
        pixel_size_um=None if cells is None else _common_pixel_size(cells),
        notes=tuple(dict.fromkeys((*(() if cells is None else cells.notes), *unreadable))),
    )


def _count_phases(cells: Cells) -> dict[str, int]:
    counts = np.bincount(cells.phases[cells.phases != UNKNOWN], minlength=len(PHASE_LABELS))
    return {label: int(count) for label, count in zip(PHASE_LABELS, counts, strict=True) if count}


def _common_pixel_size(cells: Cells) -> float | None:
    sizes = np.unique(cells.pixel_size_um)
    return float(sizes[0]) if len(sizes) == 1 and np.isfinite(sizes[0]) else None


def _range(values: tuple[int, int]) -> str:
    return f"{values[0]}" if values[0] == values[1] else f"{values[0]}-{values[1]}"
