"""Reads the images of cells that are seen, in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from napari_cellcycle.browse.tiles import Tiles, read_tiles
from napari_cellcycle.gui.job_thread import JobThread


class TileReader:
    """Reads what was wanted last; what was wanted before and is no longer seen is not read.

    Parameters
    ----------
    tiles : Tiles
        Where pictures are kept.
    on_read, on_error : callable
        Called in the GUI thread, with the cells that were read, or with an error.
    """

    def __init__(
        self, tiles: Tiles, on_read: Callable[[list[int]], None], on_error: Callable[[Exception], None]
    ) -> None:
        self.tiles, self._on_read, self._on_error = tiles, on_read, on_error
        self._wanted: Sequence[int] = ()
        self._job: JobThread | None = None
        self._closed = False

    def want(self, rows: Sequence[int]) -> None:
        """Read these cells next, the first ones first."""
        self._wanted = rows
        if self._job is None and not self._closed and any(row not in self.tiles for row in rows):
            job = read_tiles(self.tiles, lambda: self._wanted)
            self._job = JobThread(job, self._on_read, lambda _none: None, self._on_failure, self._on_end)

    @property
    def is_reading(self) -> bool:
        """Whether some of the wanted cells are not there yet."""
        return self._job is not None

    def close(self) -> None:
        """Stop, and call nothing back."""
        self._closed = True
        if self._job is not None:
            self._job.abandon()

    def _on_failure(self, error: Exception) -> None:
        self._wanted = ()  # else it would be tried again and again
        self._on_error(error)

    def _on_end(self) -> None:
        self._job = None
        if not self._closed:
            self.want(self._wanted)  # something else may be wanted since the job looked last
