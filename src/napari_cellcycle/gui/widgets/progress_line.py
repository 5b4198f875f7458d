"""How far a job is, with the time left and a cancel button."""

from __future__ import annotations

import time
from collections.abc import Callable

from qtpy.QtWidgets import QLabel, QProgressBar, QWidget

from napari_cellcycle.events import Progress
from napari_cellcycle.gui.widgets.layout import button, fill_column, side_by_side


class ProgressLine(QWidget):
    """A bar, what is being done with the time left, and a cancel button; hidden while idle."""

    def __init__(self, on_cancel: Callable[[], None]) -> None:
        super().__init__()
        self.bar, self.text = QProgressBar(), QLabel()
        self.bar.setTextVisible(False)
        self.cancel = button("Cancel", "stop; nothing that is half done is kept", on_cancel)
        fill_column(self, side_by_side(self.bar, self.cancel), self.text)
        self._what, self._since, self._done_before = "", 0.0, 0
        self._paused: float | None = None
        self.hide()

    def restart(self) -> None:
        """Begin again: nothing is known yet of the new work."""
        self._what, self._paused = "", None
        self.bar.setRange(0, 0)
        self.text.setText("")

    def show_text(self, text: str) -> None:
        """Show `text` instead of what is being done."""
        self.text.setText(text)

    def pause(self) -> None:
        """Say so, and stop counting time."""
        self._paused = time.monotonic()
        self.show_text("paused")

    def resume(self) -> None:
        """Count time again."""
        if self._paused is not None:
            self._since += time.monotonic() - self._paused
        self._paused = None
        self.show_text(self._what)

    def show_progress(self, progress: Progress) -> None:
        """Move the bar, and guess the time left from the pace so far."""
        if self._paused is not None:  # it was sent before the pause
            return
        if progress.what != self._what:
            self._what, self._since, self._done_before = progress.what, time.monotonic(), progress.done
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        self.text.setText(f"{progress.what}{self._time_left(progress)}")

    def _time_left(self, progress: Progress) -> str:
        elapsed = time.monotonic() - self._since
        done = progress.done - self._done_before  # a resumed training begins with some steps done
        if done <= 0 or elapsed < 1:
            return ""
        return f", {_in_words(elapsed * (progress.total - progress.done) / done)} left"


def _in_words(seconds: float) -> str:
    """A time in the unit that fits it."""
    units = ((86400, "days"), (3600, "h"), (60, "min"))
    return next((f"{seconds / size:.0f} {unit}" for size, unit in units if seconds >= 2 * size), f"{seconds:.0f} s")
