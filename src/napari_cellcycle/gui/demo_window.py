"""`napari-cellcycle demo --view`: the sample in a napari window, classified."""

from __future__ import annotations

from napari_cellcycle.errors import CellCycleError


def show_sample() -> None:
    """Open napari with the sample and let the dock *Classify* classify it; returns when the window is closed."""
    try:
        import napari
        from qtpy.QtWidgets import QApplication
    except ImportError as error:
        raise CellCycleError(
            "napari or a Qt binding is not installed, so there is no window; "
            'pip install "napari-cellcycle[all]" brings both'
        ) from error
    viewer = napari.Viewer()
    viewer.open_sample("napari-cellcycle", "synthetic_jurkat")
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellcycle", "Classify")
    QApplication.processEvents()  # the dock gets its room first, then the gallery is fitted to the rest
    viewer.reset_view()
    dock.run_button.click()
    napari.run()
