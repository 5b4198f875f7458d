"""A picture of what a network looked at: the cell in grey, coloured where it speaks for or against a phase."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD

FOR, AGAINST = (230, 97, 1), (94, 60, 153)
"""Orange and violet, which people with any colour vision tell apart."""
_STRONGEST = 99.5
"""Percentile of the strengths that gets the full colour, so that a single pixel does not hide all others."""
_MOST_COLOUR = 0.85
"""Share of the colour where it is strongest; the rest is the cell, which stays visible."""
_BLUR_PX = 0.8


def draw_attribution(
    image: NDArray[np.floating], values: NDArray[np.floating], channels: Sequence[str]
) -> NDArray[np.uint8]:
    """Draw each channel of a cell with what the network looked at.

    Parameters
    ----------
    image : ndarray, shape (C, S, S)
        The cell as the network sees it; 0 is background.
    values : ndarray, shape (C, S, S)
        From `attribution.attributions`: positive where a pixel speaks for the phase.
    channels : sequence of str
        Names of the C channels.

    Returns
    -------
    ndarray of uint8, shape (C, S, S, 3)
        RGB: `FOR` where it speaks for the phase, `AGAINST` where against it. One scale of colour for all channels, so
        that they can be compared.
    """
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.asarray(values, np.float64), (0, _BLUR_PX, _BLUR_PX))
    strongest = max(float(np.percentile(np.abs(smooth), _STRONGEST)), 1e-12)
    share = np.clip(np.abs(smooth) / strongest, 0, 1)[..., None] * _MOST_COLOUR
    colour = np.where(smooth[..., None] > 0, FOR, AGAINST)
    grey = np.stack([_grey(plane, name) for plane, name in zip(image, channels, strict=True)])[..., None]
    return (grey * (1 - share) + colour * share).round().astype(np.uint8)


def _grey(plane: NDArray[np.floating], name: str) -> NDArray[np.float64]:
    """The cell from 0 to 255: the background of brightfield is grey, that of other channels black."""
    extreme = max(float(np.percentile(np.abs(plane), _STRONGEST)), 1e-12)
    low = -extreme if name == BRIGHTFIELD else 0.0
    return np.clip((plane.astype(np.float64) - low) / (extreme - low), 0, 1) * 255
