"""Show some cells in the dock *Gallery*, from other docks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.gui.dock_tabs import show_dock
from napari_cellcycle.gui.docks.gallery import GalleryWidget, gallery_of

if TYPE_CHECKING:
    from napari.components import ViewerModel

GALLERY = "Gallery"


def gather_cells(
    viewer: ViewerModel, group: str, rows: NDArray[np.intp], title: str, *, opens: bool = False
) -> GalleryWidget | None:
    """Show just some cells in the Gallery.

    Parameters
    ----------
    viewer : ViewerModel
        Where the dock is, or will be.
    group : str
        Of the layers of these cells.
    rows : ndarray of intp
        Which cells.
    title : str
        What they are.
    opens : bool
        Whether the dock is opened, and shown on top; else only one that is open already shows them.

    Returns
    -------
    GalleryWidget or None
        The dock, if there is one.
    """
    gallery = gallery_of(viewer)
    if opens:
        gallery = show_dock(viewer, GALLERY) or gallery
    if gallery is not None:
        gallery.gather_of(group, np.asarray(rows, np.intp), title)
    return gallery
