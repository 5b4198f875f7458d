"""Label the cells of a stained control by their stain, and write labels, gates and a page with the histogram."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from napari_cellcycle.annotate.data_labels import open_labels
from napari_cellcycle.cells import DNA, ROLES, Cells
from napari_cellcycle.errors import ChannelError, ImageError, ReadError
from napari_cellcycle.evaluation.reporting.stain_page import render_stain_page
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.nuclei import nuclei_in_words
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.channel_roles import role_in_notes
from napari_cellcycle.io.csv_cells import write_csv
from napari_cellcycle.io.folder_scan import shorten
from napari_cellcycle.io.full_field import searched_fields
from napari_cellcycle.io.inputs import root_of
from napari_cellcycle.io.name_patterns import stem_of
from napari_cellcycle.io.own_outputs import GATES_FILE, LABEL_TABLE_FILE
from napari_cellcycle.io.plain_files import plain_bytes
from napari_cellcycle.io.reserve import check_free, reserved
from napari_cellcycle.io.writers.label_image import write_label_image
from napari_cellcycle.io.writers.results import write_json
from napari_cellcycle.jobs.config import LabelSettings, ReadSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.models.stain_finder import StainFinder
from napari_cellcycle.stain.gates import Gates
from napari_cellcycle.stain.measure import Measures, measure_cells
from napari_cellcycle.stain.names import FUCCI_ROLES
from napari_cellcycle.stain.quality import NOTHING
from napari_cellcycle.stain.result import StainLabels, gate_dna, gate_fucci
from napari_cellcycle.versions import installed_versions

PAGE = "labels.html"
NUCLEI = "nuclei"
"""Folder of the label images of nuclei that were found."""
RESULT_FILES = (LABEL_TABLE_FILE, GATES_FILE, PAGE, NUCLEI)
_MOST_BYTES_OF_GATES = 2**24


def label_files(
    paths: Sequence[str | Path],
    output: Path,
    settings: LabelSettings,
    reading: ReadSettings,
    *,
    overwrite: bool = False,
) -> Job[Progress | Note, StainLabels]:
    """Label all cells in `paths` by their stain; in fields without labels, nuclei are found in it first.

    The labels are written into the table of labels beside the data, where those of the same stain are replaced, and
    to `output`: ``labels.csv``, ``gates.json`` and ``labels.html``, and the label images of nuclei that were found.
    With `overwrite` they replace those of an earlier run.

    Raises
    ------
    ImageError
        The stain can tell no phase; the page, which shows why, is written before.
    WriteError
        The folder can't be written, or holds what an earlier run wrote.
    """
    check_free(Path(output), RESULT_FILES, paths, overwrite=overwrite)
    with reserved(Path(output)):
        return (yield from _label_files(paths, output, settings, reading))


def _label_files(
    paths: Sequence[str | Path], output: Path, settings: LabelSettings, reading: ReadSettings
) -> Job[Progress | Note, StainLabels]:
    reading = _with_dna(reading, settings)
    finder = None if settings.fucci is not None else StainFinder(diameter_px=reading.cell_diameter_px)
    cells = yield from open_cells(paths, reading, labelled=False, finder=finder)
    found = yield from label_cells(cells, settings, reading.channels or {})
    write_results(found, Path(output), settings)
    if finder is not None and (written := write_nuclei(cells, Path(output))):
        yield Note(f"{nuclei_in_words(len(cells), finder.reasons)}; look at {shorten(written)}, and mend what is wrong")
    if found.tells == NOTHING and not (found.gated.labels != "").any():
        raise ImageError(
            f"nothing was labelled, as no phase can be determined from this stain; look at {Path(output) / PAGE}, use "
            "another channel, or label the cells in spite of it with --force"
        )
    table = open_labels(cells, root_of(paths))
    is_again = found.annotator in table.annotators
    changed = table.replace_labels(found.annotator, found.gated.labels, found.gated.sure)
    if is_again:
        yield Note(f"replaced the former labels by {found.channels[0]}: {len(changed):,} of {len(cells):,} differ")
    return found


def _with_dna(reading: ReadSettings, settings: LabelSettings) -> ReadSettings:
    """How the files are read if the stain is named as in the files: its files are then found by this name too."""
    named = reading.channels or {}
    if settings.dna is None or settings.dna.lower() in ROLES or settings.dna in named.values() or DNA in named:
        return reading
    return replace(reading, channels={**named, DNA: settings.dna})


def label_cells(
    cells: Cells, settings: LabelSettings, named: Mapping[str, str] | None = None
) -> Job[Progress | Note, StainLabels]:
    """Measure the stain of cells and gate it; nothing is written. `named` are the names of roles, as in the files."""
    if settings.gates is not None:
        read_gates(settings.gates)  # what is wrong with them is known before the cells are measured
    stain = yield from measure_stain(cells, settings, named)
    found = gate_stain(stain, settings)
    yield from (Note(word) for word in found.words)
    return found


@dataclass(frozen=True, eq=False)
class MeasuredStain:
    """The stain of some cells: one channel, or those of FUCCI, first that of G1."""

    cells: Cells
    channels: tuple[str, ...]
    measures: tuple[Measures, ...]


def measure_stain(
    cells: Cells, settings: LabelSettings, named: Mapping[str, str] | None = None
) -> Job[Progress | Note, MeasuredStain]:
    """Measure the channels that the settings name."""
    if settings.fucci is not None:
        channels = tuple(stain_channel(cells, settings.fucci[role], named) for role in FUCCI_ROLES)
    else:
        channels = (stain_channel(cells, settings.dna or DNA, named),)
    measures = []
    for channel in channels:
        measures.append((yield from measure_cells(cells, channel)))
    return MeasuredStain(cells, channels, tuple(measures))


def gate_stain(stain: MeasuredStain, settings: LabelSettings) -> StainLabels:
    """Label cells whose stain was measured, by gates that are set by its histogram or groups.

    Raises
    ------
    ImageError
        No cell could be read.
    """
    if settings.fucci is not None:
        channels = dict(zip(FUCCI_ROLES, stain.channels, strict=True))
        measures = dict(zip(FUCCI_ROLES, stain.measures, strict=True))
        return gate_fucci(stain.cells, channels, measures, margin=settings.margin)
    (channel,), (one,) = stain.channels, stain.measures
    if not np.isfinite(one.dna).any():
        raise ImageError("none of these cells can be read, so none can be labelled; see the notes above")
    gates = None if settings.gates is None else read_gates(settings.gates)
    how: dict[str, Any] = {"model": settings.model, "margin": settings.margin, "seed": settings.seed}
    how["s_g2m"] = settings.s_g2m
    return gate_dna(stain.cells, channel, one, gates=gates, force=settings.force, **how)


def stain_channel(cells: Cells, name: str, named: Mapping[str, str] | None = None) -> str:
    """The channel of cells that a user means: a role, a name in the files, or one that was read as a role.

    Raises
    ------
    ChannelError
        There is none.
    """
    for channel in cells.channels:
        if channel.casefold() == name.casefold():
            return channel
    by_user = next((role for role, of_file in (named or {}).items() if of_file.casefold() == name.casefold()), None)
    role = by_user or role_in_notes(name, cells.notes)
    if role in cells.channels:
        return str(role)
    raise ChannelError(
        f"these cells have the channels {', '.join(cells.channels)} but no {name}; say which one is the stain, as in "
        f"--dna {cells.channels[-1]}"
    )


def read_gates(path: Path) -> Gates:
    """Read the gates of a DNA stain from a ``gates.json``.

    Raises
    ------
    ReadError
        It can't be read, or has no such gates.
    """
    try:
        content = json.loads(plain_bytes(path, _MOST_BYTES_OF_GATES))
        values: Any = TypeAdapter(dict[str, float | bool]).validate_python(content["gates"], strict=True)
        if any(isinstance(value, bool) != (name == "separates_s") for name, value in values.items()):
            raise ValueError("a truth value where a number should be, or the other way round")
        return Gates(**values)
    except OSError as error:
        raise ReadError(f"the gates in {path} can't be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        names = ", ".join(item.name for item in fields(Gates))
        raise ReadError(
            f"{path} has no gates of a DNA stain; it must be a gates.json with numbers for {names}"
        ) from error


def write_results(found: StainLabels, folder: Path, settings: LabelSettings) -> None:
    """Write ``labels.csv``, ``gates.json`` and the page; a dock's button *Save* writes the same files."""
    page = render_stain_page(found)
    with atomic_path(folder / LABEL_TABLE_FILE) as temporary:
        write_csv(found.to_table(), temporary, float_format="%.6g")
    content = {**found.to_dict(), "settings": settings.to_dict(), "versions": installed_versions()}
    write_json(content, folder / GATES_FILE)
    with atomic_path(folder / PAGE) as temporary:
        temporary.write_text(page, encoding="utf-8")


def write_nuclei(cells: Cells, folder: Path) -> list[str]:
    """Write the label images of fields whose nuclei were found, and return their names.

    An image is named after its field, ``control_labels.tif`` for ``control.tif``: put next to it, it is found.
    """
    written = []
    for source, images in searched_fields(cells):
        path = folder / NUCLEI / Path(source).parent / f"{stem_of(Path(source).name)}_labels.tif"
        frames = np.stack([np.asarray(images.labels[frame]) for frame in range(len(images.labels))])
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            write_label_image(temporary, frames)
        written.append(path.relative_to(folder).as_posix())
    return written
