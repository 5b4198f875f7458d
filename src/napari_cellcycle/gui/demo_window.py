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
    from napari_cellcycle.gui.dock_tabs import PLUGIN, show_dock

    viewer = napari.Viewer()
    viewer.open_sample(PLUGIN, "synthetic_jurkat")
    dock = show_dock(viewer, "Classify")
    QApplication.processEvents()  # the dock gets its room first, then the gallery is fitted to the rest
    viewer.reset_view()
    dock.run_button.click()
    napari.run()
