"""Full-field images in a project: their layers are kept whole, as labels may be painted or mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.errors import ReadError
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.gui.layers.field import FILE_KEY, file_of
from napari_cellcycle.gui.layers.gallery_layers import LayerData
from napari_cellcycle.gui.layers.phase_layer import list_sources
from napari_cellcycle.gui.layers.reopened import describe_reopened
from napari_cellcycle.gui.layers.saved_layers import SUFFIX, load_layers, save_layers
from napari_cellcycle.gui.layers.source import FieldSource, find_layer, source_of
from napari_cellcycle.gui.layers.tracks_layer import TRACKS
from napari_cellcycle.project import SavedField

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


@dataclass(frozen=True, eq=False)
class OpenField:
    """A full-field image with phases as it is open now: its layers, from below."""

    title: str
    layers: list[LayerData]


def open_fields(viewer: ViewerModel) -> list[OpenField]:
    """The fields of a viewer whose cells were classified, the oldest first."""
    fields = [source for source in list_sources(viewer.layers) if isinstance(source, FieldSource)]
    return [OpenField(source.title, _layers_of(viewer, source)) for source in reversed(fields)]


def write_fields(path: Path, fields: Sequence[OpenField]) -> Job[Progress, list[SavedField]]:
    """Write each field to a file next to the project `path`, and return what the project says of it."""
    saved = []
    for number, field in enumerate(fields, start=1):
        yield Progress(number - 1, len(fields), "Saving fields")
        file = path.with_name(f"{path.name.removesuffix('.json')}.field-{number}{SUFFIX}")
        saved.append(SavedField(title=field.title, file=save_layers(file, field.layers).name))
    return saved


def load_fields(path: Path, saved: Sequence[SavedField]) -> Job[Progress, tuple[list[OpenField], list[str]]]:
    """Read the fields next to the project `path`, and say which can't be read."""
    fields, notes = [], []
    for number, field in enumerate(saved):
        yield Progress(number, len(saved), "Opening fields")
        try:
            fields.append(OpenField(field.title, load_layers(path.parent / Path(field.file).name)))
        except ReadError as error:
            notes.append(f"the field {field.title} is not open: {error}")
    return fields, notes


def show_field(viewer: ViewerModel, field: OpenField) -> None:
    """Add the layers of a field. Those whose names are taken would not be found by their phases, so these are kept."""
    from napari.layers import Layer

    taken = {layer.name for layer in viewer.layers}
    for data, options, kind in field.layers:
        if options["name"] not in taken:
            viewer.add_layer(Layer.create(data, options, kind))
    describe_reopened(viewer)


def _layers_of(viewer: ViewerModel, source: FieldSource) -> list[LayerData]:
    names = {source.brightfield, source.darkfield, source.labels}
    layers = [layer for layer in viewer.layers if layer.name in names or _group_of(layer) == source.group]
    ours = find_layer(viewer.layers, source.group, TRACKS)
    return [_kept(layer) for layer in layers if layer is not ours]  # Follow draws its tracks again


def _kept(layer: Layer) -> LayerData:
    """A layer with the file that it came from, beside which its labels lie."""
    data, options, kind = layer.as_layer_data_tuple()
    file = file_of(layer)
    if file is not None:
        options["metadata"] = {**options["metadata"], FILE_KEY: str(file)}
    return data, options, kind


def _group_of(layer: Layer) -> str | None:
    source = source_of(layer)
    return None if source is None else source.group
