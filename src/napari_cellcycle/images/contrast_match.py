"""Match the contrast of a sample to that of the training cells.

The contrast of a brightfield image depends on how thick the cell is, so it must not be normalised cell by cell. But
another camera, an offset or a display range of 8 bits changes it for all cells in the same way. The median over a
sample hardly depends on the phases in it (for the Jurkat cells: within 2 % from G1 to prophase), so it shows the
effect of the instrument and not of the cells.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.images.model_input import InputSpec

SAME_CONTRAST = 0.05
"""A sample whose contrast differs by less than this fraction is not changed, so that no call depends on other cells."""
FEWEST_CELLS = 10
"""With fewer cells the median depends more on the cells than on the instrument."""
ENOUGH_CELLS = 1000
"""Number of cells of a sample that are measured, at most."""


def fit_contrast(spec: InputSpec, images: NDArray[np.float32]) -> InputSpec:
    """Store the contrast of the training cells in the input specification of a model.

    Parameters
    ----------
    spec : InputSpec
        Of the model.
    images : ndarray of float32, shape (N, C, S, S)
        The training cells, prepared with scale 1.

    Returns
    -------
    InputSpec
        With the contrast of each channel that is normalised as a ratio.
    """
    kinds = zip(spec.normalisation, median_contrast(images).tolist(), strict=True)
    fitted = (replace(how, contrast=contrast) if how.kind == "ratio" else how for how, contrast in kinds)
    return replace(spec, normalisation=tuple(fitted))


def match_contrast(spec: InputSpec, images: NDArray[np.float32]) -> tuple[InputSpec, tuple[str, ...]]:
    """Change the scale of each channel so that a sample gets the contrast of the training cells.

    Parameters
    ----------
    spec : InputSpec
        Of the model.
    images : ndarray of float32, shape (N, C, S, S)
        Cells of the sample, prepared with scale 1.

    Returns
    -------
    spec : InputSpec
        Unchanged if the contrasts are alike or unknown, or if there are fewer than `FEWEST_CELLS`.
    notes : tuple of str
        What was matched, for the user.
    """
    if len(images) < FEWEST_CELLS:
        return spec, ()
    kinds, notes = list(spec.normalisation), []
    for index, found in enumerate(median_contrast(images).tolist()):
        expected = kinds[index].contrast
        if not expected or not found or abs(found / expected - 1) <= SAME_CONTRAST:
            continue
        kinds[index] = replace(kinds[index], scale=kinds[index].scale * found / expected, contrast=found)
        notes.append(
            f"the contrast of {spec.channels[index]} is {found / expected:.2g} times that of the cells the model was "
            "trained on; it was matched, because the camera or the bit depth may differ"
        )
    return replace(spec, normalisation=tuple(kinds)), tuple(notes)


def median_contrast(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Median over the cells (N, C, S, S) of the range that holds 98 % of a cell's pixels, shape (C,)."""
    low, high = np.percentile(images, [1, 99], axis=(2, 3))
    return np.median(high - low, axis=0)
