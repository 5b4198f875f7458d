"""Area and total stain of nuclei, standardised among those of one image, so that exposure and staining cancel out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import DNA, Cells
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.field_crops import cut_by_border, in_field
from napari_cellcycle.stain.measure import measure_cells

FEWEST_NUCLEI = 10
"""Mean and spread of fewer say more of these nuclei than of their image."""
FIGURES = ("area", "total stain")

_UNREADABLE = "it can't be read"
_CUT = "the border of its image cuts it, so its whole stain is not known"


@dataclass(frozen=True, eq=False)
class ComparedNuclei:
    """Figures of N nuclei, and which were left out.

    Attributes
    ----------
    figures : ndarray of float32, shape (N, 2)
        `FIGURES` with mean 0 and standard deviation 1 in each image; NaN where a nucleus is left out.
    left_out : mapping of int to str
        Index of each nucleus that is left out, and why.
    """

    figures: NDArray[np.float32]
    left_out: Mapping[int, str]

    @property
    def known(self) -> NDArray[np.intp]:
        """Indices of the nuclei that are not left out, K of them."""
        return np.flatnonzero(np.isfinite(self.figures).all(axis=1))

    @property
    def prepared(self) -> NDArray[np.float32]:
        """Their figures as a model takes them: an image of one row, (K, 1, 1, 2)."""
        return self.figures[self.known][:, None, None, :]


def compare_nuclei(cells: Cells) -> Job[Progress | Note, ComparedNuclei]:
    """Measure the stain of all nuclei, and standardise it image by image.

    Nuclei of a field are compared with the others of the same field, or of the same frame of a film. Cells that have an
    image each are compared with all such cells, as an image of one cell says nothing of its exposure.

    Parameters
    ----------
    cells : Cells
        With a channel ``dna``.

    Returns
    -------
    Job of ComparedNuclei
        Left out are nuclei that the border of their image cuts, and those of images with fewer than `FEWEST_NUCLEI`
        others; both are said.

    Raises
    ------
    ChannelError
        There is no such channel.
    """
    measures = yield from measure_cells(cells, DNA)
    raw = np.stack([measures.area, measures.dna], axis=1)
    is_cut = cut_by_border(cells.images)
    left_out = {int(row): _CUT if is_cut[row] else _UNREADABLE for row in np.flatnonzero(np.isnan(raw).any(axis=1))}
    figures = np.full(raw.shape, np.nan, np.float32)
    few = 0
    for rows in _images(cells):
        whole = rows[np.isfinite(raw[rows]).all(axis=1)]
        if len(whole) >= FEWEST_NUCLEI:
            figures[whole] = _standardised(raw[whole])
        elif len(whole):
            few += 1
            why = f"its image has {len(whole)} whole nuclei, too few to compare them ({FEWEST_NUCLEI} are needed)"
            left_out |= dict.fromkeys(whole.tolist(), why)
    if few:
        yield Note(
            f"{few:,} images have fewer than {FEWEST_NUCLEI} whole nuclei, too few to compare them with each other, so "
            "their nuclei get no phase; use images with more nuclei"
        )
    return ComparedNuclei(figures, dict(sorted(left_out.items())))


def _images(cells: Cells) -> Iterator[NDArray[np.intp]]:
    """Rows of nuclei that are compared with each other."""
    image = np.where(in_field(cells.images), cells.sources, "")
    _, numbers = np.unique(image, return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1))
