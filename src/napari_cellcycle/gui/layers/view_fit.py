"""The viewer's camera, when a dock takes room from the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel


# napari fits the first layer of a gallery, not the last, and fits before its window has its final size, so that a view
# that nobody touched is up to a tenth off. One turn of the wheel is less than that; a user who wants to look closer
# turns further
_NEARLY = 1.2
_OFF_CENTRE = 0.1  # of what is seen


def shows_everything(viewer: ViewerModel) -> bool:
    """Whether the camera is about where napari itself put it: all layers in view, nothing zoomed or moved."""
    if not viewer.layers:
        return True
    camera = camera_of(viewer)
    before = camera.zoom, camera.center, camera.angles
    viewer.reset_view()
    fitting, centre = camera.zoom, np.array(camera.center)
    camera.zoom, camera.center, camera.angles = before
    moved = np.abs(centre - before[1]).max() * fitting  # screen pixels
    size = np.ptp(viewer.layers.extent.world[:, -2:], axis=0).min() * fitting
    return bool(1 / _NEARLY < before[0] / fitting < _NEARLY and moved <= _OFF_CENTRE * size)


class Refitting:
    """Fits all layers into the canvas, and again when its size changes, until the user zooms or moves."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._left = self._where()

    def again(self) -> None:
        """Fit them if the camera is where this left it."""
        if np.allclose(self._where(), self._left):
            self._viewer.reset_view()
            self._left = self._where()

    def _where(self) -> list[float]:
        camera = camera_of(self._viewer)
        return [camera.zoom, *camera.center, *camera.angles]


def camera_of(viewer: ViewerModel) -> Any:
    """The camera, which napari 0.9 has moved."""
    return getattr(viewer, "scene", viewer).camera
