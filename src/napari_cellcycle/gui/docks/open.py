"""The dock *Open cells*: files or a folder, which channel is which, and the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QWidget

from napari_cellcycle.cells import DNA, ROLES
from napari_cellcycle.errors import CellCycleError, ChannelError
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.notices import Notice
from napari_cellcycle.gui.docks.project_buttons import ProjectButtons
from napari_cellcycle.gui.layers.gallery import (
    ChannelPreview,
    OpenedGallery,
    Preview,
    list_galleries,
    open_gallery,
    preview_channels,
    show_gallery,
)
from napari_cellcycle.gui.layers.source import find_layer
from napari_cellcycle.gui.preferences import preferences
from napari_cellcycle.gui.widgets.image_view import to_pixmap
from napari_cellcycle.gui.widgets.layout import button, form_rows, side_by_side, stacked, text_label
from napari_cellcycle.gui.widgets.settings_form import Form
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.project import PROJECT_SUFFIX

if TYPE_CHECKING:
    from napari.components import ViewerModel


NOT_USED = "not used"
_PREVIEW_PX = 42


class OpenWidget(Dock):
    """Look into files first, then open their cells as a gallery."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.paths: list[str] = []
        open_sample = ("open the synthetic cells that come with the plugin", self._open_sample)
        self.empty = Notice("No cells yet. Drop files or a folder here, or:", {"Open the sample": open_sample})
        self.files_button = button(
            "Choose files ...", "TIFF, OME-TIFF, PNG, JPEG, CellProfiler montages, Amnis .cif and .rif", self._on_files
        )
        self.folder_button = button(
            "Choose a folder ...",
            "subfolders that are named after phases give the true phases; OME-Zarr is a folder, too",
            self._on_folder,
        )
        self.chosen, self.channels = text_label(), ChannelRows()
        self.form = Form(ReadSettings, ["pixel_size_um", "layout", "labels", "plane", "population", "cell_diameter_px"])
        self.open_button = button("Open", "show the cells as a gallery", self._on_open)
        self.settings = stacked(self.chosen, self.channels, self.form, self.open_button)
        self.next_button = button("Classify", "find the phase of each cell", lambda: self.open_dock("Classify"))
        stain_tip = "label cells by their DNA stain, and train a model that needs no stain"
        self.stain_button = button("Label by stain", stain_tip, lambda: self.open_dock("Label by stain"))
        self.project = ProjectButtons(self)
        self.add_inputs(self.empty, side_by_side(self.files_button, self.folder_button), self.settings, self.project)
        self.add_results(side_by_side(self.next_button, self.stain_button))
        self.settings.hide()
        self.setAcceptDrops(True)
        for event in ("inserted", "removed"):
            getattr(napari_viewer.layers.events, event).connect(self._show_whether_empty)
        self._show_whether_empty()

    def _show_whether_empty(self, _event: Any = None) -> None:
        galleries = list_galleries(self.viewer.layers)
        self.empty.setVisible(not self.paths and not galleries)
        self._show_next(bool(galleries))

    def _show_next(self, is_open: bool) -> None:
        """Offer what can be done with the newest cells."""
        galleries = list_galleries(self.viewer.layers)
        self.next_button.setVisible(is_open)
        is_stained = bool(galleries) and find_layer(self.viewer.layers, galleries[0].group, DNA) is not None
        self.stain_button.setVisible(is_open and is_stained)

    def look_into(self, paths: Sequence[str]) -> None:
        """Find out what is in `paths` and show its channels; a project is opened."""
        if len(paths) == 1 and paths[0].lower().endswith(PROJECT_SUFFIX):
            self.project.open_from(Path(paths[0]))
            return
        self.paths = list(paths)
        self._show_next(False)
        self.start(preview_channels(self.paths, self._reading(with_channels=False)), self._on_preview)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files from the file manager."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Look into what was dropped."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            self.look_into(paths)

    def _on_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Files with cells", preferences().data_folder)
        if paths:
            self.look_into(paths)

    def _on_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder with cells", preferences().data_folder)
        if folder:
            self.look_into([folder])

    def _on_preview(self, preview: Preview) -> None:
        self.empty.hide()
        known = f", {preview.n_known:,} of known phase" if preview.n_known else ""
        self.chosen.setText(f"{preview.title}: {preview.n_cells:,} cells{known}\n{preview.contents}")
        self.channels.show_channels(preview.channels)
        self.settings.show()
        self.show_status("; ".join(preview.notes))

    def _on_open(self) -> None:
        try:
            reading = self._reading(with_channels=True)
        except CellCycleError as error:
            self.show_error(error)
        else:
            self.start(open_gallery(self.paths, reading), self._on_opened)

    def _open_sample(self) -> None:
        self.start(open_gallery([sample_path()], ReadSettings()), self._on_opened)

    def _on_opened(self, opened: OpenedGallery) -> None:
        show_gallery(self.viewer, opened)
        self.empty.hide()
        self._show_next(True)
        self.show_status("; ".join([f"{opened.source.n_cells:,} cells opened", *opened.notes]))

    def _reading(self, *, with_channels: bool) -> ReadSettings:
        return ReadSettings(channels=self.channels.value() if with_channels else None, **self.form.values())


class ChannelRows(QWidget):
    """A few cells of each channel, and a box for what the channel is."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes: dict[str, QComboBox] = {}
        self._rows = form_rows(self)

    def show_channels(self, channels: Sequence[ChannelPreview]) -> None:
        """Start again with these channels and the roles that were guessed."""
        while self._rows.rowCount():
            self._rows.removeRow(0)
        self.boxes = {}
        for channel in channels:
            box = QComboBox()
            box.addItems([*ROLES, NOT_USED])
            box.setCurrentText(channel.role or NOT_USED)
            box.setToolTip(f"what {channel.name} shows; models find their channels by this")
            picture, smooth = QLabel(), Qt.TransformationMode.SmoothTransformation
            picture.setPixmap(to_pixmap(channel.picture).scaledToHeight(_PREVIEW_PX, smooth))
            self._rows.addRow(picture, stacked(QLabel(channel.name), box))
            self.boxes[channel.name] = box

    def value(self) -> dict[str, str] | None:
        """The roles as `ReadSettings.channels` takes them.

        Raises
        ------
        ChannelError
            A role was given to two channels.
        """
        chosen = [(box.currentText(), name) for name, box in self.boxes.items() if box.currentText() != NOT_USED]
        roles = [role for role, _ in chosen]
        twice = sorted({role for role in roles if roles.count(role) > 1})
        if twice:
            raise ChannelError(f"{twice[0]} is chosen for two channels; set one of them to {NOT_USED}")
        return dict(chosen) or None
