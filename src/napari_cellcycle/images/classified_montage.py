"""The image ``montage.png``: cells side by side, framed in the colours of their phases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_cellcycle import phases
from napari_cellcycle.cell_images import RememberedImages
from napari_cellcycle.cells import Cells, Prediction, evenly_spaced
from napari_cellcycle.events import result_of
from napari_cellcycle.images.mosaic import build_mosaic
from napari_cellcycle.images.tile_grid import Grid

_LINE_PX = 20
_WARNING_COLOUR = "#ffb000"
_MOST_CELLS = 2000


def draw_montage(cells: Cells, prediction: Prediction, most: int = _MOST_CELLS) -> NDArray[np.uint8]:
    """Draw brightfield cells side by side, each framed in the colour of its phase, under a legend.

    Where the phases mean nothing the colours are greyed, and the verdict stands above.

    Parameters
    ----------
    cells : Cells
        N cells; the first channel is drawn.
    prediction : Prediction
        Their phases. Cells are sorted by it; synthetic ones get the same mark as in napari.
    most : int
        Number of cells to draw; of more cells, evenly spaced ones are drawn.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        RGB.
    """
    shown = shown_in_montage(prediction, most)
    image, _ = draw_framed(cells, prediction, shown)
    with_synthetic = bool(cells.synthetic[shown].any())
    parts = [_draw_legend(image.shape[1], prediction, synthetic=with_synthetic), image]
    if prediction.verdict is not None and not prediction.is_reliable:
        parts.insert(0, _draw_text(image.shape[1], prediction.verdict.text))
    return np.concatenate(parts)


def shown_in_montage(prediction: Prediction, most: int) -> NDArray[np.intp]:
    """Rows of at most `most` cells, evenly spaced among those in order of phase.

    Parameters
    ----------
    prediction : Prediction
        N cells.
    most : int
        Number of cells.

    Returns
    -------
    ndarray of intp
        In order of phase.
    """
    by_phase = np.argsort(prediction.phases, kind="stable")
    return by_phase[evenly_spaced(len(by_phase), most)]


def draw_framed(
    cells: Cells, prediction: Prediction, shown: NDArray[np.intp], columns: int | None = None
) -> tuple[NDArray[np.uint8], Grid]:
    """Draw cells side by side, each framed in the colour of its phase; grey where the phases mean nothing.

    Parameters
    ----------
    cells : Cells
        N cells; the first channel is drawn.
    prediction : Prediction
        Their phases.
    shown : ndarray of int
        Rows of the cells to draw.
    columns : int, optional
        Cells in a row.

    Returns
    -------
    image : ndarray of uint8, shape (Y, X, 3)
        RGB.
    grid : Grid
        Where each cell is.
    """
    first = cells.select_channels(cells.channels[:1])
    rows = np.unique(shown).tolist()  # in their order in the file, so that each piece of it is unpacked once
    read = replace(first, images=RememberedImages(first.images, dict(zip(rows, first.read(rows), strict=True))))
    mosaic = result_of(build_mosaic(read.subset(shown), columns=columns))
    low, high = mosaic.contrast_limits[0]
    grey = np.clip((mosaic.pixels[0].astype(np.float32) - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    synthetic = cells.synthetic[shown]
    frames = mosaic.grid.draw_outlines((prediction.phases[shown] + 1).astype(np.uint8))
    corners = mosaic.grid.stamp(synthetic.astype(np.uint8), mosaic.grid.corner())
    palette = _palette(prediction)
    numbers = np.where(corners > 0, len(palette) - 1, frames)
    image = np.where(numbers[..., None] > 0, palette[numbers], grey[..., None])
    return image, mosaic.grid


def _palette(prediction: Prediction) -> NDArray[np.uint8]:
    """RGB of 0 (nothing), the phases in order, unsure, and synthetic cells; greyed where the phases mean nothing."""
    codes = ("#000000", *prediction.phase_set.all_colours, phases.SYNTHETIC_COLOUR)
    shown = codes if prediction.is_reliable else map(phases.greyed, codes)
    return np.array([list(bytes.fromhex(code[1:])) for code in shown], np.uint8)


def _draw_text(width: int, text: str) -> NDArray[np.uint8]:
    """A warning in as many lines as the width needs; RGB."""
    font = ImageFont.load_default(13)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width - 8:
            lines.append(word)
        else:
            lines[-1] = longer
    picture = Image.new("RGB", (width, _LINE_PX * len(lines)))
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        pen.text((4, _LINE_PX * number + 1), line, fill=_WARNING_COLOUR, font=font)
    return np.asarray(picture)


def _draw_legend(width: int, prediction: Prediction, *, synthetic: bool) -> NDArray[np.uint8]:
    """Colours and names of the phases, and of `synthetic` cells, in as many rows as the width needs; RGB."""
    entry_px, line_px = 96, _LINE_PX
    names = (*prediction.phase_set.all_names, phases.SYNTHETIC_LABEL)[: None if synthetic else -1]
    palette = _palette(prediction)
    per_line = max(1, width // entry_px)
    legend = Image.new("RGB", (width, line_px * -(-len(names) // per_line)))
    pen, font = ImageDraw.Draw(legend), ImageFont.load_default(13)
    for index, (name, colour) in enumerate(zip(names, palette[1 : len(names) + 1].tolist(), strict=True)):
        x, y = entry_px * (index % per_line), line_px * (index // per_line)
        pen.rectangle((x + 4, y + 4, x + 15, y + 15), fill=tuple(colour))
        pen.text((x + 20, y + 1), name, fill="white", font=font)
    return np.asarray(legend)
