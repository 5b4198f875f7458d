"""Populations that IDEAS saved as .cif files of their own: objects are read once, with the phase of their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from amnis_writer import WrittenObject, write_amnis

from napari_cellcycle import read_cells
from napari_cellcycle.phases import UNKNOWN, Phase


def made_objects(n_objects: int, seed: int = 0) -> list[WrittenObject]:
    random = np.random.default_rng(seed)
    made = []
    for height, width in random.integers(20, 30, (n_objects, 2)).tolist():
        made.append(WrittenObject(random.integers(0, 900, (2, height, width)).astype(np.int16)))
    return made


def write(path: Path, objects: list[WrittenObject]) -> None:
    path.parent.mkdir(exist_ok=True)
    write_amnis(path, objects, [1, 6], brightfield=[1])


@pytest.fixture
def run(tmp_path: Path) -> list[WrittenObject]:
    objects = made_objects(12)
    write(tmp_path / "run.rif", objects)
    return objects


def test_objects_of_a_sub_population_count_once_and_get_its_phase(tmp_path: Path, run: list[WrittenObject]) -> None:
    write(tmp_path / "run_G1.rif", [run[3], run[5]])
    write(tmp_path / "S.rif", [run[7]])
    write(tmp_path / "focused.rif", run[2:6])
    cells = read_cells(tmp_path)
    assert set(cells.sources) == {"run.rif"}
    phases = np.full(12, UNKNOWN)
    phases[[3, 5, 7]] = Phase.G1, Phase.G1, Phase.S
    assert cells.phases.tolist() == phases.tolist()
    assert "the 2 objects of run_G1.rif are in run.rif too: they are read once, with the phase G1" in cells.notes
    assert "focused.rif is left out, as its 4 objects are in run.rif too" in cells.notes
    assert len(read_cells(tmp_path / "run.rif")) == 12
    assert read_cells(tmp_path, population="focused").ids.tolist() == [2, 3, 4, 5]


def test_a_folder_names_the_phase_of_a_sub_population(tmp_path: Path, run: list[WrittenObject]) -> None:
    write(tmp_path / "Metaphase" / "sub.rif", [run[1]])
    write(tmp_path / "S phase" / "sub.rif", [run[2]])
    cells = read_cells(tmp_path)
    assert cells.phases[[1, 2]].tolist() == [Phase.METAPHASE, Phase.S]
    assert len(cells) == 12


def test_files_with_some_common_objects_are_said(tmp_path: Path, run: list[WrittenObject]) -> None:
    write(tmp_path / "second.rif", [run[0], *made_objects(3, seed=1)])
    cells = read_cells(tmp_path)
    assert len(cells) == 16
    said = "1 of the 4 objects of second.rif are in run.rif too and count twice; give only one of these files"
    assert said in cells.notes


def test_other_objects_of_the_same_sizes_are_others(tmp_path: Path, run: list[WrittenObject]) -> None:
    others = [WrittenObject(written.image + 1) for written in run[:4]]  # at the same places in the camera, too
    write(tmp_path / "other.rif", others)
    assert len(read_cells(tmp_path)) == 16
