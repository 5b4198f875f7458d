"""The dock *Gallery*: look at all cells, find some, and label them by key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QKeyEvent, QResizeEvent
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QWidget

from napari_cellcycle.annotate.label_file import BY_HAND
from napari_cellcycle.annotate.rounds import Round, read_rounds, rounds_path
from napari_cellcycle.browse.facts import cell_facts
from napari_cellcycle.browse.table import LABEL_COLUMNS, CellTable, View, probabilities_of
from napari_cellcycle.browse.tiles import Tile, Tiles
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.events import Job
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.classify_job import Classified
from napari_cellcycle.gui.docks.gallery_job import (
    Explainer,
    Pictures,
    make_queue,
    queues,
    read_data_set,
    retrain_labels,
    save_labels,
)
from napari_cellcycle.gui.docks.notices import NoCells
from napari_cellcycle.gui.docks.show_classified import CELLS_GONE, show_classified
from napari_cellcycle.gui.layers.cell_link import CellLink, layers_of
from napari_cellcycle.gui.layers.data_set import DataSet, data_set_of, remember_data_set
from napari_cellcycle.gui.layers.gallery import list_galleries
from napari_cellcycle.gui.layers.phase_table import prediction_of, verdict_of
from napari_cellcycle.gui.layers.source import KEY, PHASE, Source, find_layer
from napari_cellcycle.gui.widgets.cell_grid import CellGrid
from napari_cellcycle.gui.widgets.cell_view import CellView
from napari_cellcycle.gui.widgets.cells_input import CellsInput
from napari_cellcycle.gui.widgets.gallery_choices import GalleryChoices, GalleryFilters
from napari_cellcycle.gui.widgets.gallery_parts import GalleryBar, More, Pages
from napari_cellcycle.gui.widgets.key_names import key_name
from napari_cellcycle.gui.widgets.label_buttons import LabelButtons
from napari_cellcycle.gui.widgets.labelling import Labelling
from napari_cellcycle.gui.widgets.layout import button, show_text, stacked, text_label
from napari_cellcycle.gui.widgets.model_picker import choose_model_everywhere
from napari_cellcycle.gui.widgets.rounds_view import RoundsView

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

Explain = Callable[[str, Cells, int], Job[Any, Pictures]]
"""Gets the name of a model, cells and a row; gives pictures of what the model looked at."""

_WIDE_PX = 640
_MARK_AFTER_MS = 80
_ANY_GROUP = ""
_TABLE, _LISTS = "Table of labels (*.csv)", "Object lists for IDEAS (*.txt)"
_ONLY_IN_GRID = {"Enter", "Delete", "Esc", "Ctrl+A"}
"""Keys that mean something else to the other widgets of the dock."""


class GalleryWidget(Dock):
    """All cells of a data set in a grid, to be sorted, filtered and labelled; one of them large.

    `explain` computes what a model looked at in a cell.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.opened: DataSet | None = None
        self.table: CellTable | None = None
        self.explain: Explain = Explainer()
        self._tried: Source | None = None
        self._layer: Labels | None = None
        self._link: CellLink | None = None
        self._explained: int | None = None
        self._features: NDArray[np.float32] | None = None
        self._queue: NDArray[np.intp] | None = None
        self._gathered: NDArray[np.intp] | None = None
        self._awaited: tuple[str, NDArray[np.intp], str] | None = None
        self._is_clicked, self._centres = False, True
        self._marking = QTimer(self)
        self._marking.setSingleShot(True)
        self._marking.setInterval(_MARK_AFTER_MS)
        self._marking.timeout.connect(self._mark_in_viewer)
        self._is_wide: bool | None = None
        self._build()
        self.inputs.changed.connect(self._on_choice)
        self._on_choice()

    # --- parts ---

    def _build(self) -> None:
        self.empty = NoCells(self)
        self.inputs = CellsInput(self.viewer, "look at and to label", finds_cells=False)
        self.choices, self.filters = GalleryChoices(queues()), GalleryFilters()
        self.more = More(self.filters, self._on_annotator, self._fill_filters)
        self.grid, self.view = CellGrid(), CellView()
        self.labelling = Labelling(self.grid, self._drawn, self.show_status, self.show_error, self._show_steps)
        self.buttons = LabelButtons(self.labelling.label, self.labelling.unsure)
        self.bar = GalleryBar(self.labelling, self._on_save, self._on_retrain)
        self.gathered, self.shown = text_label(), text_label()
        self.show_all = button("Show all", "show all cells again, without filters and queue", self.show_everything)
        self.again = button("Sort again", "sort and filter again, by the labels given since", self._on_order)
        self.explain_button = button("What the model looked at", "the pixels that led to this call", self._on_explain)
        self.pages = Pages(self.grid, stacked(self.view, self.explain_button))
        top = stacked(self.choices, self.more, self.gathered, self.show_all, self.buttons)
        for part in (self.choices, self.buttons, self.bar):  # else a wide dock could never become narrow
            part.setSizePolicy(QSizePolicy.Policy.Ignored, part.sizePolicy().verticalPolicy())
        self.rounds = RoundsView()
        self.body = stacked(top, self.pages, self.shown, self.again, self.bar, self.rounds)
        self.locked_while_busy.append(self.bar.retrain)
        self.add_inputs(self.empty, self.inputs)
        self.column.addWidget(self.body, 1)
        self.add_results()
        self._connect()

    def _connect(self) -> None:
        self.choices.tile_size.setValue(self.grid.painter.tile_px)
        self.choices.tile_size.valueChanged.connect(self.grid.set_tile_px)
        self.grid.tile_px_changed.connect(self.choices.tile_size.setValue)
        self.choices.channel_changed.connect(self.grid.show_channel)
        self.choices.order_changed.connect(self._on_order)
        self.choices.queue.currentIndexChanged.connect(lambda _index: self._on_queue())
        self.filters.changed.connect(self._on_order)
        self.grid.current_changed.connect(self._on_current)
        self.grid.selection_changed.connect(self._count_shown)
        self.grid.read.connect(self._on_read)
        self.grid.failed.connect(self.show_error)
        self.grid.describe = lambda row: "" if self.table is None else "\n".join(cell_facts(self.table, row))

    # --- which cells ---

    def _on_choice(self) -> None:
        source = self.inputs.source()
        self.empty.setVisible(source is None)
        self.inputs.setVisible(source is not None)
        self.body.setVisible(source is not None and self.opened is not None and self.opened.source == source)
        self._tried = None
        if source is None:
            self._forget()
        else:
            self._load()

    def _load(self) -> None:
        """Read the chosen cells, unless they are shown; else take new calls over."""
        source = self.inputs.source()
        if self.job is not None or source is None or source == self._tried:
            return
        if self.opened is None or self.opened.source != source:
            self._tried = source
            self._forget()
            if (known := data_set_of(self.viewer.layers, source)) is not None:
                self._on_opened(known)
            else:
                self.start(read_data_set(source, self.inputs.field()), self._on_read_data)
        elif self._phase_layer() is not self._layer:
            self._show_table()

    def on_end(self) -> None:
        """Read what was chosen meanwhile."""
        super().on_end()
        self._load()

    def _on_read_data(self, found: DataSet) -> None:
        """Keep what was read for all docks, as long as its layers are there."""
        remember_data_set(layers_of(self.viewer.layers, found.source), found)
        self._on_opened(found)

    def _on_opened(self, opened: DataSet) -> None:
        self.opened = opened
        self.show_status("; ".join(opened.labels.notes))
        self._features = self._queue = self._gathered = self._explained = None
        opened.labels.annotator = self.more.annotator.text() or opened.labels.annotator
        self.more.annotator.setText(opened.labels.annotator)
        self.rounds.show_rounds(read_rounds(rounds_path(opened.labels)))
        self._link = CellLink(self.viewer, opened.source, opened.cells, self._on_click)
        self.body.show()
        self._show_table()
        self.grid.setFocus()
        if self._awaited is not None and self._awaited[0] in (_ANY_GROUP, opened.source.group):
            self.gather(*self._awaited[1:])

    def _show_table(self) -> None:
        """Show the cells with the calls that there are now."""
        if self.opened is None:
            return
        self._follow(self._phase_layer())
        calls = None if self._layer is None else self._layer.features
        before, self.table = self.table, CellTable(self.opened.cells, self.opened.labels, calls)
        tiles = self.grid.tiles if before is not None and self.grid.tiles else Tiles(self.opened.cells)
        if before is not None:
            before.on_change = _ignore
        self.table.on_change = self._on_labelled
        self.choices.show_table(self.table)
        self.grid.is_greyed = self._is_greyed()
        self.grid.show_table(self.table, tiles)
        self.grid.show_channel(self.choices.channel.value())
        if self.more.isExpanded():
            self._fill_filters()
        self._count()
        self._on_order()

    def _phase_layer(self) -> Labels | None:
        """The layer with the calls of these cells."""
        if self.opened is None:
            return None
        layer = find_layer(self.viewer.layers, self.opened.source.group, PHASE)
        return layer if layer is not None and len(layer.features) == len(self.opened.cells) else None

    def _follow(self, layer: Labels | None) -> None:
        if self._layer is not None:
            self._layer.events.features.disconnect(self._on_calls)
        self._layer = layer
        if layer is not None:
            layer.events.features.connect(self._on_calls)

    def _on_calls(self, _event: Any = None) -> None:
        """The cells were classified again."""
        if isalive(self):  # type: ignore[no-untyped-call]  # Qt may have deleted it while napari still knows it
            self._features = self._explained = None
            self._show_table()

    def _is_greyed(self) -> bool:
        """Whether the phases that the model calls mean nothing."""
        verdict = None if self._layer is None else verdict_of(self._layer)
        return verdict is not None and not verdict.reliable

    def _forget(self) -> None:
        """Let go of the cells that were shown."""
        if self._link is not None:
            self._link.close()
        if self.table is not None:
            self.table.on_change = _ignore
        self._follow(None)
        self.opened = self.table = self._link = None
        self.grid.show_table(None, None)

    # --- which of them, and in which order ---

    def gather(self, rows: NDArray[np.intp], title: str) -> None:
        """Show only some cells, under a title that says what they are; "Show all" leads back.

        They may also be cells of data that are still being read.
        """
        self._awaited = None if self.table is not None else (_ANY_GROUP, rows, title)
        self._leave_queue()
        self._gathered = np.asarray(rows, np.intp)
        self.gathered.setText(title)
        self.filters.clear()  # which orders the cells again
        self.grid.setFocus()

    def gather_of(self, group: str, rows: NDArray[np.intp], title: str) -> None:
        """The same for cells of another data set in the viewer, by the group of its layers."""
        if self.opened is not None and self.opened.source.group == group:
            self.gather(rows, title)
            return
        self._awaited = group, rows, title
        wanted = [source for source in list_galleries(self.viewer.layers) if source.group == group]
        if wanted and wanted[0] != self.inputs.cells.value():
            self.inputs.cells.choose(wanted[0])

    def show_everything(self) -> None:
        """Show all cells: no gathered ones, no filters, no queue."""
        self._gathered = None
        self._leave_queue()
        self.filters.clear()  # which orders the cells again

    def _leave_queue(self) -> None:
        self._queue = None
        self.choices.queue.blockSignals(True)
        self.choices.queue.setCurrentIndex(0)
        self.choices.queue.blockSignals(False)

    def _view(self) -> View:
        choices = self.choices
        return View(
            sort=choices.sort.value(),
            descending=choices.descending.isChecked(),
            group="" if self._queue is not None else choices.group.value(),
            only=self.filters.only(),
            between=self.filters.between(),
            rows=self._gathered,
            queue=self._queue,
        )

    def _on_order(self) -> None:
        if self.table is None:
            return
        self.grid.show_order(self.table.order(self._view()))
        self.again.hide()
        show_text(self.gathered, self.gathered.text() if self._gathered is not None else "")
        self._count_shown()

    def _on_queue(self) -> None:
        """Ask for the order of a queue, which may need a model."""
        name = self.choices.queue.value()
        self._queue = None
        if not name or self.opened is None:
            self._on_order()
            return
        model = "" if self._layer is None else str(self._layer.metadata[KEY]["model"])
        self.start(make_queue(name, self.opened, self._prediction(), model, self._features), self._on_queued)

    def _on_queued(self, found: tuple[NDArray[np.intp], NDArray[np.float32] | None]) -> None:
        self._queue, self._features = found
        self._on_order()
        if not len(self._queue):
            self.show_status("This queue proposes no cell: each has a label, or a phase that its folder gives.")
        self.grid.move_on()
        self.grid.setFocus()

    def _prediction(self) -> Prediction | None:
        return None if self._layer is None else prediction_of(self._layer)

    def _drawn(self) -> str:
        """How a cell came to be labelled: by a queue only if nobody chose among the cells of the queue."""
        chosen = self._gathered is not None or self.filters.only() or self.filters.between()
        return self.choices.queue.value() if self._queue is not None and not chosen else BY_HAND

    def _fill_filters(self) -> None:
        if self.table is not None:
            self.filters.show_table(self.table)

    # --- what is shown of them ---

    def _on_labelled(self, rows: NDArray[np.intp]) -> None:
        """Some cells were labelled, here or elsewhere."""
        if not isalive(self):  # type: ignore[no-untyped-call]
            return
        self.grid.redraw(rows)
        self._count()
        view = self._view()
        self.again.setVisible(bool({view.sort, view.group, *view.only} & LABEL_COLUMNS))
        if self.grid.selection.current in rows:
            self._show_current()

    def _count(self) -> None:
        if self.table is not None:
            self.buttons.set_phases(self.table.phase_set)
            self.buttons.show_counts(self.table.n_labelled, None if self._layer is None else self.table.n_called)
            self._show_steps()

    def _show_steps(self) -> None:
        """Offer what can be taken back."""
        if self.table is not None:
            self.bar.show_steps(self.table.labels)

    def _count_shown(self) -> None:
        if self.table is None:
            return
        n_shown, n_selected = len(self.grid.order), self.grid.selection.count
        selected = f"; {n_selected:,} selected" if n_selected > 1 else ""
        self.shown.setText(f"{n_shown:,} of {len(self.table):,} cells shown{selected}")
        self.show_all.setVisible(n_shown < len(self.table) or self._queue is not None)

    def _on_current(self) -> None:
        self._show_current()
        self._centres = not self._is_clicked
        self._marking.start()

    def _mark_in_viewer(self) -> None:
        """Show the current cell in the viewer too: a little later, so that keys are not kept waiting by napari."""
        if self._link is not None:
            self._link.show(self.grid.selection.current, centre=self._centres)

    def _on_read(self, rows: list[int]) -> None:
        if self.grid.selection.current in rows:
            self._show_current()

    def _show_current(self) -> None:
        row, table, tiles = self.grid.selection.current, self.table, self.grid.tiles
        self.view.show_attribution(row is not None and row == self._explained)
        self.explain_button.setVisible(row is not None and self._layer is not None)
        self.pages.show_one_cell(row is not None)
        if row is None or table is None or tiles is None:
            self.view.show_cell(None, (), None, "Click a cell to see it large.")
            return
        tile = tiles.get(row)
        probabilities = None if table.calls is None else probabilities_of(table.calls.iloc[[row]], table.phase_set)[0]
        facts = "\n".join(cell_facts(table, row))
        picture = tile if isinstance(tile, Tile) else None
        self.view.bars.set_phases(table.phase_set)
        self.view.show_cell(picture, tiles.channels, probabilities, facts, is_greyed=self._is_greyed())

    def _on_click(self, row: int) -> None:
        """A cell was clicked in the viewer."""
        if not isalive(self):  # type: ignore[no-untyped-call]
            return
        self._is_clicked = True
        found = self.grid.go_to(row)
        self._is_clicked = False
        if not found and self.table is not None:
            self.show_status("That cell is not among those that are shown here; press Show all.")

    def _on_explain(self) -> None:
        row = self.grid.selection.current
        if row is not None and self.opened is not None and self._layer is not None:
            model = str(self._layer.metadata[KEY]["model"])
            self.start(self.explain(model, self.opened.cells, row), partial(self._on_explained, row))

    def _on_explained(self, row: int, pictures: Pictures) -> None:
        self._explained = row
        self.view.attribution.show_channels(pictures)
        self._show_current()

    # --- rounds ---

    def _on_retrain(self) -> None:
        """Train on the labels, starting from the model that called these cells."""
        if self.opened is None:
            return
        model = "default" if self._layer is None else str(self._layer.metadata[KEY]["model"])
        self.start(retrain_labels(self.opened, self.inputs.field(), model), self._on_retrained)

    def _on_retrained(self, done: tuple[list[Round], Classified]) -> None:
        rounds, classified = done
        self.rounds.show_rounds(rounds)
        choose_model_everywhere(self, Path(rounds[-1].model))
        if show_classified(self.viewer, classified) is None:
            self.show_status(CELLS_GONE)

    # --- the rest ---

    def _on_annotator(self, name: str) -> None:
        if self.opened is not None and name.strip():
            self.opened.labels.annotator = name.strip()

    def _on_save(self) -> None:
        path, kind = QFileDialog.getSaveFileName(self, "Save the labels", "labels.csv", f"{_TABLE};;{_LISTS}")
        if path and self.opened is not None:
            job = save_labels(self.opened.labels, Path(path), as_lists=kind == _LISTS)
            self.start(job, lambda saved: self.show_status(f"Saved {saved}."))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a wide dock, the current cell is next to the others instead of under them."""
        super().resizeEvent(event)
        is_wide = event.size().width() >= _WIDE_PX
        if is_wide == self._is_wide:
            return
        self._is_wide = is_wide
        self.pages.set_wide(is_wide, event.size().width())
        self.choices.set_wide(is_wide)
        self.view.set_wide(is_wide)
        self.buttons.set_columns(8 if is_wide else 4)

    def event(self, event: QEvent) -> bool:
        """Keep our keys from napari wherever the focus is in this dock, and let go of the cells when it is closed."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._takes(event):
            event.accept()
            return True
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._forget()
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys that no other widget of the dock has use for go to the cells."""
        if self._takes(event):
            self.grid.keyPressEvent(event)
        else:
            super().keyPressEvent(event)

    def _takes(self, event: QKeyEvent) -> bool:
        return key_name(event) in self.grid.keys.keys() - _ONLY_IN_GRID


def _ignore(_rows: NDArray[np.intp]) -> None:
    """Nobody looks at these cells any more."""


def gallery_of(viewer: ViewerModel) -> GalleryWidget | None:
    """The dock *Gallery*, if it is open."""
    window = getattr(viewer, "window", None)
    docks: dict[str, QWidget] = {} if window is None else dict(window.dock_widgets)
    return next((dock for dock in docks.values() if isinstance(dock, GalleryWidget)), None)
