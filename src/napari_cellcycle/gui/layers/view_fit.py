"""The viewer's camera, when a dock takes room from the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel


def shows_everything(viewer: ViewerModel) -> bool:
    """Whether the camera is where napari itself put it: all layers in view, nothing zoomed or moved."""
    camera = camera_of(viewer)
    before = camera.zoom, camera.center, camera.angles
    viewer.reset_view()
    fitted = np.isclose(camera.zoom, before[0]) and np.allclose(camera.center, before[1])
    camera.zoom, camera.center, camera.angles = before
    return bool(fitted)


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
