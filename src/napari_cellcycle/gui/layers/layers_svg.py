"""Layers as a drawing, with a legend of the phases: napari's own writer of SVG fails at the colours of phases."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import WriteError
from napari_cellcycle.gui.layers.gallery_layers import LayerData
from napari_cellcycle.gui.layers.source import KEY, PHASE
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.phase_sets import SEVEN, phase_set

_LEGEND = 0.22
"""Width of the legend as a share of that of the picture."""


def save_svg(path: Path, layers: Sequence[LayerData]) -> Path:
    """Draw the visible ones of these images and labels, or all if none is visible, in the order of the viewer.

    Raises
    ------
    WriteError
        A layer is of another type or has more than two axes, or the file can't be written.
    """
    path = path if path.suffix.lower() == ".svg" else path.with_name(path.name + ".svg")
    drawn = [layer for layer in layers if layer[1].get("visible", True)] or list(layers)
    pictures = [_picture(*layer) for layer in drawn]
    right, bottom = (max(box[2 + side] + box[side] for _, box in pictures) for side in (0, 1))
    legend = next((_legend(options, right, bottom) for _, options, _ in drawn if _is_phases(options)), "")
    width = right * (1 + _LEGEND) if legend else right
    with atomic_path(path) as temporary:
        temporary.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {bottom:g}">\n'
            f"{''.join(text for text, _ in pictures)}{legend}</svg>\n",
            encoding="utf-8",
        )
    return path


def _picture(data: Any, options: Mapping[str, Any], kind: str) -> tuple[str, tuple[float, float, float, float]]:
    """A layer as an element, and where it lies: x, y, width, height in units of the world."""
    from PIL import Image

    if kind not in ("image", "labels") or not hasattr(data, "ndim") or data.ndim - bool(options.get("rgb")) != 2:
        raise WriteError(f"{options['name']} is no plane of an image or of labels, so it can't be drawn as SVG")
    pixels = _colours(np.asarray(data), options)
    height, width = pixels.shape[:2]
    scale = np.asarray(options.get("scale", (1, 1)))[-2:]
    shift = np.asarray(options.get("translate", (0, 0)))[-2:]
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    box = (float(shift[1]), float(shift[0]), float(width * scale[1]), float(height * scale[0]))
    x, y, width_in_world, height_in_world = (f"{value:g}" for value in box)
    element = (
        f'<image x="{x}" y="{y}" width="{width_in_world}" height="{height_in_world}" '
        f'opacity="{options.get("opacity", 1):g}" preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{b64encode(png.getvalue()).decode()}"><title>{escape(options["name"])}</title>'
        "</image>\n"
    )
    return element, box


def _colours(data: NDArray[Any], options: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The pixels as napari shows them, (Y, X, 4) or (Y, X, 3)."""
    from napari.utils.colormaps import ensure_colormap

    if options.get("rgb"):
        return data if data.dtype == np.uint8 else (np.clip(data, 0, 1) * 255).astype(np.uint8)
    colormap = options.get("colormap", "gray")
    if not hasattr(colormap, "map") or "contrast_limits" in options:
        low, high = options.get("contrast_limits", (data.min(), data.max()))
        shares = np.clip((data.astype(np.float32) - low) / max(high - low, 1e-12), 0, 1) ** options.get("gamma", 1.0)
        return (ensure_colormap(colormap).map(shares.ravel()).reshape(*data.shape, 4) * 255).astype(np.uint8)
    # few numbers, and napari maps each pixel
    numbers, index = (np.arange(256, dtype=np.uint8), data) if data.dtype == np.uint8 else _numbers_in(data)
    mapped: NDArray[np.uint8] = (colormap.map(numbers) * 255).astype(np.uint8)[index.reshape(data.shape)]
    return mapped


def _numbers_in(data: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    numbers, index = np.unique(data, return_inverse=True)
    return numbers, index


def _is_phases(options: Mapping[str, Any]) -> bool:
    known = options.get("metadata", {}).get(KEY)
    return isinstance(known, dict) and known.get("role") == PHASE and "phase" in options.get("features", ())


def _legend(options: Mapping[str, Any], right: float, bottom: float) -> str:
    """Colour, phase and number of cells, for each phase that there is, to the right of the picture."""
    counts = options["features"]["phase"].value_counts()
    phases = phase_set(options["metadata"][KEY].get("phase_set") or SEVEN)
    colours = [*zip(phases.all_names, phases.all_colours, strict=True)]
    there = [(label, colour, int(counts[label])) for label, colour in colours if counts.get(label, 0)]
    size = min(right * _LEGEND / 12, bottom / (1.5 * max(len(there), 1)))
    rows = []
    for row, (label, colour, count) in enumerate(there):
        x, y = right + size, (0.5 + 1.5 * row) * size
        rows.append(
            f'<rect x="{x:g}" y="{y:g}" width="{size:g}" height="{size:g}" fill="{colour}"/>'
            f'<text x="{x + 1.5 * size:g}" y="{y + 0.85 * size:g}" font-size="{size:g}" '
            f'font-family="sans-serif">{label} {count:,}</text>\n'
        )
    return "".join(rows)
