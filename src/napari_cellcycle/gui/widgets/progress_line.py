"""How far a job is, with the time left and a cancel button."""

from __future__ import annotations

import time

from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_cellcycle.events import Progress


class ProgressLine(QWidget):
    """A bar, what is being done with the time left, and a cancel button; hidden while idle."""

    def __init__(self) -> None:
        super().__init__()
        self.bar, self.text = QProgressBar(), QLabel()
        self.bar.setTextVisible(False)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("stop this work; nothing half-done is kept")
        row = QHBoxLayout()
        row.addWidget(self.bar)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.text)
        self._what, self._since, self._begun_at = "", 0.0, 0
        self._paused: float | None = None
        self.hide()

    def restart(self) -> None:
        """Forget the work before: nothing is known yet of the new one."""
        self._what, self._paused = "", None
        self.bar.setRange(0, 0)
        self.text.setText("")

    def say(self, text: str) -> None:
        """Show `text` instead of what is being done."""
        self.text.setText(text)

    def pause(self) -> None:
        """Say so, and count the time from now on as none."""
        self._paused = time.monotonic()
        self.say("paused")

    def resume(self) -> None:
        """Count time again."""
        if self._paused is not None:
            self._since += time.monotonic() - self._paused
        self._paused = None
        self.say(self._what)

    def show_progress(self, progress: Progress) -> None:
        """Move the bar, and guess the time left from the pace so far."""
        if self._paused is not None:  # said before the pause
            return
        if progress.what != self._what:
            self._what, self._since, self._begun_at = progress.what, time.monotonic(), progress.done
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        self.text.setText(f"{progress.what}{self._time_left(progress)}")

    def _time_left(self, progress: Progress) -> str:
        elapsed = time.monotonic() - self._since
        done = progress.done - self._begun_at  # what is resumed began with some done
        if done <= 0 or elapsed < 1:
            return ""
        return f", {_spoken(elapsed * (progress.total - progress.done) / done)} left"


def _spoken(seconds: float) -> str:
    """A time in the unit that fits it."""
    units = ((86400, "days"), (3600, "h"), (60, "min"))
    return next((f"{seconds / size:.0f} {unit}" for size, unit in units if seconds >= 2 * size), f"{seconds:.0f} s")
