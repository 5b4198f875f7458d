"""Public cells fetched on the user's machine; the package ships none of them."""

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
"""The publisher names no checksum; size, the archive's own CRCs and the count of cells stand in for one."""
BBBC048_CELLS = 32_266

_INNER = "CellCycle.zip"
_CHANNELS = ("_ch3.", "_ch4.", "_ch6.")


class _Stopped(Exception):
    """Nobody waits for this download any more."""


def fetch_bbbc048(folder: Path | None = None) -> Job[Progress | Note, Path]:
    """Download and unpack BBBC048 once; the job's result is the folder with one subfolder a phase.

    32,266 Jurkat cells of Blasi et al. 2016 in brightfield, DNA stain and darkfield, CC BY-NC-SA 3.0.

    Parameters
    ----------
    folder : Path, optional
        Where to keep it; by default the user's cache folder.

    Raises
    ------
    ReadError
        There is no network, or what came is not the archive.
    """
    import pooch

    home = Path(folder or pooch.os_cache("napari-cellcycle"))
    unpacked = home / "BBBC048"
    if not unpacked.is_dir():
        yield Note("BBBC048 is 1.6 GB and is kept in " + str(home))
        archive = yield from _download(BBBC048_URL, home / "BBBC048v1.zip")
        yield from _unpack(archive, unpacked)
        archive.unlink()
    return unpacked


def _download(url: str, path: Path) -> Job[Progress, Path]:
    """pooch's download as events; closing them stops it."""
    said: queue.Queue[Progress | Exception | None] = queue.Queue()
    stop = threading.Event()
    thread = threading.Thread(target=_retrieve, args=(url, path, said, stop), name="download")
    thread.start()
    try:
        while (item := said.get()) is not None:
            if isinstance(item, Exception):
                _explain(item, url, path.parent)
            yield item
    finally:
        stop.set()
        thread.join()
    return path


def _retrieve(url: str, path: Path, said: queue.Queue[Any], stop: threading.Event) -> None:
    import pooch

    try:
        downloader = pooch.HTTPDownloader(progressbar=_Bar(said, stop), chunk_size=1 << 20, timeout=30)
        pooch.retrieve(url, known_hash=None, fname=path.name, path=path.parent, downloader=downloader)
    except _Stopped:
        pass
    except Exception as error:  # noqa: BLE001 - delivered to the generator, which raises it
        said.put(error)
    said.put(None)


class _Bar:
    """What pooch takes for a progress bar."""

    total = 0

    def __init__(self, said: queue.Queue[Any], stop: threading.Event) -> None:
        self._said, self._stop, self._done = said, stop, 0

    def update(self, n_bytes: int) -> None:
        """So many bytes more have come."""
        if self._stop.is_set():
            raise _Stopped
        self._done += n_bytes
        self._said.put(Progress(self._done, self.total, "Downloading"))

    def reset(self) -> None:
        """pooch resets the bar when all is there, and counts once more."""
        self._done = 0

    def close(self) -> None:
        """Nothing to close."""


def _explain(error: Exception, url: str, home: Path) -> NoReturn:
    """A network that isn't there is for the user to mend, anything else a bug."""
    from requests import RequestException

    if isinstance(error, RequestException):
        raise ReadError(
            f"BBBC048 can't be downloaded from {url} ({type(error).__name__}); check the network, "
            "or download it by hand and open it with Open cells"
        ) from error
    if isinstance(error, OSError):
        raise ReadError(f"BBBC048 can't be kept in {home} ({error.strerror or error}); make room there") from error
    raise error


def _unpack(archive: Path, folder: Path) -> Iterator[Progress]:
    """Take the wanted channels out of the archive in the archive, and check that all cells came."""
    try:
        with atomic_path(folder) as temporary, zipfile.ZipFile(archive) as outer, outer.open(_INNER) as inner:
            pack = zipfile.ZipFile(inner)
            names = [name for name in pack.namelist() if _is_wanted(name)]
            for number, name in enumerate(names):
                yield Progress(number, len(names), "Unpacking")
                pack.extract(name, temporary)
            _check(names, archive)
    except (zipfile.BadZipFile, KeyError) as error:
        size = archive.stat().st_size
        archive.unlink()
        raise ReadError(
            f"{archive.name} is damaged ({size:,} of {BBBC048_BYTES:,} bytes, {error}); try the download again"
        ) from error


def _is_wanted(name: str) -> bool:
    return any(channel in name.lower() for channel in _CHANNELS)


def _check(names: list[str], archive: Path) -> None:
    n_cells = sum("_ch3." in name.lower() for name in names)
    if n_cells != BBBC048_CELLS:
        raise ReadError(f"{archive.name} holds {n_cells:,} cells and not the {BBBC048_CELLS:,} of BBBC048; try again")


def sample_path() -> Path:
    """The shipped sample: cells that a generator made, with the phase that it was asked for."""
    return Path(str(files("napari_cellcycle") / "sample" / "jurkat_synthetic.ome.tif"))
