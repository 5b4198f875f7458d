"""Cells to try things on: File > Open Sample."""

from __future__ import annotations

from qtpy.QtCore import QTimer

from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.dock_tabs import show_dock
from napari_cellcycle.gui.layers.gallery import OpenedGallery, open_gallery
from napari_cellcycle.gui.layers.gallery_layers import LayerData
from napari_cellcycle.gui.progress_dialog import wait_for
from napari_cellcycle.io.sample_data import CONTROL_PIXEL_UM, control_path, fetch_bbbc048, sample_path
from napari_cellcycle.jobs.config import ReadSettings


def synthetic_jurkat() -> list[LayerData]:
    """About fifty synthetic Jurkat cells a phase, as a gallery."""
    return _beside("Classify", wait_for(open_gallery([sample_path()], ReadSettings()), "Opening the sample").layers)


def stained_control() -> list[LayerData]:
    """A field of synthetic cells with a DNA stain, to label and to train on."""
    return _beside("Label by stain", _field("control"))


def second_field() -> list[LayerData]:
    """Another field of the same kind, to test on."""
    return _field("second")


def _field(name: str) -> list[LayerData]:
    """Its channels as images of the user's own; they have no file, so that labels are kept in the user's folder."""
    import tifffile

    brightfield, stain = tifffile.imread(control_path(name))
    space = {"scale": (CONTROL_PIXEL_UM,) * 2, "units": ("um", "um")}
    shine = {"blending": "additive", "colormap": "blue", "contrast_limits": (0, 160)}
    return [
        (brightfield, {"name": f"{name} brightfield", **space}, "image"),
        (stain, {"name": f"{name} DAPI", **space, **shine}, "image"),
    ]


def bbbc048() -> list[LayerData]:
    """32,266 real Jurkat cells, which are downloaded once; the gallery shows the first ones."""
    return _beside("Classify", wait_for(_open_bbbc048(), "Opening BBBC048").layers)


def _beside(dock: str, layers: list[LayerData]) -> list[LayerData]:
    """The layers of a sample; the dock that it is for opens when napari has shown them."""
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is not None:
        QTimer.singleShot(0, lambda: show_dock(viewer, dock))
    return layers


def _open_bbbc048() -> Job[Progress | Note, OpenedGallery]:
    folder = yield from fetch_bbbc048()
    return (yield from open_gallery([folder], ReadSettings(channels={"brightfield": "Ch3", "darkfield": "Ch6"})))
