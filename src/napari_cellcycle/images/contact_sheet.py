"""Real cells beside made ones, phase by phase, as one picture to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.phases import COLOURS, PHASE_LABELS, Phase

SHOWN_LIMITS = {True: (-3.0, 3.0), False: (-0.3, 4.0)}
"""Black and white in units of the spread: of brightfield, whose background is grey, and of other channels."""
_GAP_PX, _LINE_PX, _TITLE_PX = 2, 18, 78
_PAPER = 24


def draw_sheet(
    real: Mapping[int, NDArray[np.float32]],
    made: Mapping[int, NDArray[np.float32]],
    channels: Sequence[str],
    per_phase: int = 6,
) -> NDArray[np.uint8]:
    """Draw encoded cells: a row of each channel for each phase, real cells, if any, left of the made ones.

    Parameters
    ----------
    real, made : mapping of int to ndarray of float32, (n, C, S, S)
        Encoded cells by phase; the phases of `made` are drawn.
    channels : sequence of str
        Their names, in order.
    per_phase : int
        Cells of a row on each side.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        RGB.
    """
    from PIL import Image, ImageDraw, ImageFont

    size = max((cells.shape[-1] for cells in made.values()), default=0)
    half = per_phase * (size + _GAP_PX)
    block = len(channels) * (size + _GAP_PX) + 2 * _GAP_PX
    sides = {"real": real, "made": made} if real else {"made": made}
    lefts = [_TITLE_PX + number * (half + 4 * _GAP_PX) for number in range(len(sides))]
    sheet = np.full((_LINE_PX + len(made) * block, lefts[-1] + half, 3), _PAPER, np.uint8)
    for number, phase in enumerate(made):
        for left, side in zip(lefts, sides.values(), strict=True):
            if phase in side:
                _lay(sheet[_LINE_PX + number * block :, left:], side[phase][:per_phase], channels)
    picture = Image.fromarray(sheet)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for left, title in zip(lefts, sides, strict=True):
        pen.text((left, 1), title, fill="white", font=font)
    for number, phase in enumerate(made):
        top = _LINE_PX + number * block + block // 2 - 9
        pen.text((4, top), PHASE_LABELS[phase], fill=COLOURS[Phase(phase)], font=font)
    return np.asarray(picture)


def _lay(sheet: NDArray[np.uint8], cells: NDArray[np.float32], channels: Sequence[str]) -> None:
    size = cells.shape[-1]
    for channel, name in enumerate(channels):
        low, high = SHOWN_LIMITS[name == BRIGHTFIELD]
        grey = np.clip((cells[:, channel] - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        top = channel * (size + _GAP_PX)
        for place, tile in enumerate(grey):
            left = place * (size + _GAP_PX)
            sheet[top : top + size, left : left + size] = tile[..., None]
