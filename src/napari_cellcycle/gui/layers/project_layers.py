"""What is open in a viewer as a project, and a project as layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.errors import CellCycleError, ReadError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.gallery import OpenedGallery, list_galleries, open_gallery, show_gallery
from napari_cellcycle.gui.layers.gallery_layers import LayerData
from napari_cellcycle.gui.layers.phase_layer import (
    hidden_phases,
    phase_colormap,
    phase_layer,
    phase_numbers,
    show_phases,
)
from napari_cellcycle.gui.layers.project_fields import OpenField, load_fields, show_field, write_fields
from napari_cellcycle.gui.layers.source import KEY, PHASE, GallerySource, find_layer, phase_set_of, role_of, source_of
from napari_cellcycle.gui.layers.view_fit import camera_of
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.phase_sets import SEVEN, phase_set
from napari_cellcycle.project import (
    Called,
    OpenData,
    SavedData,
    missing_places,
    project_path,
    read_calls,
    read_project,
    save_project,
)
from napari_cellcycle.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Layer


@dataclass(frozen=True, eq=False)
class OpenedData:
    """A data set that is ready for the viewer, with its phases if it had any, and what was seen of it."""

    gallery: OpenedGallery
    phases: LayerData | None
    view: Mapping[str, Any]

    @property
    def layers(self) -> list[LayerData]:
        """All, from below, as they were seen."""
        visible = self.view.get("visible")
        layers = [*self.gallery.layers, *([] if self.phases is None else [self.phases])]
        for _, options, _ in layers:
            if isinstance(visible, list):
                options["visible"] = options["metadata"][KEY]["role"] in visible
        return layers


@dataclass(frozen=True, eq=False)
class OpenedProject:
    """The data of a project; `missing` are those that were not found, and `notes` say what differs."""

    data: list[OpenedData]
    fields: Sequence[OpenField] = ()
    view: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    missing: tuple[Path, ...] = ()


def open_data(viewer: ViewerModel) -> list[OpenData]:
    """What a project keeps of the galleries of a viewer, the oldest first."""
    return [_open_gallery_data(viewer, source) for source in reversed(list_galleries(viewer.layers))]


def view_of(viewer: ViewerModel, docks: Mapping[str, Any]) -> dict[str, Any]:
    """Where the camera is, and what the docks want to keep."""
    camera = camera_of(viewer)
    seen = {"zoom": float(camera.zoom), "center": [float(value) for value in camera.center]}
    return {"camera": seen, "docks": dict(docks)}


def write_project(
    path: Path, data: list[OpenData], view: Mapping[str, Any], fields: Sequence[OpenField] = ()
) -> Job[Progress | Note, Path]:
    """Write a project in a job."""
    yield Note("Saving ...")
    saved = yield from write_fields(project_path(path), fields)
    return save_project(path, data, view, saved)


def open_project(path: Path, moved: Mapping[Path, Path] | None = None) -> Job[Progress | Note, OpenedProject]:
    """Open all data of a project that are found; if any are missing, nothing is read yet.

    To open it without those that are missing, name them in `moved`, with the same place as before.
    """
    project, moved = read_project(path), moved or {}
    missing = missing_places(path, project, moved)
    if any(place not in moved for place in missing):
        return OpenedProject([], missing=tuple(missing))
    opened, notes = [], [f"{place} is missing, so its cells are not open" for place in missing]
    for saved in project.data:
        if any(place.find(path.parent, moved) is None for place in saved.places):
            continue
        try:
            one, said = yield from _open_saved(path, saved, moved)
        except CellCycleError as error:
            notes.append(str(error))
        else:
            opened.append(one)
            notes += said
    fields, said = yield from load_fields(path, project.fields)
    notes += said
    if not opened and not fields:
        raise ReadError("; ".join(notes) or f"{path.name} is a project without cells")
    return OpenedProject(opened, fields, project.view, tuple(dict.fromkeys(notes)))


def show_project(viewer: ViewerModel, project: OpenedProject) -> None:
    """Add the layers of a project, and look at them as they were looked at."""
    for opened in project.data:
        show_gallery(viewer, opened.gallery)
        layers = [opened_layer for opened_layer in viewer.layers if _is_of(opened_layer, opened)]
        if opened.phases is not None:
            grid, data_set = opened.gallery.source.grid, opened.gallery.data_set
            layers.append(show_phases(viewer, data_set, opened.phases, grid))
        visible = opened.view.get("visible")
        for layer in layers:
            if isinstance(visible, list):
                layer.visible = role_of(layer) in visible
    for one in project.fields:
        show_field(viewer, one)
    _look_again(viewer, project.view.get("camera"))


def _is_of(layer: Layer, opened: OpenedData) -> bool:
    source = source_of(layer)
    return source is not None and source.group == opened.gallery.source.group


def _look_again(viewer: ViewerModel, seen: Any) -> None:
    """Move the camera to where it was, if that is said in numbers."""
    try:
        zoom, center = float(seen["zoom"]), tuple(float(value) for value in seen["center"])
    except (TypeError, KeyError, ValueError):
        return
    if zoom > 0 and len(center) == 3:
        camera = camera_of(viewer)
        camera.zoom, camera.center = zoom, center


def _open_gallery_data(viewer: ViewerModel, source: GallerySource) -> OpenData:
    layers = [layer for layer in viewer.layers if source_of(layer) == source]
    phases, data_set = find_layer(viewer.layers, source.group, PHASE), data_set_of(viewer.layers, source)
    view: dict[str, Any] = {"visible": sorted({role_of(layer) for layer in layers if layer.visible})}
    called = None
    if phases is not None:
        known, force = phases.metadata[KEY], phases.metadata[KEY].get("force", False)
        words = phase_set_of(phases).all_names
        view["hidden"] = [words[number] for number in sorted(hidden_phases(phases))]
        view["phase_set"] = phase_set_of(phases).to_text()
        table = phases.features.copy()
        called = Called(table, known["model"], known["min_probability"], known.get("verdict"), force)
    labels = None if data_set is None else data_set.labels
    is_kept = labels is not None and labels.path is not None and labels.path.exists()
    return OpenData(
        title=source.title,
        paths=source.paths,
        n_cells=source.n_cells,
        made=source.made,
        reading=source.reading,
        called=called,
        labels=labels.path if labels is not None and is_kept else None,
        n_labelled=0 if labels is None else int(labels.decided.sum()),
        view=view,
    )


def _open_saved(
    path: Path, saved: SavedData, moved: Mapping[Path, Path]
) -> Job[Progress | Note, tuple[OpenedData, list[str]]]:
    def where(places: list[Any]) -> list[Path]:
        return [found for place in places if (found := place.find(path.parent, moved)) is not None]

    reading = ReadSettings.from_dict(
        dict(saved.reading) | ({} if saved.label_image is None else {"labels": str(where([saved.label_image])[0])})
    )
    gallery = yield from open_gallery(where(saved.paths), reading, synthetic=where(saved.made))
    notes = [*gallery.notes, *_on_labels(path, saved, moved)]
    phases = None
    if saved.calls is not None:
        try:
            phases = _phases(gallery, read_calls(path, saved.calls), saved)
        except ReadError as error:
            notes.append(str(error))
    return OpenedData(gallery, phases, saved.view), notes


def _on_labels(path: Path, saved: SavedData, moved: Mapping[Path, Path]) -> list[str]:
    """Say so if the labels of the cells are gone."""
    labels = saved.labels
    if labels is None or labels.n_cells == 0 or labels.place.find(path.parent, moved) is not None:
        return []
    return [f"the labels of {labels.n_cells:,} cells in {labels.place.absolute} are gone; put the file back"]


def _phases(gallery: OpenedGallery, called: Called, saved: SavedData) -> LayerData:
    """The phase layer of a gallery, if it holds the cells that were called.

    Raises
    ------
    ReadError
        It holds others.
    """
    table, now = called.table, gallery.table
    columns = ("source", "cell")
    phases = phase_set(str(saved.view.get("phase_set", "")) or SEVEN)
    is_whole = {*columns, "phase", "probability", *(f"p_{name}" for name in phases.names)} <= set(table)
    if not is_whole or len(table) != len(now):
        raise ReadError(
            f"{saved.title} held {saved.n_cells:,} cells when the project was saved and holds {len(now):,} now, so the "
            "phases are not shown; classify again"
        )
    if any((table[name].to_numpy() != now[name].to_numpy()).any() for name in columns):
        raise ReadError(f"{saved.title} holds other cells than when the project was saved; classify again")
    numbers = {word: number for number, word in enumerate(phases.all_names)}
    verdict = None if called.verdict is None else Verdict(**called.verdict)
    drawn = np.array([numbers.get(word, -1) for word in table["phase"]], np.int8)
    data, options, kind = phase_layer(
        gallery.source.grid.draw_outlines(phase_numbers(drawn)),
        _as_now(table, now),
        gallery.source,
        model=called.model,
        min_probability=called.min_probability,
        verdict=verdict,
        force=called.force,
        phases=phases,
    )
    hidden = {numbers[word] for word in saved.view.get("hidden", ()) if word in numbers}  # type: ignore[union-attr]
    options["colormap"] = phase_colormap(phases, hidden, is_greyed=verdict is not None and not verdict.reliable)
    return data, options, kind


def _as_now(table: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """The saved table, with what is known now of which cells are synthetic and of their true phases."""
    return table.assign(synthetic=now["synthetic"].to_numpy(), truth=now["truth"].to_numpy())
