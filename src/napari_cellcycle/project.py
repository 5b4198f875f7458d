"""A project: one small file that opens data, channels, calls, labels and view again.

``name.cellcycle.json`` says where the data are and how to read them; what a model called the cells lies beside it as
``name.cellcycle.calls.csv``. No image is copied, but the layers of full-field images are. Labels stay in their file
beside the data, and the project names it.

Every version of the file that was ever written is read: a newer program adds keys that may be left out, and never takes
one away.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from pydantic_core import from_json

from napari_cellcycle.errors import ModelError, ReadError, reason_of
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.plain_files import plain_bytes
from napari_cellcycle.store.csv_tables import from_csv, to_csv
from napari_cellcycle.store.strict import Facts, Name, Strict, Text, parse, read_bytes
from napari_cellcycle.versions import installed_versions

if TYPE_CHECKING:
    import pandas as pd

PROJECT_SUFFIX = ".cellcycle.json"
VERSION = 1


class Place(Strict):
    """Where a file or folder is: from the project's folder, if there is such a way, and from the root."""

    relative: Name | None = None
    absolute: Name

    def find(self, folder: Path, moved: Mapping[Path, Path]) -> Path | None:
        """Where it is now, None if nowhere; `moved` says where some others went, and it may have gone along."""
        old = Path(self.absolute)
        ways = [folder / self.relative] if self.relative is not None else []
        ways.append(old)
        for gone, new in moved.items():
            if old.is_relative_to(gone.parent):  # it went along
                ways.append(new if gone == old else new.parent / old.relative_to(gone.parent))
        return next((way for way in ways if way.exists()), None)


class Calls(Strict):
    """What a model called the cells: a table beside the project."""

    file: Name
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    model: Name
    min_probability: float = Field(0.0, ge=0, le=1)
    verdict: Facts | None = None
    force: bool = False


class Labels(Strict):
    """The file with the labels of the cells, and how many had one."""

    place: Place
    n_cells: int = Field(ge=0)


class SavedData(Strict):
    """A data set: which files, and how to read them."""

    title: Text
    paths: Annotated[list[Place], Field(min_length=1)]
    made: list[Place] = Field(default_factory=list)
    reading: Facts = Field(default_factory=dict)
    label_image: Place | None = None
    n_cells: int = Field(ge=0)
    calls: Calls | None = None
    labels: Labels | None = None
    view: Facts = Field(default_factory=dict)

    @property
    def places(self) -> list[Place]:
        """All that must be found before the cells can be read."""
        return [*self.paths, *self.made, *([] if self.label_image is None else [self.label_image])]


class SavedField(Strict):
    """A full-field image with its phases: its layers are in a file next to the project."""

    title: Text
    file: Name


class ProjectFile(Strict):
    """What ``name.cellcycle.json`` says; `data` and `fields` in the order in which they were opened."""

    napari_cellcycle_project: Literal[1]
    data: list[SavedData]
    fields: list[SavedField] = Field(default_factory=list)
    view: Facts = Field(default_factory=dict)
    versions: Facts = Field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Called:
    """The calls of a data set: `table` with one row a cell, and what a phase layer knows of the model."""

    table: pd.DataFrame
    model: str
    min_probability: float = 0.0
    verdict: Mapping[str, Any] | None = None
    force: bool = False


@dataclass(frozen=True, eq=False)
class OpenData:
    """A data set as it is open now, to be saved. `reading` are the texts and numbers of `ReadSettings.to_dict`."""

    title: str
    paths: Sequence[str]
    n_cells: int
    made: Sequence[str] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)
    called: Called | None = None
    labels: Path | None = None
    n_labelled: int = 0
    view: Mapping[str, Any] = field(default_factory=dict)


def project_path(path: Path) -> Path:
    """Where a project is written: with the one ending that projects have."""
    return path.absolute().with_name(path.name.removesuffix(".json").removesuffix(".cellcycle") + PROJECT_SUFFIX)


def save_project(
    path: Path, data: Sequence[OpenData], view: Mapping[str, Any] | None = None, fields: Sequence[SavedField] = ()
) -> Path:
    """Write a project and the tables beside it; an older one of this name is replaced when all is written.

    Parameters
    ----------
    path : Path
        Its name ends in `PROJECT_SUFFIX`, or gets it.
    data : sequence of OpenData
        What is open.
    view : mapping, optional
        What the viewer shows, as plain values.
    fields : sequence of SavedField
        Full-field images whose layers are written already.

    Returns
    -------
    Path
        The project's file.

    Raises
    ------
    WriteError
        The folder can't be written to.
    """
    path = project_path(path)
    with ExitStack() as writing:  # the last to be entered gets its name first: tables before what names them
        temporary = writing.enter_context(atomic_path(path))
        saved = [_saved(one, number, path, writing) for number, one in enumerate(data, start=1)]
        about: dict[str, Any] = {"view": dict(view or {}), "versions": installed_versions()}
        project = ProjectFile(napari_cellcycle_project=1, data=saved, fields=list(fields), **about)
        temporary.write_text(project.model_dump_json(indent=1), encoding="utf-8")
    return path


def read_project(path: Path) -> ProjectFile:
    """Read what `save_project` of this or any earlier version wrote.

    Raises
    ------
    ReadError
        It is no project, or one of a later version of this program.
    """
    try:
        data = read_bytes(path)
        known = from_json(data)
        version = known.get("napari_cellcycle_project") if isinstance(known, dict) else None
        if isinstance(version, int) and version > VERSION:
            raise ReadError(f"{path.name} was saved by a later version of napari-cellcycle; update this one to open it")
        return parse(ProjectFile, data)
    except FileNotFoundError as error:
        raise ReadError(f"there is no project {path}; check the name") from error
    except ReadError:
        raise
    except OSError as error:
        raise ReadError(f"{path} can't be read ({error.strerror}); check its permissions") from error
    except (ModelError, ValueError) as error:
        raise ReadError(
            f"{path.name} is no project of napari-cellcycle ({reason_of(error)}); choose another file"
        ) from error


def read_calls(path: Path, calls: Calls) -> Called:
    """Read what a model called the cells of a data set.

    Parameters
    ----------
    path : Path
        Of the project, next to which the table lies.
    calls : Calls
        What the project says of it.

    Returns
    -------
    Called

    Raises
    ------
    ReadError
        The table is gone, or is not the one that the project was saved with.
    """
    file = path.parent / Path(calls.file).name
    try:
        data = plain_bytes(file)
    except OSError as error:
        raise ReadError(f"{file.name} is not next to {path.name}; put it back, or classify again") from error
    if hashlib.sha256(data).hexdigest() != calls.sha256:
        raise ReadError(
            f"{file.name} is not the table that {path.name} was saved with; put that one back, or classify again"
        )
    return Called(from_csv(data), calls.model, calls.min_probability, calls.verdict, calls.force)


def missing_places(path: Path, project: ProjectFile, moved: Mapping[Path, Path]) -> list[Path]:
    """Data that are not found.

    Parameters
    ----------
    path : Path
        Of the project.
    project : ProjectFile
        What it says.
    moved : mapping of Path to Path
        Where the user says that some of them are now.

    Returns
    -------
    list of Path
        Where they were, each once.
    """
    places = (place for data in project.data for place in data.places)
    gone = (Path(place.absolute) for place in places if place.find(path.parent, moved) is None)
    return list(dict.fromkeys(gone))


def _saved(data: OpenData, number: int, path: Path, writing: ExitStack) -> SavedData:
    reading, label_image = dict(data.reading), None
    if reading.get("labels") and Path(reading["labels"]).exists():
        label_image = _place(reading.pop("labels"), path.parent)
    return SavedData(
        title=data.title,
        paths=[_place(one, path.parent) for one in data.paths],
        made=[_place(one, path.parent) for one in data.made],
        reading=reading,
        label_image=label_image,
        n_cells=data.n_cells,
        calls=None if data.called is None else _calls(data.called, number, path, writing),
        labels=None if data.labels is None else _labels(data.labels, data.n_labelled, path.parent),
        view=dict(data.view),
    )


def _calls(called: Called, number: int, path: Path, writing: ExitStack) -> Calls:
    file = path.name.removesuffix(".json") + (".calls.csv" if number == 1 else f".calls-{number}.csv")
    text = to_csv(called.table)
    writing.enter_context(atomic_path(path.with_name(file))).write_bytes(text)
    return Calls(
        file=file,
        sha256=hashlib.sha256(text).hexdigest(),
        model=called.model,
        min_probability=called.min_probability,
        verdict=None if called.verdict is None else dict(called.verdict),
        force=called.force,
    )


def _labels(file: Path, n_cells: int, folder: Path) -> Labels:
    return Labels(place=_place(str(file), folder), n_cells=n_cells)


def _place(path: str, folder: Path) -> Place:
    absolute = Path(path).absolute()
    try:
        relative: str | None = Path(os.path.relpath(absolute, folder)).as_posix()
    except ValueError:  # on another drive
        relative = None
    return Place(relative=relative, absolute=str(absolute))
