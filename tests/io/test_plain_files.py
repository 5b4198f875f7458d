"""Pipes, devices and files that are far too large are refused at once: opening a pipe would wait for ever."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napari_cellcycle.annotate.data_labels import open_labels
from napari_cellcycle.annotate.label_file import append_decisions, read_decisions
from napari_cellcycle.annotate.rounds import read_rounds
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import CellCycleError, ModelError, ReadError, WriteError
from napari_cellcycle.io.amnis import open_amnis
from napari_cellcycle.io.amnis.daf import read_daf
from napari_cellcycle.io.amnis.population_lists import read_object_numbers
from napari_cellcycle.io.calls_table import read_calls
from napari_cellcycle.io.formats.open import open_images
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.io.plain_files import plain_bytes
from napari_cellcycle.population.sample_table import read_sample_table
from napari_cellcycle.project import read_project
from napari_cellcycle.store.models import CARD, WEIGHTS, damaged_models, find_model, load_model, remember_run
from napari_cellcycle.store.weights import load_fingerprints, load_weights

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError("it waits for the pipe")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


READERS: dict[str, Callable[[Path], object]] = {
    "cellcycle_labels.jsonl": read_decisions,
    "run.cellcycle.json": read_project,
    "a.tif": open_images,
    "a.cif": open_amnis,
    "a.daf": read_daf,
    "G1.txt": read_object_numbers,
    "phases.csv": read_calls,
    "samples.csv": read_sample_table,
    "weights.safetensors": load_weights,
    "trained_on.npy": load_fingerprints,
}


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("name", READERS)
def test_a_pipe_or_device_is_one_sentence(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(CellCycleError, match="pipe or a device"):
        READERS[name](path)


@pytest.mark.parametrize(
    "name", ["G1/b.tif", "G1/b.cif", "G1/cells_Ch3.csv", "G1/b.png", "G1.txt", "cellcycle_labels.jsonl"]
)
def test_a_pipe_in_a_folder_is_left_out(plate: Path, tmp_path: Path, name: str) -> None:
    import shutil

    folder = shutil.copytree(plate, tmp_path / "plate")
    os.mkfifo(folder / name)
    cells = read_cells(folder)
    assert len(cells) == 90
    assert any(Path(name).name in note for note in cells.notes)


def test_a_model_that_is_a_pipe_harms_no_other(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    os.mkfifo(tmp_path / "bad" / CARD)
    remember_run(tmp_path / "bad")
    remember_run(tmp_path / ("x" * 250) / ("y" * 300))  # longer than a name can be: the system refuses to look
    remember_run(model_folder)
    assert find_model(model_folder.name) == model_folder
    assert [*damaged_models()] == ["bad"]


def test_weights_that_are_a_pipe(model_folder: Path, tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(model_folder, tmp_path / "run")
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    with pytest.raises(ModelError, match="pipe or a device"):
        load_model(folder)


def test_labels_and_rounds_that_are_a_pipe(tmp_path: Path, made_cells: Cells) -> None:
    os.mkfifo(tmp_path / "cellcycle_labels.jsonl")
    os.mkfifo(tmp_path / "cellcycle_rounds.jsonl")
    with pytest.raises(WriteError, match="pipe or a device"):
        append_decisions(tmp_path / "cellcycle_labels.jsonl", [])
    with pytest.raises(ReadError, match="pipe or a device"):
        open_labels(made_cells, tmp_path)
    assert read_rounds(tmp_path / "cellcycle_rounds.jsonl") == []


def test_a_file_that_is_far_too_large(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.truncate(tmp_path / "a", 2**40)  # takes no room
    with pytest.raises(OSError, match="larger than 2,048 MB"):
        plain_bytes(tmp_path / "a")
