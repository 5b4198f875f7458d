"""A summary of what some inputs contain, for ``napari-cellcycle info``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import ROLES, Cells, evenly_spaced
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.io.formats.lazy_cells import FrameImages
from napari_cellcycle.io.input_part import InputPart
from napari_cellcycle.io.inputs import Paths, check_options, open_parts
from napari_cellcycle.io.name_patterns import printable
from napari_cellcycle.io.settled_phases import settle_phases
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.phases import UNKNOWN

_N_EXAMPLES = 16
"""Images of a part that are read to find sizes and data types."""


@dataclass(frozen=True)
class PartInfo:
    """What one file or folder contains.

    Attributes
    ----------
    where, kind : str
        The file or folder, and what it is.
    channels : dict of str to str
        Role of each channel by its name in the files; the name again if it has no role.
    n_cells : int or None
        None if the cells must be segmented first.
    n_synthetic : int
        Number of synthetic cells.
    phases : dict of str to int
        Number of cells of each phase that is known.
    heights_px, widths_px : tuple of int
        Smallest and largest of some images, in pixels.
    dtypes : tuple of str
        Data types of their pixels.
    pixel_size_um : float or None
        Edge of a pixel in micrometres, if it is known and the same for all cells.
    axes : str
        Axes of the images, as they were understood.
    phases_from : str
        Where the phases come from; empty if none is known.
    notes : tuple of str
        What was guessed, and what is wrong.
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
    axes: str
    phases_from: str
    notes: tuple[str, ...]

    def to_line(self) -> str:
        """What it is, its axes, and where its phases come from, in one line."""
        axes = f", axes {self.axes}" if self.axes else ""
        phases = f"; {sum(self.phases.values()):,} phases from {self.phases_from}" if self.phases else ""
        return f"{self.where}: {self.kind}{axes}{phases}"

    def to_text(self, but: Collection[str] = ()) -> str:
        """A short paragraph, without the notes in `but`."""
        channels = ", ".join(name if name == role else f"{name} = {role}" for name, role in self.channels.items())
        size = f"{_range(self.heights_px)} x {_range(self.widths_px)} pixels, {', '.join(self.dtypes)}"
        n_cells = "not counted, as they must be segmented first" if self.n_cells is None else f"{self.n_cells:,}"
        lines = [
            f"{self.where}: {self.kind}",
            f"  cells     {n_cells}",
            *([f"  synthetic {self.n_synthetic:,}"] if self.n_synthetic else []),
            f"  phases    {_counts(self.phases) or 'not known'}"
            + (f" (from {self.phases_from})" if self.phases else ""),
            f"  channels  {channels}",
            f"  images    {size}" + ("" if self.pixel_size_um is None else f", {self.pixel_size_um:.3g} um per pixel"),
            *([f"  axes      {self.axes}"] if self.axes else []),
            *(f"  note      {note}" for note in self.notes if note not in but),
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Description:
    """What some inputs contain, part by part, and what can't be read.

    Attributes
    ----------
    parts : tuple of PartInfo
        Files and folders.
    problems : tuple of str
        What was left out, and what was guessed.
    labelled : dict of str to int, or None
        Cells of each phase after labels replaced the phases of the files; None if there are no labels.
    labels : tuple of str
        What there is to say of the labels.
    phase_set : tuple of str
        Names of the phases that cells can have.
    """

    parts: tuple[PartInfo, ...]
    problems: tuple[str, ...]
    labelled: dict[str, int] | None = None
    labels: tuple[str, ...] = ()
    phase_set: tuple[str, ...] = SEVEN.names

    @property
    def n_cells(self) -> int:
        """Number of cells in all parts that are counted."""
        return sum(part.n_cells or 0 for part in self.parts)

    @property
    def phases(self) -> dict[str, int]:
        """Number of cells per phase in all parts."""
        counts = sum((Counter(part.phases) for part in self.parts), Counter())
        return {label: counts[label] for label in self.phase_set if counts[label]}

    def to_text(self) -> str:
        """One paragraph per part, the problems, and the sum if there are several parts."""
        repeated = Counter(note for part in self.parts for note in part.notes)
        common = [note for note, n_parts in repeated.items() if n_parts > 1]
        blocks = [part.to_text(but=common) for part in self.parts]
        blocks.extend(f"note: {note}" for note in common)
        blocks.extend(f"problem: {problem}" for problem in self.problems)
        if len(self.parts) > 1:
            blocks.append(f"in all {self.n_cells:,} cells" + (f": {_counts(self.phases)}" if self.phases else ""))
        blocks.extend(f"note: {note}" for note in self.labels)
        if self.labelled is not None:
            blocks.append(f"phases with the labels: {_counts(self.labelled) or 'not known'}")
        return "\n".join(blocks)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, for ``--json``."""
        return {**asdict(self), "n_cells": self.n_cells, "phases": self.phases}


def describe_inputs(
    paths: Paths,
    *,
    channels: Mapping[str, str] | None = None,
    layout: str = "auto",
    labels: str | os.PathLike[str] | None = None,
    pixel_size_um: float | None = None,
    plane: int | None = None,
    population: str | None = None,
    cell_diameter_px: float | None = None,
    phases: PhaseSet | None = None,
) -> Description:
    """Summarise inputs, read as `read_cells` does; only a few of their images are read.

    Parameters
    ----------
    paths, channels, layout, labels, pixel_size_um, plane, population, cell_diameter_px, phases
        As for `read_cells`.

    Returns
    -------
    Description
        One `PartInfo` per part.

    Raises
    ------
    ReadError, ChannelError, ImageError
        Nothing can be read; the message gives the reason for the first input.
    SettingError
        `layout`, `pixel_size_um` or `population` is not valid.
    """
    check_options(layout, pixel_size_um)
    found = open_parts(
        paths,
        channels=channels,
        layout=layout,
        labels=labels,
        plane=plane,
        population=population,
        cell_diameter_px=cell_diameter_px,
        phases=phases,
    )
    errors = list(found.errors)
    opened: list[tuple[InputPart, Cells | None]] = []
    for part in found.parts:
        try:
            opened.append((part, None if part.is_searched else part.cells()))
        except CellCycleError as error:
            errors.append(error)
    counted = [(part, cells) for part, cells in opened if cells is not None]
    settled, on_phases = settle_phases([cells for _, cells in counted], phases)
    read = [(part, cells) for (part, _), cells in zip(counted, settled, strict=True)]
    by_part = {id(part): cells for part, cells in read}
    infos = []
    for part, _ in opened:
        try:
            infos.append(_describe(part, by_part.get(id(part)), found.phase_source(part), pixel_size_um))
        except CellCycleError as error:
            errors.append(error)
    if not infos:
        raise errors[0]
    problems = (*found.notes, *on_phases, *found.phase_notes(read), *map(str, errors))
    names = settled[0].phase_set.names if settled else SEVEN.names
    return Description(tuple(infos), tuple(map(printable, dict.fromkeys(problems))), phase_set=names)


def _describe(part: InputPart, cells: Cells | None, phases_from: str, pixel_size_um: float | None) -> PartInfo:
    images = part.images.read(evenly_spaced(len(part.images), _N_EXAMPLES).tolist())
    pixels = [image.pixels for image in images if isinstance(image, CellImage)]
    unreadable = [image.reason for image in images if not isinstance(image, CellImage)]
    heights, widths = [image.shape[1] for image in pixels], [image.shape[2] for image in pixels]
    named = {name: role if role in ROLES else name for name, role in zip(part.channels, part.roles, strict=True)}
    phases = {} if cells is None else count_phases(cells)
    known_size = None if cells is None else cells.common_pixel_size_um
    return PartInfo(
        where=part.where,
        kind=part.kind,
        channels=named,
        n_cells=None if cells is None else len(cells),
        n_synthetic=0 if cells is None else int(cells.synthetic.sum()),
        phases=phases,
        heights_px=(min(heights, default=0), max(heights, default=0)),
        widths_px=(min(widths, default=0), max(widths, default=0)),
        dtypes=tuple(sorted({str(image.dtype) for image in pixels})),
        pixel_size_um=known_size if pixel_size_um is None else pixel_size_um,
        axes=_axes(part),
        phases_from=phases_from if phases else "",
        notes=tuple(map(printable, dict.fromkeys((*(() if cells is None else cells.notes), *unreadable)))),
    )


def _axes(part: InputPart) -> str:
    """The axes of a file, and what counts cells or frames."""
    if not isinstance(part.images, FrameImages):
        return ""
    file = part.images.files[0]
    what = "time points" if part.kind.startswith("time-lapse") else "cells"
    counted = f", {file.n_frames:,} {what} along {file.frame_axes}" if file.frame_axes else ""
    return f"{file.axes}{counted}"


def count_phases(cells: Cells) -> dict[str, int]:
    """Number of cells of each phase that is there, by its label."""
    counts = np.bincount(cells.phases[cells.phases != UNKNOWN], minlength=len(cells.phase_set)).tolist()
    return {label: count for label, count in zip(cells.phase_set.names, counts, strict=True) if count}


def _counts(phases: Mapping[str, int]) -> str:
    return ", ".join(f"{phase} {count:,}" for phase, count in phases.items())


def _range(values: tuple[int, int]) -> str:
    return f"{values[0]}" if values[0] == values[1] else f"{values[0]}-{values[1]}"
