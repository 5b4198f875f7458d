"""Which cells a report shows, and small pictures of them."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, Cells
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.images.mosaic import Mosaic, build_mosaic
from napari_cellcycle.images.tile_grid import GAP_PX
from napari_cellcycle.phases import UNKNOWN

Entry = tuple[int, int]
"""An entry of the confusion matrix: true phase and call."""

_MAX_PER_ENTRY = 36
_MAX_SHOWN = 1200  # keeps the page under 5 MB, also where every entry is full
N_WORST = 24
_MAX_EDGE_PX = 40
_GREY_STEP = 4  # the eye does not see finer steps, and they double the size of the page


def cells_by_entry(report: Report) -> dict[Entry, NDArray[np.intp]]:
    """Indices of the cells behind each entry of the confusion matrix, the surest first; unsure is a call too."""
    called, confidence = report.prediction.phases, report.prediction.confidence
    tested = np.flatnonzero((report.truth != UNKNOWN) & (called != UNKNOWN))
    tested = tested[np.argsort(-confidence[tested], kind="stable")]
    entries = {}
    for truth, call in np.ndindex(len(report.phase_set), len(report.phase_set) + 1):
        members = tested[(report.truth[tested] == truth) & (called[tested] == call)]
        if len(members):
            entries[truth, call] = members
    return entries


def worst_mistakes(report: Report) -> NDArray[np.intp]:
    """Indices of the wrong calls with the highest probability, the surest first."""
    called, confidence = report.prediction.phases, report.prediction.confidence
    wrong = np.flatnonzero((report.truth != UNKNOWN) & report.prediction.is_called & (called != report.truth))
    return wrong[np.argsort(-confidence[wrong], kind="stable")][:N_WORST]


def shown_by_entry(report: Report) -> dict[Entry, NDArray[np.intp]]:
    """The surest cells of each entry, as many as a page can hold."""
    entries = cells_by_entry(report)
    n_each = min(_MAX_PER_ENTRY, _MAX_SHOWN // len(entries))
    return {entry: members[:n_each] for entry, members in entries.items()}


def shown_cells(report: Report) -> NDArray[np.intp]:
    """Indices of all cells that a report shows as pictures."""
    return np.unique(np.concatenate([*shown_by_entry(report).values(), worst_mistakes(report)]))


def draw_thumbnails(cells: Cells, shown: NDArray[np.intp]) -> Job[Progress, dict[int, bytes]]:
    """Draw some cells, all with the same contrast, so that a bright cell looks brighter than a dim one.

    Parameters
    ----------
    cells : Cells
        Only the images of `shown` are read.
    shown : ndarray of int, shape (M,)
        Indices of the cells to draw.

    Returns
    -------
    Job of dict of int to bytes
        The result holds a PNG of each cell by its index, brightfield and darkfield next to each other.
    """
    roles = [name for name in (BRIGHTFIELD, DARKFIELD) if name in cells.channels]
    chosen = cells.select_channels(roles or cells.channels[:2]).subset(shown)
    mosaic: Mosaic = yield from build_mosaic(chosen, max_shown=len(shown))
    limits = np.array(mosaic.contrast_limits)[:, :, None, None]
    grey = np.clip((mosaic.pixels - limits[:, 0]) / (limits[:, 1] - limits[:, 0]) * 255, 0, 255).astype(np.uint8)
    return {int(cell): _png(_tile(grey, mosaic, index)) for index, cell in enumerate(shown)}


def _tile(grey: NDArray[np.uint8], mosaic: Mosaic, index: int) -> NDArray[np.uint8]:
    """The channels of one cell next to each other."""
    top, left, bottom, right = mosaic.grid.box([index])
    return np.hstack(list(grey[:, top + GAP_PX : bottom - GAP_PX, left + GAP_PX : right - GAP_PX]))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    picture, content = Image.fromarray(pixels), io.BytesIO()
    if len(pixels) > _MAX_EDGE_PX:
        picture = picture.resize((round(pixels.shape[1] * _MAX_EDGE_PX / len(pixels)), _MAX_EDGE_PX))
    picture = picture.point([level // _GREY_STEP * _GREY_STEP for level in range(256)])
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()
