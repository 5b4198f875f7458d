"""Layers in one file that opens again as it was saved: pixels, colours, tables, and where the cells come from.

The file is a TIFF with one series for each layer, so any program can show it. What napari knows besides lies in the
description of each series, as JSON, and its table of features in a tag, as compressed CSV. The name ends in
``.cellcycle``: a name in ``.tif`` would be opened by napari's own reader, without all that.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, JsonValue

from napari_cellcycle.errors import ReadError, WriteError, reason_of
from napari_cellcycle.gui.layers.gallery_layers import LayerData
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.plain_files import check_plain
from napari_cellcycle.store.csv_tables import from_csv, to_csv
from napari_cellcycle.store.strict import Facts, Name, Strict, parse

if TYPE_CHECKING:
    import pandas as pd

SUFFIX = ".cellcycle"
_KEY = "napari_cellcycle_layer"
_TABLE_TAG = 65110  # of those that the TIFF standard leaves to everybody
_MOST_COLOURS = 10_000
_LARGEST_TABLE = 2**30
_PLAIN = ("opacity", "blending", "visible", "gamma")
_ARRAYS = ("scale", "translate", "rotate", "shear", "affine", "contrast_limits")
_TEXTS = ("units", "axis_labels")

_Numbers = list[float] | list[list[float]]


class _Saved(Strict):
    """What is kept of a layer besides pixels and table."""

    version: Literal[1]
    kind: Literal["image", "labels"]
    name: Name
    metadata: Facts = Field(default_factory=dict)
    opacity: float = Field(1.0, ge=0, le=1)
    blending: Name | None = None
    visible: bool = True
    gamma: float | None = Field(None, gt=0)
    scale: _Numbers | None = None
    translate: _Numbers | None = None
    rotate: _Numbers | None = None
    shear: _Numbers | None = None
    affine: _Numbers | None = None
    contrast_limits: list[float] | None = Field(None, min_length=2, max_length=2)
    units: list[Name] | None = None
    axis_labels: list[Name] | None = None
    rgb: bool | None = None
    colormap: Name | None = None
    colours: dict[str, list[float]] | None = Field(None, max_length=_MOST_COLOURS)


def save_layers(path: Path, layers: Sequence[LayerData]) -> Path:
    """Write image and labels layers, in their order, to one file; return its name, which ends in `SUFFIX`.

    Raises
    ------
    WriteError
        A layer is of another type, or a pyramid, or the file can't be written.
    """
    import tifffile

    path = path if path.suffix.lower() == SUFFIX else path.with_name(path.name + SUFFIX)
    for data, options, kind in layers:
        if kind not in ("image", "labels") or not hasattr(data, "shape"):
            raise WriteError(f"{options['name']} is no plain image or labels layer; save it with napari's writer")
    with atomic_path(path) as temporary, tifffile.TiffWriter(temporary, bigtiff=True) as tiff:
        for data, options, kind in layers:
            description = json.dumps(_described(options, kind), ensure_ascii=True)
            table = _table(options.get("features"))
            tiff.write(
                np.asarray(data),
                photometric="rgb" if options.get("rgb") else "minisblack",
                compression="zlib" if kind == "labels" else None,  # of a few numbers each
                metadata={_KEY: description},
                extratags=[(_TABLE_TAG, 7, len(table), table, True)] if table else [],
            )
    return path


def load_layers(path: Path) -> list[LayerData]:
    """Read what `save_layers` wrote.

    Raises
    ------
    ReadError
        The file can't be read, or says something else.
    """
    from napari_cellcycle.io.formats.equal_pages import find_equal_pages
    from napari_cellcycle.io.formats.tiff_pages import check_shapes, opened

    try:
        check_plain(path)
        with opened(path) as (tiff, _):
            find_equal_pages(tiff, None, path)  # says if the pages run in a circle
            check_shapes(tiff, path)
            if not tiff.series:
                raise ValueError("no image is in it")
            return [_layer_in(series, path) for series in tiff.series]
    except FileNotFoundError as error:
        raise ReadError(f"{path} is not there; put it back, or choose another file") from error
    except Exception as error:  # a damaged file can make a decoder raise anything
        reason = reason_of(error)
        raise ReadError(f"{path.name} holds no layers that this program saved ({reason}); save them again") from error


def _described(options: Mapping[str, Any], kind: str) -> dict[str, JsonValue]:
    """The part of a layer's options that `_Saved` keeps."""
    kept: dict[str, Any] = {"version": 1, "kind": kind, "name": str(options["name"])}
    kept["metadata"] = {str(key): value for key, value in options.get("metadata", {}).items() if _is_plain(value)}
    kept |= {name: options[name] for name in (*_PLAIN, "rgb") if options.get(name) is not None}
    kept |= {name: np.asarray(options[name], float).tolist() for name in _ARRAYS if options.get(name) is not None}
    kept |= {name: [str(text) for text in options[name]] for name in _TEXTS if options.get(name) is not None}
    colormap = options.get("colormap")
    if kind == "image" and colormap is not None:
        kept["colormap"] = colormap["name"] if isinstance(colormap, dict) else getattr(colormap, "name", str(colormap))
    elif colormap is not None and hasattr(colormap, "color_dict") and len(colormap.color_dict) <= _MOST_COLOURS:
        kept["colours"] = {str(key): np.asarray(value, float).tolist() for key, value in colormap.color_dict.items()}
    return kept


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _table(features: pd.DataFrame | None) -> bytes:
    if features is None or features.empty:
        return b""
    return zlib.compress(to_csv(features), 6)


def _layer_in(series: Any, path: Path) -> LayerData:
    from napari_cellcycle.io.formats.tiff_pages import check_size

    page = series.keyframe
    saved = parse(_Saved, json.loads(page.description)[_KEY])
    check_size(series, path)
    options = saved.model_dump(exclude_none=True, exclude={"version", "kind", "colours"})
    options["blending"] = options.get("blending") or "translucent"
    if saved.kind == "labels":
        options.pop("rgb", None)
        if saved.colours is not None:
            options["colormap"] = _colormap(saved.colours)
    if _TABLE_TAG in page.tags:
        options["features"] = _features_in(page.tags[_TABLE_TAG].value)
    return series.asarray(), options, saved.kind


def _colormap(colours: Mapping[str, Sequence[float]]) -> Any:
    from napari.utils.colormaps import DirectLabelColormap

    return DirectLabelColormap(
        color_dict={None if key == "None" else int(key): np.array(colour) for key, colour in colours.items()}
    )


def _features_in(packed: bytes) -> pd.DataFrame:
    return from_csv(zlib.decompressobj().decompress(packed, _LARGEST_TABLE))
