"""An image of real cells next to synthetic ones, phase by phase, for comparison by eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.phases import COLOURS, PHASE_LABELS, Phase

_LIMITS = {True: (-3.0, 3.0), False: (-0.3, 4.0)}
"""Black and white in standard deviations: of brightfield, whose background is grey, and of other channels."""
_GAP_PX, _LINE_PX, _TITLE_PX = 2, 18, 78
_BACKGROUND = 24


def draw_sheet(
    real: Mapping[int, NDArray[np.float32]],
    synthetic: Mapping[int, NDArray[np.float32]],
    channels: Sequence[str],
    per_phase: int = 6,
) -> NDArray[np.uint8]:
    """Draw encoded cells: one row per phase and channel, real cells (if any) on the left, synthetic ones on the right.

    Parameters
    ----------
    real, synthetic : mapping of int to ndarray of float32, shape (n, C, S, S)
        Cells of each phase, encoded by `images.gan_codec`. The phases of `synthetic` are drawn.
    channels : sequence of str
        Names of the C channels.
    per_phase : int
        Cells per row on each side, at most.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        RGB.
    """
    size = max((cells.shape[-1] for cells in synthetic.values()), default=0)
    half = per_phase * (size + _GAP_PX)
    block = len(channels) * (size + _GAP_PX) + 2 * _GAP_PX
    sides = {"real": real, "synthetic": synthetic} if real else {"synthetic": synthetic}
    lefts = [_TITLE_PX + side * (half + 4 * _GAP_PX) for side in range(len(sides))]
    tops = [_LINE_PX + row * block for row in range(len(synthetic))]
    sheet = np.full((_LINE_PX + len(synthetic) * block, lefts[-1] + half, 3), _BACKGROUND, np.uint8)
    for top, phase in zip(tops, synthetic, strict=True):
        for left, side in zip(lefts, sides.values(), strict=True):
            if phase in side:
                _draw_cells(sheet[top:, left:], side[phase][:per_phase], channels)
    image = Image.fromarray(sheet)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    for left, title in zip(lefts, sides, strict=True):
        pen.text((left, 1), title, fill="white", font=font)
    for top, phase in zip(tops, synthetic, strict=True):
        pen.text((4, top + block // 2 - 9), PHASE_LABELS[phase], fill=COLOURS[Phase(phase)], font=font)
    return np.asarray(image)


def _draw_cells(sheet: NDArray[np.uint8], cells: NDArray[np.float32], channels: Sequence[str]) -> None:
    """Draw (n, C, S, S) into the upper left corner of `sheet`: one row per channel."""
    size = cells.shape[-1]
    for channel, name in enumerate(channels):
        low, high = _LIMITS[name == BRIGHTFIELD]
        grey = np.clip((cells[:, channel] - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        top = channel * (size + _GAP_PX)
        for column, tile in enumerate(grey):
            left = column * (size + _GAP_PX)
            sheet[top : top + size, left : left + size] = tile[..., None]
