"""Small pictures of the cells that a report shows, and which these are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.images.mosaic import Mosaic, build_mosaic
from napari_cellcycle.images.tile_grid import GAP_PX
from napari_cellcycle.phases import N_PHASES, UNKNOWN

if TYPE_CHECKING:
    from napari_cellcycle.cells import Cells
    from napari_cellcycle.evaluation.report import Report

PER_FIELD = 36
IN_ALL = 1200  # keeps the page under 5 MB, also where every field is full
N_WORST = 24
MAX_EDGE_PX = 40
GREY_STEP = 4  # finer steps are noise to the eye, and half of the page's size


def cells_by_field(report: Report) -> dict[tuple[int, int], NDArray[np.intp]]:
    """Cells behind each field (true phase, call) of the confusion matrix, the surest first; unsure is a call too."""
    called, sure = report.prediction.phases, report.prediction.confidence
    fields = {}
    tested = np.flatnonzero((report.truth != UNKNOWN) & (called != UNKNOWN))
    tested = tested[np.argsort(-sure[tested], kind="stable")]
    for truth in range(N_PHASES):
        for call in range(N_PHASES + 1):
            members = tested[(report.truth[tested] == truth) & (called[tested] == call)]
            if len(members):
                fields[truth, call] = members
    return fields


def worst_mistakes(report: Report) -> NDArray[np.intp]:
    """The calls that are wrong and surest of themselves, the surest first."""
    called, sure = report.prediction.phases, report.prediction.confidence
    wrong = np.flatnonzero((report.truth != UNKNOWN) & (called >= 0) & (called < N_PHASES) & (called != report.truth))
    return wrong[np.argsort(-sure[wrong], kind="stable")][:N_WORST]


def shown_by_field(report: Report) -> dict[tuple[int, int], NDArray[np.intp]]:
    """The first of the cells behind each field, as many as a page can hold."""
    fields = cells_by_field(report)
    n_each = min(PER_FIELD, IN_ALL // len(fields))
    return {field: members[:n_each] for field, members in fields.items()}


def shown_cells(report: Report) -> NDArray[np.intp]:
    """Positions of all cells whose picture a report holds."""
    return np.unique(np.concatenate([*shown_by_field(report).values(), worst_mistakes(report)]))


def draw_thumbnails(cells: Cells, shown: NDArray[np.intp]) -> Job[Progress, dict[int, bytes]]:
    """Read the cells `shown`; the result is a PNG of each, brightfield and darkfield side by side, by position.

    All are stretched alike, so that a bright cell looks brighter than a dim one.
    """
    roles = [name for name in (BRIGHTFIELD, DARKFIELD) if name in cells.channels]
    chosen = cells.select_channels(roles or cells.channels[:2]).subset(shown)
    mosaic: Mosaic = yield from build_mosaic(chosen, max_shown=len(shown))
    limits = np.array(mosaic.contrast_limits)[:, :, None, None]
    grey = np.clip((mosaic.pixels - limits[:, 0]) / (limits[:, 1] - limits[:, 0]) * 255, 0, 255).astype(np.uint8)
    return {int(cell): _png(_tile(grey, mosaic, place)) for place, cell in enumerate(shown)}


def _tile(grey: NDArray[np.uint8], mosaic: Mosaic, place: int) -> NDArray[np.uint8]:
    """The channels of one cell side by side."""
    top, left, bottom, right = mosaic.grid.box([place])
    return np.hstack(list(grey[:, top + GAP_PX : bottom - GAP_PX, left + GAP_PX : right - GAP_PX]))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    picture, content = Image.fromarray(pixels), io.BytesIO()
    if len(pixels) > MAX_EDGE_PX:
        picture = picture.resize((round(pixels.shape[1] * MAX_EDGE_PX / len(pixels)), MAX_EDGE_PX))
    picture = picture.point([level // GREY_STEP * GREY_STEP for level in range(256)])
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()
