"""A .cif next to its .daf: populations give phases, and choose cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from amnis_writer import WrittenObject, write_amnis
from daf_writer import gate, region, tagged, write_daf

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ReadError, SettingError
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.phases import UNKNOWN, Phase

LOW = region("low", "line", [(5, 0), (35, 0)])  # objects 0, 1, 2
POPULATIONS = (
    tagged("tagged-G1", [0, 5])
    + gate("G1 &amp; Events", "low")
    + tagged("tagged-pro", [3, 4])
    + tagged("Metaphase &amp; Mphase", [4])
    + gate("G2/M &amp; Events", "low")
    + gate("Focused", "low")
)


def write_run(folder: Path, name: str = "run 1.cif", n_objects: int = 6) -> Path:
    random = np.random.default_rng(0)
    objects = [WrittenObject(random.integers(1, 99, (2, 9, 9)).astype(np.int16)) for _ in range(n_objects)]
    write_amnis(folder / name, objects, (3, 6), brightfield=(3,))
    return folder / name


def said(cells: Cells, *words: str) -> bool:
    return any(all(word in note for word in words) for note in cells.notes)


def test_populations_give_phases_and_tagged_ones_count_more(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_daf(tmp_path / "analysis.daf", LOW, POPULATIONS)
    cells = read_cells(tmp_path)
    unknown = [UNKNOWN, UNKNOWN]
    assert cells.phases.tolist() == [Phase.G1, *unknown, Phase.PROPHASE, UNKNOWN, Phase.G1]
    assert said(cells, "analysis.daf gives phases", "'tagged-G1' G1 2", "'tagged-pro' Prophase 2")
    assert said(cells, "G1 & Events not used for phases", "tagged by hand")
    assert said(cells, "G2/M & Events not used", "several phases")
    assert said(cells, "1 objects of run 1.cif are in lists or populations of several phases")
    assert not said(cells, "ada"), "nothing personal leaves the file"


def test_a_population_is_kept_by_its_name(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    write_daf(tmp_path / "analysis.daf", LOW, POPULATIONS)
    cells = read_cells(path, population="focused")
    assert cells.ids.tolist() == [0, 1, 2]
    assert said(cells, "3 of 6 objects", "'focused'")
    with pytest.raises(SettingError, match=r"no population 'Fokus'; choose one of All, tagged-G1, G1 & Events"):
        read_cells(path, population="Fokus")


def test_a_population_needs_a_daf(tmp_path: Path) -> None:
    path = write_run(tmp_path)
    with pytest.raises(SettingError, match=r"needs the \.daf file of run 1\.cif"):
        read_cells(path, population="Focused")


def test_a_daf_of_another_cif_is_left_alone(tmp_path: Path) -> None:
    write_run(tmp_path, "b.cif")
    write_daf(tmp_path / "analysis.daf", LOW, POPULATIONS)
    cells = read_cells(tmp_path)
    assert set(cells.phases) == {UNKNOWN}
    assert said(cells, "not read: analysis.daf")


def test_a_renamed_run_is_known_by_its_name_and_number_of_objects(tmp_path: Path) -> None:
    write_run(tmp_path, "b.cif")
    write_daf(tmp_path / "b.daf", LOW, POPULATIONS)
    cells = read_cells(tmp_path)
    assert cells.phases[0] == Phase.G1
    assert said(cells, "b.daf names another .cif")
    write_run(tmp_path, "b.cif", n_objects=5)
    assert said(read_cells(tmp_path), "b.daf is not used, as it has 6 objects and b.cif 5")


def test_a_run_with_fewer_objects_than_its_analysis_is_said(tmp_path: Path) -> None:
    write_run(tmp_path, n_objects=5)
    write_daf(tmp_path / "a.daf", LOW, POPULATIONS)
    cells = read_cells(tmp_path)
    assert cells.phases[0] == Phase.G1
    assert said(cells, "a.daf has 6 objects and run 1.cif 5; they are matched by their numbers")
    write_run(tmp_path)
    assert not said(read_cells(tmp_path), "they are matched by their numbers")


def test_two_analyses_of_one_file_are_a_question(tmp_path: Path) -> None:
    write_run(tmp_path)
    for name in "ab":
        write_daf(tmp_path / f"{name}.daf", LOW, POPULATIONS)
    with pytest.raises(ReadError, match=r"several \.daf files belong to run 1\.cif \(a\.daf, b\.daf\)"):
        read_cells(tmp_path)
    write_daf(tmp_path / "run 1.daf", LOW, POPULATIONS)
    assert said(read_cells(tmp_path), "a.daf is not used, as run 1.daf is")


def test_a_daf_alone_says_what_to_give(tmp_path: Path) -> None:
    path = write_daf(tmp_path / "a.daf", LOW, POPULATIONS)
    with pytest.raises(ReadError, match=r"a\.daf has no images; give the \.cif"):
        read_cells(path)


def test_a_damaged_daf_is_named(tmp_path: Path) -> None:
    write_run(tmp_path)
    for content in ("no analysis", "<?xml version='1.0' encoding='none'?><Assay></Assay>"):
        (tmp_path / "run 1.daf").write_text(content)
        assert said(read_cells(tmp_path), "not used: run 1.daf is no .daf file")
