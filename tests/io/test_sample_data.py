"""BBBC048 from a server of our own: once, checked, and with a sentence where there is no network."""

from __future__ import annotations

import io
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from made import recorded

from napari_cellcycle.errors import ReadError
from napari_cellcycle.events import Note, Progress, result_of
from napari_cellcycle.io import sample_data
from napari_cellcycle.io.sample_data import fetch_bbbc048


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args) -> None:
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server with an archive of two cells, laid out as BBBC048 is; its folder."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as pack:
        for name in ("G1/1_Ch3", "G1/1_Ch4", "G1/1_Ch6", "G1/1_Ch9", "Anaphase/2_Ch3", "Anaphase/2_Ch6"):
            pack.writestr(f"CellCycle/{name}.ome.jpg", name)
    served = tmp_path / "served"
    served.mkdir()
    with zipfile.ZipFile(served / "BBBC048v1.zip", "w") as outer:
        outer.writestr("CellCycle.zip", inner.getvalue())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        monkeypatch.setattr(sample_data, "BBBC048_URL", f"http://127.0.0.1:{http.server_port}/BBBC048v1.zip")
        monkeypatch.setattr(sample_data, "BBBC048_CELLS", 2)
        yield served
        http.shutdown()


def test_it_is_fetched_once_and_only_the_wanted_channels_are_kept(server, tmp_path) -> None:
    folder, events = recorded(fetch_bbbc048(tmp_path / "home"))
    kept = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    assert kept == [
        "CellCycle/Anaphase/2_Ch3.ome.jpg",
        "CellCycle/Anaphase/2_Ch6.ome.jpg",
        *(f"CellCycle/G1/1_{channel}.ome.jpg" for channel in ("Ch3", "Ch4", "Ch6")),
    ]
    assert {event.what for event in events if isinstance(event, Progress)} == {"Downloading", "Unpacking"}
    (server / "BBBC048v1.zip").unlink()
    again, events_again = recorded(fetch_bbbc048(tmp_path / "home"))
    assert again == folder
    assert not any(isinstance(event, Note) for event in events_again)


def test_without_network_it_is_one_sentence(server, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sample_data, "BBBC048_URL", "http://127.0.0.1:9/BBBC048v1.zip")
    with pytest.raises(ReadError, match="check the network, or download it by hand"):
        result_of(fetch_bbbc048(tmp_path / "home"))
    assert not (tmp_path / "home" / "BBBC048").exists()


@pytest.mark.parametrize("damage", [lambda content: content[:40], lambda content: b"<html>sorry</html>"])
def test_a_damaged_archive_is_named_and_thrown_away(server, tmp_path, damage) -> None:
    archive = server / "BBBC048v1.zip"
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(ReadError, match=r"BBBC048v1\.zip is damaged .* download it again"):
        result_of(fetch_bbbc048(tmp_path / "home"))
    assert not list((tmp_path / "home").glob("BBBC048*"))


def test_missing_cells_are_noticed(server, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sample_data, "BBBC048_CELLS", 3)
    with pytest.raises(ReadError, match="has 2 cells, but BBBC048 has 3"):
        result_of(fetch_bbbc048(tmp_path / "home"))
    assert not (tmp_path / "home" / "BBBC048").exists()


def test_stopping_stops_the_download(server, tmp_path) -> None:
    with (server / "BBBC048v1.zip").open("ab") as archive:
        archive.truncate(200_000_000)
    events = fetch_bbbc048(tmp_path / "home")
    next(event for event in events if isinstance(event, Progress))
    events.close()
    assert not any(thread.name == "download" for thread in threading.enumerate())
    assert not (tmp_path / "home" / "BBBC048v1.zip").exists()
