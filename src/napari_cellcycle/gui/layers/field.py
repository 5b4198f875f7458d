"""Full-field images: layers of the user, with their labels or with cells found in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.annotate.data_labels import open_labels, open_labels_of_pixels
from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, DNA, Cells
from napari_cellcycle.errors import ImageError
from napari_cellcycle.gui.layers.data_set import DataSet
from napari_cellcycle.gui.layers.field_planes import FieldImage, planes_of
from napari_cellcycle.gui.layers.source import FieldSource, source_of
from napari_cellcycle.images.field_map import LabelMap
from napari_cellcycle.io.channel_roles import name_channels
from napari_cellcycle.jobs.steps.advice import as_sentences

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer


FILE_KEY = "napari-cellcycle file"
"""Of a layer's metadata: the file that it was read from, where napari does not know it any more."""


@dataclass(frozen=True, eq=False)
class FieldOnScreen:
    """A full-field image as its layers hold it, taken in the GUI thread.

    Attributes
    ----------
    source : FieldSource
        The names of the layers.
    brightfield, darkfield, labels : array-like, shape (Y, X) or (T, Y, X)
        Darkfield and labels may be None; then there is none, or cells are found in the brightfield image.
    pixel_size_um : float or None
        Edge of a pixel, where the layer knows it.
    path : Path or None
        The file that brightfield was read from.
    """

    source: FieldSource
    brightfield: Any
    darkfield: Any | None
    labels: Any | None
    pixel_size_um: float | None
    path: Path | None = None

    @property
    def name(self) -> str:
        """What its cells are named after: the file as in the table of the command, else the layer."""
        return self.source.brightfield if self.path is None else self.path.name


def image_layers(viewer: ViewerModel) -> list[Image]:
    """Images that may be a field, the newest first."""
    return [layer for layer in _own_images(viewer) if not _why_unfit(layer)]


def why_no_field(viewer: ViewerModel) -> str:
    """Why no image in the viewer is a field with cells, and what to do; empty where there is no image at all."""
    reasons = [f"the layer {layer.name} {why}" for layer in _own_images(viewer) if (why := _why_unfit(layer))]
    fit = image_layers(viewer)
    if fit and not label_layers(viewer):
        reasons.append(f"the layer {fit[0].name} needs a Labels layer with its cells, or let Classify find them")
    return as_sentences(reasons)


def _own_images(viewer: ViewerModel) -> list[Image]:
    from napari.layers import Image

    return [layer for layer in viewer.layers if isinstance(layer, Image) and source_of(layer) is None][::-1]


def _why_unfit(layer: Image) -> str:
    if layer.rgb:
        return "is a colour image (RGB), and cells are read in grey; right-click it and choose Split RGB"
    if layer.multiscale:
        return "is a pyramid of resolutions, of which the cells are in one; open the file in Open cells"
    if layer.ndim not in (2, 3):
        shape = " x ".join(map(str, layer.data.shape))
        return f"has {layer.ndim} axes ({shape}), and napari does not say which; open the file in Open cells"
    return ""


def looks_dark(layer: Image) -> bool:
    """Whether the layer's name says darkfield, by the rules for channels in files."""
    return DARKFIELD in name_channels([layer.name, ""], None, layer.name).roles


def looks_stained(layer: Image) -> bool:
    """Whether the layer's name says that it shows a stain of nuclei."""
    return DNA in name_channels([layer.name, ""], None, layer.name).roles


def label_layers(viewer: ViewerModel) -> list[Labels]:
    """Label images of the user's own, the newest first."""
    from napari.layers import Labels

    return [layer for layer in viewer.layers if isinstance(layer, Labels) and source_of(layer) is None][::-1]


def snapshot_field(brightfield: FieldImage, darkfield: FieldImage | None, labels: Labels | None) -> FieldOnScreen:
    """What a job needs of these layers."""
    name = f"found cells - {brightfield.title}" if labels is None else labels.name
    source = FieldSource(
        group=f"{brightfield.title}/{name}",
        title=brightfield.title,
        brightfield=brightfield.layer.name,
        darkfield="" if darkfield is None else darkfield.layer.name,
        labels=name,
        darkfield_title="" if darkfield is None else darkfield.title,
    )
    return FieldOnScreen(
        source,
        brightfield.data,
        None if darkfield is None else darkfield.data,
        None if labels is None else labels.data,
        _pixel_size_um(brightfield.layer),
        file_of(brightfield.layer),
    )


def find_field(viewer: ViewerModel, source: FieldSource) -> FieldOnScreen | None:
    """The field that cells come from, as its layers are now; None if its image or its labels are gone."""
    layers: dict[str, Any] = {layer.name: layer for layer in viewer.layers}
    labels = layers.get(source.labels)
    images = [
        next((image for image in planes if image.title == title), planes[0]) if planes else None
        for name, title in ((source.brightfield, source.title), (source.darkfield, source.darkfield_title))
        for planes in [planes_of(layers[name], viewer.layers) if name in layers else []]
    ]
    brightfield, darkfield = images
    return None if brightfield is None or labels is None else snapshot_field(brightfield, darkfield, labels)


def cut_field(field: FieldOnScreen, stains: Mapping[str, Any] | None = None) -> Cells:
    """The cells of a field whose labels are known, one a label and frame; `stains` are further images, by channel.

    Raises
    ------
    ImageError
        The layers don't belong together, or there are no labels.
    """
    from napari_cellcycle.images.field_crops import cut_cells

    pictures = {BRIGHTFIELD: field.brightfield, DARKFIELD: field.darkfield, **(stains or {})}
    pictures = {name: picture for name, picture in pictures.items() if picture is not None}
    return cut_cells(
        _planes(field, [*pictures.values()]),
        field.labels,
        channels=[*pictures],
        source=field.name,
        pixel_size_um=field.pixel_size_um,
    )


def data_set_of_field(field: FieldOnScreen, cells: Cells) -> DataSet:
    """The cells of a field with the labels that were given to them before.

    The labels lie in the folder of the image's file. Those of an image without a file are kept in the user's own
    folder under what its pixels look like, so that they are found again when the same image is opened.
    """
    if field.path is not None:
        return DataSet(field.source, cells, open_labels(cells, field.path.parent))
    return DataSet(field.source, cells, open_labels_of_pixels(cells, np.asarray(field.brightfield)))


def file_of(layer: Layer) -> Path | None:
    """The file of a layer, if it is still there."""
    path = layer.metadata.get(FILE_KEY) or layer.source.path
    return Path(path) if path and Path(path).exists() else None


def field_map(labels: Labels, table: pd.DataFrame) -> LabelMap:
    """Where the cells of a phase layer's table lie in the label image that they were cut by."""
    frames = (
        table["source"].str.extract(r"\[t=(\d+)\]$", expand=False).fillna("0")
        if labels.ndim == 3
        else 0 * table["cell"]
    )
    return LabelMap(np.asarray(labels.data), frames=frames.to_numpy(np.int64), ids=table["cell"].to_numpy(np.int64))


def show_field_table(labels: Labels, table: pd.DataFrame) -> None:
    """Write a table of results to the user's own labels layer, next to the columns of others.

    In a time-lapse a label is another cell in each frame, which napari's table can't hold.
    """
    if labels.ndim != 2:
        return
    ours = table.drop(columns=["source", "synthetic", "truth"]).rename(columns={"cell": "index"})
    theirs = labels.features
    if "index" not in theirs:  # napari's rule: then row i is about label i
        theirs = theirs.rename_axis("index").reset_index()
    theirs = theirs.drop(columns=[name for name in ours if name != "index"], errors="ignore")
    labels.features = theirs.merge(ours, on="index", how="outer")


def _pixel_size_um(layer: Image) -> float | None:
    """The layer's scale, where it is in micrometres or another length."""
    unit = layer.units[-1]
    return float((layer.scale[-1] * unit).to("um").magnitude) if unit.is_compatible_with("um") else None


def _planes(field: FieldOnScreen, pictures: list[Any]) -> Any:
    """Images of the field as (C, Y, X), or as frames of that."""
    shape = np.shape(field.labels)  # type: ignore[arg-type]
    for picture in pictures:
        if picture.shape != shape:
            raise ImageError(
                f"the image has {picture.shape} and its labels have {shape} pixels; choose layers of one field"
            )
    return _Frames(pictures) if len(shape) == 3 else np.stack([np.asarray(picture) for picture in pictures])


@dataclass(frozen=True, eq=False)
class _Frames:
    """A time-lapse whose channels are stacked frame by frame, so that a lazy one stays lazy."""

    pictures: list[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """As (T, C, Y, X)."""
        frames, *rest = self.pictures[0].shape
        return frames, len(self.pictures), *rest

    def __len__(self) -> int:
        return len(self.pictures[0])

    def __getitem__(self, frame: int, /) -> Any:
        return np.stack([np.asarray(picture[frame]) for picture in self.pictures])
