"""Open cells from any input; the content decides what a file or folder is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import BRIGHTFIELD, Cells, evenly_spaced, join_cells
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError, SettingError
from napari_cellcycle.images.find_cells import CellFinder
from napari_cellcycle.io.amnis import open_amnis, read_amnis_cells
from napari_cellcycle.io.amnis.population_lists import Populations, populations_beside
from napari_cellcycle.io.amnis.sub_populations import SubPopulation, find_sub_populations
from napari_cellcycle.io.array_cells import cells_of_array, is_array, named_channels
from napari_cellcycle.io.channel_roles import shown_names
from napari_cellcycle.io.folder_contents import ImageGroup, group_images
from napari_cellcycle.io.folder_scan import Folder, scan_inputs
from napari_cellcycle.io.formats.label_image import is_label_image_of, looks_like_labels
from napari_cellcycle.io.formats.zarr_groups import enclosing_zarr
from napari_cellcycle.io.image_set import Origin
from napari_cellcycle.io.input_part import InputPart, ReadOptions
from napari_cellcycle.io.label_folders import pair_label_folders
from napari_cellcycle.io.layout_detection import open_group
from napari_cellcycle.io.left_out import (
    channel_notes,
    phaseless_notes,
    unused_files,
    without_copies,
    without_raw_copies,
)
from napari_cellcycle.io.name_patterns import (
    AMNIS_SUFFIXES,
    LAYOUTS,
    channel_pattern,
    printable,
    split_channel,
    stem_of,
)
from napari_cellcycle.io.own_outputs import without_own_outputs
from napari_cellcycle.io.phase_names import PhaseNames
from napari_cellcycle.io.phase_set_file import read_phase_set
from napari_cellcycle.io.phase_table import has_phases, table_of, with_truth
from napari_cellcycle.io.plane_files import one_plane_each
from napari_cellcycle.io.settled_phases import settle_phases
from napari_cellcycle.io.zarr_containers import is_in_zarr, open_zarr_images
from napari_cellcycle.phase_sets import PhaseSet, phase_set, vocabulary
from napari_cellcycle.phases import UNKNOWN

_AMNIS = "Amnis"
_N_CHECKED = 3
"""Images of a part that are looked at to see whether they are label images."""
_NAMED_ERRORS = 50

Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def read_cells(
    paths: Paths | Any,
    *,
    channels: Mapping[str, str | int] | Sequence[str] | None = None,
    layout: str = "auto",
    labels: str | os.PathLike[str] | None = None,
    pixel_size_um: float | None = None,
    plane: int | None = None,
    population: str | None = None,
    cell_diameter_px: float | None = None,
    finder: CellFinder | None = None,
    masks: Any = None,
    phases: Any = None,
) -> Cells:
    """Open the cells of files and folders, or of an array; their images are read later, when they are needed.

    Parameters
    ----------
    paths : path or sequence of paths; or array, or sequence of arrays
        Files and folders of any kind that the README lists. Or an array of cells, (N, C, Y, X) or (N, Y, X), of NumPy,
        dask, zarr or xarray; or one array (C, Y, X) or (Y, X) for each cell.
    channels : mapping of role to channel, or sequence of roles, optional
        Which channel is which, as in ``{"brightfield": "Ch3", "darkfield": "Ch6"}``: a name from the file names or
        the OME metadata (any case), or a position from 0. Or what each channel shows, in their order. By default it is
        guessed.
    layout : {"auto", "cells", "field", "montage"}
        What an image shows. By default, an image of at most 150 x 150 pixels is a cell, and a stack of them is a stack
        of cells; a larger image is a montage if it consists of equal tiles, or else a field; and a stack of larger
        images is a time-lapse of a field.
    labels : path, optional
        Label image of a full-field image. By default, ``<name>_labels.tif``, ``<name>_mask.tif`` or
        ``<name>_cp_masks.png`` in the same folder is used; without any, the field is segmented. For an OME-Zarr, the
        name of one of the label images inside it will do.
    pixel_size_um : float, optional
        Edge of a pixel in micrometres; replaces what the files say.
    plane : int, optional
        Of images with several focal planes (z), the one to read, counted from 0. By default the sharpest plane of each
        image is read.
    population : str, optional
        Keep only the objects of this population of the IDEAS analysis (.daf), or of the list, next to a .cif.
    cell_diameter_px : float, optional
        Usual diameter of a cell in pixels, from 6 to 400, with which the cells of a full-field image without labels are
        found. By default it is measured in the image.
    finder : CellFinder, or str or path, optional
        What finds the cells of full-field images without labels: a model that has a finder, or ``"cellpose"``; see
        `load_finder`. By default they are found by their contrast.
    masks : array, shape (N, Y, X), optional
        Of an array of cells: where it is not 0, a pixel belongs to its cell.
    phases : PhaseSet or str; or sequence of int or str, optional
        Of files, the phase set: ``"g1-s-g2m"``, a list of names such as ``"G1,S,G2/M"``, ...; by default the seven, or
        a coarser one if folders, tables and lists name phases together, as in ``G2M``. Of an array of cells, the true
        phase of each, as a number or name.

    Returns
    -------
    Cells
        In the order of the inputs, then of the folders, then of the names. `notes` says what was guessed, and names
        each file that was left out.

    Raises
    ------
    ReadError, ChannelError, ImageError
        Nothing can be read; the message gives the reason for the first input.
    SettingError
        `layout`, `pixel_size_um`, `plane`, `population` or `cell_diameter_px` is not valid, or an option is given
        that says nothing about such an input.

    Examples
    --------
    >>> pixels = np.zeros((100, 2, 64, 64), np.uint16)
    >>> read_cells(pixels, channels=("brightfield", "darkfield"), pixel_size_um=0.5)
    Cells(100 cells, 0 of known phase, channels brightfield, darkfield)
    """
    check_options(layout, pixel_size_um)
    if is_array(paths):
        return cells_of_array(
            paths,
            channels,
            pixel_size_um,
            masks=masks,
            phases=phases,
            of_files={"layout": layout, "labels": labels, "plane": plane, "finder": finder},
        )
    if masks is not None:
        raise SettingError("masks goes with an array of cells, but files are given, which have masks of their own")
    wanted = None if phases is None else _asked_phases(phases)
    roles = named_channels(channels)
    found = open_parts(
        paths,
        channels=roles,
        layout=layout,
        labels=labels,
        pixel_size_um=pixel_size_um,
        plane=plane,
        population=population,
        cell_diameter_px=cell_diameter_px,
        finder=finder,
        phases=wanted,
    )
    parts, errors = [], list(found.errors)
    opened: list[InputPart] = []
    for part in found.parts:
        try:
            parts.append(part.cells())
            opened.append(part)
        except CellCycleError as error:
            errors.append(error)
    if not parts:
        raise errors[0]
    settled, on_phases = settle_phases(parts, wanted)
    read = [*zip(opened, settled, strict=True)]
    cells = join_cells(settled)
    if pixel_size_um is not None:
        cells = replace(cells, pixel_size_um=np.full(len(cells), pixel_size_um, np.float32))
    notes = (*cells.notes, *found.notes, *on_phases, *found.phase_notes(read), *left_out(errors))
    return replace(cells, notes=tuple(dict.fromkeys(map(printable, notes))))


def _asked_phases(phases: Any) -> PhaseSet:
    """The phase set that is asked for."""
    if isinstance(phases, str):
        return read_phase_set(phases)
    if isinstance(phases, PhaseSet | Mapping) or (
        isinstance(phases, list | tuple) and all(isinstance(name, str) for name in phases)
    ):
        return phase_set(phases)
    raise SettingError(
        "phases goes with an array of cells, but files are given, which have phases of their own; to choose which "
        "phases there are, give the name of a phase set, such as g1-s-g2m"
    )


def check_options(layout: str, pixel_size_um: float | None) -> None:
    """Check options of `read_cells` that need no look at the files.

    Parameters
    ----------
    layout : str
        One of `LAYOUTS`.
    pixel_size_um : float or None
        Edge of a pixel in micrometres.

    Raises
    ------
    SettingError
        One of them is not valid.
    """
    if layout not in LAYOUTS:
        raise SettingError(f"layout is {layout!r}, but must be one of {', '.join(LAYOUTS)}")
    is_number = isinstance(pixel_size_um, int | float | np.number)
    if pixel_size_um is not None and not (is_number and 0 < pixel_size_um < float("inf")):
        raise SettingError(f"pixel-size-um is {pixel_size_um!r}, but must be greater than 0")


@dataclass(frozen=True)
class FoundParts:
    """The parts of some inputs, why others can't be read, and notes for the user."""

    parts: tuple[InputPart, ...]
    errors: tuple[CellCycleError, ...]
    notes: tuple[str, ...]
    options: ReadOptions
    tops: Mapping[Path, Path]

    def phase_notes(self, read: Sequence[tuple[InputPart, Cells]]) -> list[str]:
        """Notes on how names were read, and on cells without a phase or a channel while others have one.

        Parameters
        ----------
        read : sequence of (InputPart, Cells)
            Parts, with their cells.

        Returns
        -------
        list of str
            Sentences for the user.
        """
        return [*self.options.names.notes, *phaseless_notes(read, self.tops), *channel_notes([c for _, c in read])]

    def phase_source(self, part: InputPart) -> str:
        """Where the phases of a part come from, if it has any."""
        path, folder = self.options.root / part.where, part.folder or self.options.root
        if part.phases_from:
            return part.phases_from
        key = split_channel(stem_of(path.name), channel_pattern(part.channels))[0]
        table = None if part.kind.startswith("one file") else table_of(path, key)
        if table is not None and has_phases(table):
            return table.name
        named = self.options.names.of_folder(folder, self.tops.get(folder, folder)) != UNKNOWN
        return "the name of the folder" if named else "the names of the files"


def open_parts(
    paths: Paths,
    *,
    channels: Mapping[str, str] | None = None,
    layout: str = "auto",
    labels: str | os.PathLike[str] | None = None,
    pixel_size_um: float | None = None,
    plane: int | None = None,
    population: str | None = None,
    cell_diameter_px: float | None = None,
    finder: CellFinder | None = None,
    phases: PhaseSet | None = None,
) -> FoundParts:
    """Open files and folders without reading their cells.

    Parameters
    ----------
    paths, channels, layout, labels, pixel_size_um, plane, population, cell_diameter_px, finder
        As for `read_cells`.
    phases : PhaseSet, optional
        The set that the user asks for: its names are understood too.

    Returns
    -------
    FoundParts
        At least one part; the phases of its cells are numbers in ``options.names.vocabulary``.

    Raises
    ------
    ReadError, ChannelError, ImageError
        Nothing can be read; the message gives the reason for the first input.
    SettingError
        There is no such population.
    """
    inputs = _as_paths(paths)
    options = ReadOptions(
        root_of(inputs),
        channels,
        layout,
        labels=None if labels is None else Path(labels),
        plane=plane,
        population=population or None,
        cell_diameter_px=cell_diameter_px,
        finder=finder,
        pixel_size_um=pixel_size_um,
        names=PhaseNames(vocabulary=vocabulary(phases)),
    )
    scan = scan_inputs(inputs)
    has_zarr = any(is_in_zarr(name) for folder in scan.folders for name in folder.names)
    if options.labels is not None and not has_zarr and not options.labels.exists():
        raise ReadError(f"the label image {options.labels} does not exist; check the name")
    pattern = channel_pattern((channels or {}).values())
    scanned = [without_copies(folder, scan.notes) for folder in without_raw_copies(scan.folders, scan.notes)]
    folders, notes = without_own_outputs(scanned)
    paired = pair_label_folders(_without_sub_populations(folders, options, notes), pattern)
    for folder in paired.folders:
        options.names.add(folder.path, folder.neighbours, pattern)
    parts: list[InputPart] = []
    errors = list(scan.errors)
    said = [*scan.notes, *notes, *paired.notes]
    used: set[str] = set()
    for every_plane in paired.folders:
        folder = one_plane_each(every_plane, pattern, options, said)
        own = options if folder is every_plane else replace(options, plane=None)  # the plane is chosen already
        for found in _open_folder(folder, own, pattern, paired.labels.get(folder.path, {}), said, used):
            if isinstance(found, InputPart):
                parts.append(replace(found, folder=folder.path))
            else:
                errors.append(found)
        if folder.is_searched:
            said.extend(unused_files(folder, used, options.names))
    if not parts:
        only_labels = ReadError(f"{inputs[0].name} has only label images; give the images that they belong to")
        raise errors[0] if errors else only_labels
    _check_use(options, parts)
    tops = {folder.path: folder.top for folder in paired.folders}
    return FoundParts(tuple(parts), tuple(errors), tuple(dict.fromkeys(map(printable, said))), options, tops)


def _without_sub_populations(folders: Sequence[Folder], options: ReadOptions, notes: list[str]) -> list[Folder]:
    """Leave out Amnis files whose objects are all in another one; `options` knows them from now on."""
    amnis = [folder.path / name for folder in folders for name in folder.names if name.lower().endswith(AMNIS_SUFFIXES)]
    options.sub_populations.update(find_sub_populations(amnis, notes))
    left_out = {part.path for parts in options.sub_populations.values() for part in parts}
    return (
        [
            replace(folder, names=tuple(name for name in folder.names if folder.path / name not in left_out))
            for folder in folders
        ]
        if left_out
        else [*folders]
    )


def _check_use(options: ReadOptions, parts: Sequence[InputPart]) -> None:
    """Raise SettingError for an option that would change nothing, or apply to what it is not meant for."""
    amnis = [part.kind.startswith(_AMNIS) for part in parts]
    if options.population is not None and not all(amnis):
        where = parts[amnis.index(False)].where
        raise SettingError(f"population is for .cif and .rif files with a .daf, but {where} has none; leave it out")
    if options.cell_diameter_px is not None and not any(part.is_searched for part in parts):
        raise SettingError(
            "cell-diameter-px is for finding the cells of a full-field image without labels, but the input has none of "
            "these; leave it out"
        )
    if options.labels is not None:
        with_labels = {part.where.partition("[")[0] for part in parts if part.labels_apply}
        if not with_labels or (len(with_labels) > 1 and options.labels.exists()):
            n_fields = len(with_labels) or "no"
            raise SettingError(
                f"labels belong to one full-field image, but the input has {n_fields} of them; give only that image"
            )


def left_out(errors: Sequence[CellCycleError]) -> list[str]:
    """Notes on what could not be read; of very many, the first ones."""
    notes = [f"left out: {error}" for error in errors[:_NAMED_ERRORS]]
    more = len(errors) - len(notes)
    return [*notes, f"left out: {more} more"] if more else notes


def _as_paths(paths: Paths) -> list[Path]:
    try:
        several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        absolute = [Path(os.path.abspath(path)) for path in several]
    except TypeError as error:
        raise SettingError(
            f"{type(paths).__name__} can't be read; give a file or folder, several of them, or an array of images"
        ) from error
    if not several or "" in several:
        raise ReadError("no input was given; name at least one file or folder")
    return list(dict.fromkeys(absolute))


def root_of(paths: Paths) -> Path:
    """Folder that sources are named from: the input folder, or the common folder of several inputs.

    Parameters
    ----------
    paths : path or sequence of paths
        As for `read_cells`.

    Returns
    -------
    Path
    """
    inputs = _as_paths(paths)
    if len(inputs) == 1 and inputs[0].is_dir() and enclosing_zarr(inputs[0]) is None:
        return inputs[0]
    try:
        return Path(os.path.commonpath([(enclosing_zarr(path) or path).parent for path in inputs]))
    except ValueError:  # on different drives
        return Path()


def _open_folder(
    folder: Folder,
    options: ReadOptions,
    pattern: re.Pattern[str],
    labels: Mapping[str, str],
    notes: list[str],
    used: set[str],
) -> Iterator[InputPart | CellCycleError]:
    origin = Origin(folder.path, options.names.of_folder(folder.path, folder.top), options)
    containers = [name for name in folder.names if name.lower().endswith(AMNIS_SUFFIXES) or is_in_zarr(name)]
    image_like: list[str] = []
    for name in containers:
        if is_in_zarr(name):
            for image in open_zarr_images(name, origin):
                if isinstance(image, str):
                    image_like.append(image)
                else:
                    yield image
            continue
        try:
            yield _open_amnis(folder.path / name, origin, used).checked()
        except SettingError:
            raise
        except CellCycleError as error:
            yield error
    for name in folder.names:
        if name.lower().endswith(".daf") and name not in used:
            used.add(name)
            yield ReadError(
                f"{name} has no images; give the .cif file that it belongs to, and leave the .daf next to it"
            )
    passed = {*containers, *used}
    images = [*image_like, *(name for name in folder.names if name not in passed)]
    groups = group_images(
        images,
        pattern,
        folder.path.name,
        labels=labels,
        others=folder.others,
        is_labels=lambda name, image: is_label_image_of(folder.path / name, folder.path / image),
    )
    for group in groups:
        if isinstance(group, ImageGroup):
            notes.extend(group.notes)
            used.update(os.path.basename(each.labels) for each in group.sets if each.labels)
        try:
            yield from (group,) if isinstance(group, CellCycleError) else map(_refuse_labels, open_group(group, origin))
        except CellCycleError as error:
            yield error


def _refuse_labels(part: InputPart | CellCycleError) -> InputPart | CellCycleError:
    """The same, or an error for label images, of which no cells must be cut."""
    if not isinstance(part, InputPart):
        return part
    plane = part.roles.index(BRIGHTFIELD) if BRIGHTFIELD in part.roles else 0
    images = part.images.read(evenly_spaced(len(part.images), _N_CHECKED).tolist())
    pixels = [image.pixels[plane] for image in images if isinstance(image, CellImage)]
    if not pixels or not all(map(looks_like_labels, pixels)):
        return part
    return ImageError(
        f"{part.where} is a label image, not an image of cells; give the image that it belongs to, and this one "
        "with --labels"
    )


def _open_amnis(path: Path, origin: Origin, used: set[str]) -> InputPart:
    """Cells of an Amnis file."""
    options, source = origin.options, origin.options.source(path)
    amnis, words = open_amnis(path), options.names.vocabulary
    found = populations_beside(path, amnis.object_ids, words)
    for sub_population in options.sub_populations.get(path, ()):
        found = _with_sub_population(found, sub_population, path, len(amnis), options)
    used.update(found.files)
    cells = read_amnis_cells(
        amnis, source, options.channels, population=options.population, populations=found, vocabulary=words
    )
    cells = with_truth(cells, path, path.stem, words)
    kind, names = f"{_AMNIS} {path.suffix.lower()}", tuple(f"Ch{channel}" for channel in amnis.channels)
    phase = origin.phase_in(path.stem) if origin.phase == UNKNOWN else origin.phase
    labelled = replace(cells, phases=np.where(cells.phases == UNKNOWN, np.int8(phase), cells.phases))
    part = InputPart(source, kind, shown_names(names), cells.channels, cells.images, lambda: labelled)
    return replace(part, phases_from=", ".join(found.sources))


def _with_sub_population(
    found: Populations, part: SubPopulation, run: Path, n_objects: int, options: ReadOptions
) -> Populations:
    """Populations of a run with one that IDEAS saved as a file of its own, which is not read."""
    stem = part.path.stem
    name = stem.removeprefix(run.stem).lstrip(" _.-") or stem
    phase = options.names.of_folder(part.path.parent, options.root)
    phase = options.names.in_stem(part.path.parent, name) if phase == UNKNOWN else phase
    members = np.zeros(n_objects, bool)
    members[part.rows] = True
    note = f"{part.path.name} is left out, as its {len(part.rows):,} objects are in {run.name} too"
    if phase != UNKNOWN:
        note = (
            f"the {len(part.rows):,} objects of {part.path.name} are in {run.name} too: they are read once, with the "
        )
        note += f"phase {options.names.vocabulary.label(phase)}"
    return found.with_sub_population(name, members, phase, note, part.path.name)
