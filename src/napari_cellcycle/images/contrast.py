"""The contrast of a sample, matched to that of the training cells where the two differ.

Contrast of brightfield tells how thick a cell is, so it may not be taken out cell by cell; but another camera, an
offset or a display range in 8 bits changes it for all cells alike. The median over a sample hardly depends on which
phases are in it (of the Jurkat cells: within 2 % from G1 to prophase), so it tells the instrument from the cells.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.images.prepare import InputSpec

SAME_CONTRAST = 0.05
"""A sample whose contrast differs by less than this share is left alone: then no cell's call depends on the others."""
FEWEST_CELLS = 10
"""Of fewer cells the median tells more of the cells than of the instrument."""
ENOUGH_CELLS = 1000


def fit_contrast(spec: InputSpec, images: NDArray[np.float32]) -> InputSpec:
    """`spec` with the contrast of its training cells noted.

    Parameters
    ----------
    spec : InputSpec
        Of the model.
    images : ndarray of float32, shape (N, C, S, S)
        The training cells, prepared with scale 1.
    """
    found = median_contrast(images)
    kinds = zip(spec.normalisation, found.tolist(), strict=True)
    return replace(
        spec,
        normalisation=tuple(replace(how, contrast=value) if how.kind == "ratio" else how for how, value in kinds),
    )


def match_contrast(spec: InputSpec, images: NDArray[np.float32]) -> tuple[InputSpec, tuple[str, ...]]:
    """`spec` with the scale of each channel changed so that a sample has the contrast of the training cells.

    Parameters
    ----------
    spec : InputSpec
        Of the model.
    images : ndarray of float32, shape (N, C, S, S)
        Cells of the sample, prepared with scale 1.

    Returns
    -------
    spec : InputSpec
        The same where contrasts are alike, unknown, or those of too few cells.
    notes : tuple of str
        What was matched, for the user.
    """
    if len(images) < FEWEST_CELLS:
        return spec, ()
    kinds, notes = list(spec.normalisation), []
    for number, found in enumerate(median_contrast(images).tolist()):
        expected = kinds[number].contrast
        if not expected or not found or abs(found / expected - 1) <= SAME_CONTRAST:
            continue
        kinds[number] = replace(kinds[number], scale=kinds[number].scale * found / expected, contrast=found)
        notes.append(
            f"the contrast of {spec.channels[number]} is {found / expected:.2g} times that of the cells the model was "
            "trained on; it was matched, so that another camera or bit depth does no harm"
        )
    return replace(spec, normalisation=tuple(kinds)), tuple(notes)


def median_contrast(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Median over the cells (N, C, S, S) of the range that 98 % of a cell's pixels lie in, shape (C,)."""
    low, high = np.percentile(images, [1, 99], axis=(2, 3))
    return np.median(high - low, axis=0)


def evenly_spaced(n_cells: int) -> NDArray[np.intp]:
    """Positions of the cells to look at: all, or `ENOUGH_CELLS` from the whole sample."""
    return np.linspace(0, n_cells - 1, min(n_cells, ENOUGH_CELLS)).round().astype(np.intp)
