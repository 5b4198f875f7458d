"""Example cells: the synthetic sample in the package, and the public data set BBBC048, downloaded by the user."""

from __future__ import annotations

import queue
import threading
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from napari_cellcycle.errors import ReadError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.io.atomic import atomic_path

BBBC048_URL = "https://data.broadinstitute.org/bbbc/BBBC048/BBBC048v1.zip"
BBBC048_BYTES = 1_611_429_608
"""The publisher gives no checksum. Size, the CRCs in the archive and the number of cells are checked instead."""
BBBC048_CELLS = 32_266

_INNER = "CellCycle.zip"
_CHANNELS = ("_ch3.", "_ch4.", "_ch6.")


class _Stopped(Exception):
    """The download was stopped."""


def fetch_bbbc048(folder: Path | None = None) -> Job[Progress | Note, Path]:
    """Download and unpack BBBC048, unless it is already there.

    32,266 Jurkat cells in brightfield, DNA stain and darkfield [1]_, licence CC BY-NC-SA 3.0.

    Parameters
    ----------
    folder : Path, optional
        Where to store it; by default the user's cache folder.

    Returns
    -------
    Job
        Its result is the folder, with one subfolder per phase.

    Raises
    ------
    ReadError
        The download fails, or the file is not the archive.

    References
    ----------
    .. [1] Blasi et al. (2016), "Label-free cell cycle analysis for high-throughput imaging flow cytometry",
       :doi:`10.1038/ncomms10256`
    """
    import pooch

    home = Path(folder or pooch.os_cache("napari-cellcycle"))
    unpacked = home / "BBBC048"
    if not unpacked.is_dir():
        yield Note(f"BBBC048 (1.6 GB) is stored in {home}")
        archive = yield from _download(BBBC048_URL, home / "BBBC048v1.zip")
        yield from _unpack(archive, unpacked)
        archive.unlink()
    return unpacked


def _download(url: str, path: Path) -> Job[Progress, Path]:
    """Download with pooch in a thread; closing the job stops it."""
    events: queue.Queue[Progress | Exception | None] = queue.Queue()
    stop = threading.Event()
    thread = threading.Thread(target=_retrieve, args=(url, path, events, stop), name="download")
    thread.start()
    try:
        while (item := events.get()) is not None:
            if isinstance(item, Exception):
                _explain(item, url, path.parent)
            yield item
    finally:
        stop.set()
        thread.join()
    return path


def _retrieve(url: str, path: Path, events: queue.Queue[Any], stop: threading.Event) -> None:
    import pooch

    try:
        downloader = pooch.HTTPDownloader(progressbar=_Bar(events, stop), chunk_size=1 << 20, timeout=30)
        pooch.retrieve(url, known_hash=None, fname=path.name, path=path.parent, downloader=downloader)
    except _Stopped:
        pass
    except Exception as error:  # noqa: BLE001 - delivered to the generator, which raises it
        events.put(error)
    events.put(None)


class _Bar:
    """A progress bar as pooch needs it; it puts events into a queue."""

    total = 0

    def __init__(self, events: queue.Queue[Any], stop: threading.Event) -> None:
        self._events, self._stop, self._done = events, stop, 0

    def update(self, n_bytes: int) -> None:
        """Count the bytes that have arrived."""
        if self._stop.is_set():
            raise _Stopped
        self._done += n_bytes
        self._events.put(Progress(self._done, self.total, "Downloading"))

    def reset(self) -> None:
        """Start again; pooch does this at the end, and then counts all bytes once more."""
        self._done = 0

    def close(self) -> None:
        """Do nothing."""


def _explain(error: Exception, url: str, home: Path) -> NoReturn:
    """Raise a ReadError for what the user can correct; anything else is a bug and is raised unchanged."""
    from requests import RequestException

    if isinstance(error, RequestException):
        raise ReadError(
            f"BBBC048 can't be downloaded from {url} ({type(error).__name__}); check the network, "
            "or download it by hand and open it with Open cells"
        ) from error
    if isinstance(error, OSError):
        raise ReadError(
            f"BBBC048 can't be stored in {home} ({error.strerror or error}); free some space there"
        ) from error
    raise error


def _unpack(archive: Path, folder: Path) -> Iterator[Progress]:
    """Unpack the channels that are needed from the archive inside the archive, and check the number of cells."""
    try:
        with atomic_path(folder) as temporary, zipfile.ZipFile(archive) as outer, outer.open(_INNER) as inner:
            pack = zipfile.ZipFile(inner)
            names = [name for name in pack.namelist() if any(channel in name.lower() for channel in _CHANNELS)]
            for n_done, name in enumerate(names):
                yield Progress(n_done, len(names), "Unpacking")
                pack.extract(name, temporary)
            n_cells = sum("_ch3." in name.lower() for name in names)
            if n_cells != BBBC048_CELLS:
                raise ReadError(
                    f"{archive.name} has {n_cells:,} cells, but BBBC048 has {BBBC048_CELLS:,}; download it again"
                )
    except (zipfile.BadZipFile, KeyError) as error:
        size = archive.stat().st_size
        archive.unlink()
        raise ReadError(
            f"{archive.name} is damaged ({size:,} of {BBBC048_BYTES:,} bytes, {error}); download it again"
        ) from error


def sample_path() -> Path:
    """The sample in the package: synthetic cells, each with the phase it was generated for."""
    return Path(str(files("napari_cellcycle") / "sample" / "jurkat_synthetic.ome.tif"))


CONTROL_PIXEL_UM = 0.5
"""Edge of a pixel of the synthetic stained control."""


def control_path(field: str = "control") -> Path:
    """A field of the synthetic stained control in the package: brightfield and DAPI of cells that a script made.

    Parameters
    ----------
    field : {"control", "second"}
        Which one: that to train on, or that to test on.

    Returns
    -------
    Path
    """
    return Path(str(files("napari_cellcycle") / "sample" / "control" / f"{field}.ome.tif"))
