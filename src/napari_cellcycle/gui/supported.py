"""Whether napari and Qt are new enough: asked before a dock is built, so that the answer is a sentence."""

from __future__ import annotations

import re

from napari_cellcycle.errors import CellCycleError

OLDEST_NAPARI = (0, 7, 1)  # the first one whose themes say whether they are dark


def check_supported() -> None:
    """Refuse a napari or a Qt that lacks what the docks are built of.

    Raises
    ------
    CellCycleError
        napari is older than 0.7.1, or Qt older than 6.
    """
    import napari
    import qtpy

    numbers = tuple(int(number) for number in re.findall(r"\d+", napari.__version__)[:3])
    if numbers < OLDEST_NAPARI:
        oldest = ".".join(map(str, OLDEST_NAPARI))
        raise CellCycleError(
            f"napari {napari.__version__} is too old for napari-cellcycle; install napari {oldest} or later, "
            "as with pip install --upgrade napari"
        )
    if not qtpy.QT6:
        raise CellCycleError(
            f"napari runs on {qtpy.API_NAME}, which is too old for napari-cellcycle; install PySide6 instead, "
            f"as with pip uninstall {qtpy.API_NAME} and pip install PySide6"
        )
