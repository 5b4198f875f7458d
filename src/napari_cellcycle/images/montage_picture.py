"""The picture ``montage.png``: cells side by side, framed in the colours of their phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells, Prediction

MONTAGE_CELLS = 2000
_SYNTHETIC = 9
"""Place of the colour of made cells in the palette of the montage."""


def draw_montage(cells: Cells, prediction: Prediction, most: int = MONTAGE_CELLS) -> NDArray[np.uint8]:
    """Brightfield cells side by side, each framed in the colour of its phase; RGB, shape (Y, X, 3).

    Cells are sorted by phase; made ones carry the mark that they have in napari. Of more than `most` cells, evenly
    spaced ones are shown.
    """
    import numpy as np

    from napari_cellcycle.events import result_of
    from napari_cellcycle.images.mosaic import build_mosaic

    by_phase = np.argsort(prediction.phases, kind="stable")
    shown = by_phase[np.unique(np.linspace(0, len(by_phase) - 1, min(most, len(by_phase))).astype(int))]
    mosaic = result_of(build_mosaic(cells.select_channels(cells.channels[:1]).subset(shown)))
    low, high = mosaic.contrast_limits[0]
    grey = np.clip((mosaic.pixels[0].astype(np.float32) - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    made = cells.synthetic[shown]
    frames = mosaic.grid.paint((prediction.phases[shown] + 1).astype(np.uint8), mosaic.grid.frame())
    corners = mosaic.grid.paint(made.astype(np.uint8), mosaic.grid.corner())
    numbers = np.where(corners > 0, _SYNTHETIC, frames)
    picture = np.where(numbers[..., None] > 0, _palette()[numbers], grey[..., None])
    return np.concatenate([_draw_legend(picture.shape[1], made=bool(made.any())), picture])


def _draw_legend(width: int, *, made: bool) -> NDArray[np.uint8]:
    """Colours and names of the phases, and of `made` cells, in a row, or in as many as the width asks for; RGB."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from napari_cellcycle.phases import PHASE_LABELS, SYNTHETIC_LABEL, UNSURE_LABEL

    entry_px, line_px = 96, 20
    names = (*PHASE_LABELS, UNSURE_LABEL, SYNTHETIC_LABEL)[: None if made else -1]
    per_line = max(1, width // entry_px)
    legend = Image.new("RGB", (width, line_px * -(-len(names) // per_line)))
    pen, font = ImageDraw.Draw(legend), ImageFont.load_default(13)
    for place, (name, colour) in enumerate(zip(names, _palette()[1 : len(names) + 1].tolist(), strict=True)):
        x, y = entry_px * (place % per_line), line_px * (place // per_line)
        pen.rectangle((x + 4, y + 4, x + 15, y + 15), fill=tuple(colour))
        pen.text((x + 20, y + 1), name, fill="white", font=font)
    return np.asarray(legend)


def _palette() -> NDArray[np.uint8]:
    """RGB of 0 (nothing), the phases in order, unsure, and of the mark of made cells; shape (10, 3)."""
    import numpy as np

    from napari_cellcycle.phases import COLOURS, SYNTHETIC_COLOUR, UNSURE_COLOUR

    codes = ["#000000", *COLOURS.values(), UNSURE_COLOUR, SYNTHETIC_COLOUR]
    return np.array([list(bytes.fromhex(code[1:])) for code in codes], np.uint8)
