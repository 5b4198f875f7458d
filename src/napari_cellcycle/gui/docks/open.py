"""The dock *Open cells*: files or a folder, which channel is which, and the gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout, QLabel, QPushButton, QWidget

from napari_cellcycle.cells import ROLES
from napari_cellcycle.errors import CellCycleError, ChannelError
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.layers.gallery import open_gallery, preview_channels, show_gallery
from napari_cellcycle.gui.widgets.empty_notice import EmptyNotice
from napari_cellcycle.gui.widgets.form import Form
from napari_cellcycle.gui.widgets.layout import side_by_side, stacked
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.jobs.config import ReadSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from napari.components import ViewerModel
    from numpy.typing import NDArray
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from napari_cellcycle.gui.layers.gallery import ChannelPreview, OpenedGallery, Preview

NOT_USED = "not used"


class OpenWidget(Dock):
    """Look into files first, then open their cells as a gallery."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.paths: list[str] = []
        self.empty = EmptyNotice(
            "No cells yet. Drop files or a folder here, or:",
            {"Open the sample": lambda: self._open([str(sample_path())], ReadSettings())},
        )
        self.files_button, self.folder_button = QPushButton("Choose files ..."), QPushButton("Choose a folder ...")
        self.files_button.setToolTip("TIFF, OME-TIFF, PNG, JPEG, CellProfiler montages, Amnis .cif and .rif")
        self.folder_button.setToolTip("subfolders named after phases give the truth; OME-Zarr is a folder too")
        self.files_button.clicked.connect(self._on_files)
        self.folder_button.clicked.connect(self._on_folder)
        self.chosen = QLabel()
        self.chosen.setWordWrap(True)
        self.channels = ChannelRows()
        self.form = Form(ReadSettings, ["pixel_size_um", "layout", "labels"])
        self.open_button = QPushButton("Open")
        self.open_button.setToolTip("show the cells as a gallery")
        self.open_button.clicked.connect(self._on_open)
        self.settings = stacked(self.chosen, self.channels, self.form, self.open_button)
        self.next_button = QPushButton("Classify")
        self.next_button.clicked.connect(lambda: self.open_dock("Classify"))
        self.next_button.hide()
        for widget in (self.empty, side_by_side(self.files_button, self.folder_button), self.settings):
            self.column.addWidget(widget)
        self.add_results(self.next_button)
        self.settings.hide()
        self.locked_while_busy += [self.empty, self.files_button, self.folder_button, self.settings]
        self.setAcceptDrops(True)

    def look_into(self, paths: Sequence[str]) -> None:
        """Find out what is in `paths` and show its channels."""
        self.paths = list(paths)
        self.next_button.hide()
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
        paths, _ = QFileDialog.getOpenFileNames(self, "Files with cells")
        if paths:
            self.look_into(paths)

    def _on_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder with cells")
        if folder:
            self.look_into([folder])

    def _on_preview(self, preview: Preview) -> None:
        self.empty.hide()
        known = f", {preview.n_known:,} of known phase" if preview.n_known else ""
        self.chosen.setText(f"{preview.title}: {preview.n_cells:,} cells{known}")
        self.channels.show_channels(preview.channels)
        self.settings.show()
        self.say("; ".join(preview.notes))

    def _on_open(self) -> None:
        try:
            reading = self._reading(with_channels=True)
        except CellCycleError as error:
            self.fail(error)
        else:
            self._open(self.paths, reading)

    def _open(self, paths: list[str], reading: ReadSettings) -> None:
        self.start(open_gallery(paths, reading), self._on_opened)

    def _on_opened(self, opened: OpenedGallery) -> None:
        show_gallery(self.viewer, opened)
        self.empty.hide()
        self.next_button.show()
        self.say("; ".join([f"{opened.source.n_cells:,} cells opened", *opened.notes]))

    def _reading(self, *, with_channels: bool) -> ReadSettings:
        return ReadSettings(channels=self.channels.value() if with_channels else None, **self.form.values())


class ChannelRows(QWidget):
    """A few cells of each channel, and a box that says what the channel is."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes: dict[str, QComboBox] = {}
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)

    def show_channels(self, channels: Sequence[ChannelPreview]) -> None:
        """Start again with these channels and the roles that were guessed."""
        while self._rows.rowCount():
            self._rows.removeRow(0)
        self.boxes = {}
        for channel in channels:
            box = QComboBox()
            box.addItems([*ROLES, NOT_USED])
            box.setCurrentText(channel.role or NOT_USED)
            box.setToolTip(f"what {channel.name} shows; models choose channels by this")
            picture = QLabel()
            picture.setPixmap(_pixmap(channel.picture))
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


def _pixmap(picture: NDArray[np.uint8]) -> QPixmap:
    height, width = picture.shape
    image = QImage(picture.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(image).scaledToHeight(42, Qt.TransformationMode.SmoothTransformation)
