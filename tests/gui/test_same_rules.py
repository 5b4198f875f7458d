"""Buttons and commands decide alike: the same cells give the same answer, for each job."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from shown import layer_showing
from trained import TINY, using

from napari_cellcycle.cli import main
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.events import Note, never, result_of, run_job
from napari_cellcycle.gui.docks.augment import AugmentWidget
from napari_cellcycle.gui.docks.augment_job import augment_labelled
from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.gui.docks.evaluate import EvaluateWidget
from napari_cellcycle.gui.docks.train import TrainWidget
from napari_cellcycle.gui.docks.train_job import train_labelled
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.gallery import open_gallery, show_gallery
from napari_cellcycle.gui.layers.labelled_cells import LabelledGallery
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.jobs.augment import augment_files
from napari_cellcycle.jobs.config import AugmentSettings, ReadSettings, TrainSettings
from napari_cellcycle.jobs.train import train_files
from napari_cellcycle.phase_sets import NAMED_SETS
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.store.models import WEIGHTS

READING = ReadSettings()


def marked(plate: Path, folder: Path, n_synthetic: dict[str, int], n_known: dict[str, int] | None = None) -> Path:
    """The cells of `plate`, of which the first ones of a phase are synthetic, and only so many of a phase are known."""
    shutil.copytree(plate, folder)
    for phase in ("G1", "S", "G2"):
        known = 30 if n_known is None else n_known.get(phase, 0)
        rows = [f"{cell},{phase if cell < known else ''},{int(cell < n_synthetic.get(phase, 0))}" for cell in range(30)]
        (folder / phase / "cells.csv").write_text("\n".join(["cell,phase,synthetic", *rows]))
        if known < 30:  # the name of its folder would tell the phase
            (folder / phase).rename(folder / f"folder {phase}")
    return folder


@pytest.fixture
def mixed(plate: Path, tmp_path: Path) -> Path:
    """Of 30 cells of S, 12 are synthetic, and of 30 of G2, 20."""
    return marked(plate, tmp_path / "mixed", {"S": 12, "G2": 20})


def shown(viewer: Any, *paths: Path) -> Any:
    opened = result_of(open_gallery(list(paths), READING))
    show_gallery(viewer, opened)
    return opened.source


def called_by_button(viewer: Any, qtbot: Any, finished: Callable[[Any], None], model: Path) -> ClassifyWidget:
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.model.add_folder(model)
    dock.run_button.click()
    finished(dock)
    return dock


def test_open_and_info_find_the_same(mixed: Path, viewer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    source = shown(viewer, mixed)
    assert main(["info", str(mixed), "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)["parts"]
    assert source.n_cells == sum(part["n_cells"] for part in parts) == 90
    assert source.n_synthetic == sum(part["n_synthetic"] for part in parts) == 32
    counts = [sum(part["phases"].get(label, 0) for part in parts) for label in PHASE_LABELS]
    assert source.phase_counts == counts
    channels = {layer.metadata["napari-cellcycle"]["role"] for layer in viewer.layers} - {"synthetic"}
    assert channels == set(parts[0]["channels"].values())


def test_classify_calls_and_counts_alike(mixed, viewer, qtbot, finished, model_folder, tmp_path, capsys) -> None:
    shown(viewer, mixed)
    dock = called_by_button(viewer, qtbot, finished, model_folder)
    assert main(["classify", str(mixed), "-o", str(tmp_path / "out"), "--model", str(model_folder)]) == 0
    table, written = layer_showing(viewer, "phase").features, pd.read_csv(tmp_path / "out" / "phases.csv")
    assert table["phase"].tolist() == written["phase"].tolist()
    np.testing.assert_allclose(table["probability"], written["probability"], atol=1e-4)
    fractions = json.loads((tmp_path / "out" / "summary.json").read_text())["phases"]
    counts = [int(dock.legend.item(row, 1).text()) for row in range(len(PHASE_LABELS))]
    assert counts == [fractions[label]["count"] for label in PHASE_LABELS]
    assert sum(counts) == 58  # the real ones
    printed = capsys.readouterr().out.splitlines()[1 : 1 + len(PHASE_LABELS)]
    assert [int(line.split()[1]) for line in printed] == counts


@pytest.mark.parametrize("case", ["trained-on", "demonstration", "held-out", "only synthetic cells are known"])
@pytest.mark.usefixtures("without_figures")
def test_evaluate_tests_the_same_cells_by_the_same_protocol(
    case, plate, mixed, viewer, qtbot, finished, model_folder, brightfield_model_folder, tmp_path
) -> None:
    unknown = marked(plate, tmp_path / "unknown", {"S": 5, "G2": 5}, {"S": 5, "G2": 5})
    path, model, protocol = {
        "trained-on": (plate, model_folder, "trained-on"),
        "demonstration": (Path(sample_path()), brightfield_model_folder, "demonstration"),
        "held-out": (mixed, brightfield_model_folder, "held-out"),
        "only synthetic cells are known": (unknown, brightfield_model_folder, "demonstration"),
    }[case]
    shown(viewer, path)
    called_by_button(viewer, qtbot, finished, model)
    dock = EvaluateWidget(viewer)
    qtbot.addWidget(dock)
    finished(dock)
    assert main(["evaluate", str(path), "-o", str(tmp_path / "out"), "--model", str(model)]) == 0
    button, command = dock.evaluated.report.to_dict(), json.loads((tmp_path / "out" / "metrics.json").read_text())
    for given in ("model", "settings", "temperature"):  # a layer knows less of its model than the command
        del button[given], command[given]
    assert button == command
    assert button["protocol"] == protocol
    assert dock.banner.isVisibleTo(dock) == (protocol != "held-out")


@pytest.mark.usefixtures("without_figures")
def test_evaluate_asks_the_labels_of_a_stain_in_the_same_phases(
    plate, viewer, qtbot, finished, model_folder, tmp_path
) -> None:
    path = marked(plate, tmp_path / "stained", {}, {"G1": 0, "S": 0, "G2": 0})
    source = shown(viewer, path)
    called_by_button(viewer, qtbot, finished, model_folder)
    dock = EvaluateWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.cells.value() is None
    labels = data_set_of(viewer.layers, source).labels
    by_stain = np.array(["G2/M" if "G2" in where else "G1" if "G1" in where else "S" for where in labels.sources])
    labels.tell(labels.replace_labels("gate: dna", by_stain, np.ones(len(labels), bool)))
    qtbot.waitUntil(lambda: dock.evaluated is not None, timeout=60_000)  # docks look at labels a little later
    assert main(["evaluate", str(path), "-o", str(tmp_path / "out"), "--model", str(model_folder)]) == 0
    button, command = dock.evaluated.report.to_dict(), json.loads((tmp_path / "out" / "metrics.json").read_text())
    for given in ("model", "settings", "temperature"):
        del button[given], command[given]
    assert button == command
    assert button["phases"] == ["G1", "S", "G2/M"]
    assert button["n_cells"] == 90
    assert dock.table.rowCount() == 3


@pytest.mark.parametrize(
    ("known", "synthetic"),
    [
        ({}, {}),
        ({"S": 30}, {}),
        ({"S": 30, "G2": 1}, {}),
        ({"S": 2, "G2": 2}, {}),
        ({"S": 30, "G2": 20}, {"G2": 20}),
        ({"S": 30, "G2": 20}, {"S": 30, "G2": 20}),
    ],
)
def test_train_needs_the_same_cells_and_says_the_same(
    known, synthetic, plate, viewer, qtbot, tmp_path, monkeypatch
) -> None:
    path = marked(plate, tmp_path / "cells", synthetic, known)
    shown(viewer, path)
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    notes: list[str] = []
    monkeypatch.setattr("napari_cellcycle.jobs.train.train_validation_split", reached)
    with pytest.raises((CellCycleError, Reached)) as end:
        run_job(train_files([path], tmp_path / "run", TINY, READING), lambda event: notes.append(text_of(event)))
    hint = dock.labelled.hint.text()
    assert dock.run_button.isEnabled() == (end.type is Reached)
    if end.type is Reached:
        assert hint
        for sentence in hint.rstrip(".").split(". "):
            assert sentence.lower() in [note.lower() for note in notes]
    elif known:
        assert hint.lower() == f"{end.value}.".lower()
    else:
        assert dock.unlabelled.isVisibleTo(dock)
    better = "start-from default is the better start" in " ".join(notes)
    assert better == (dock.start_from.value() == "default" and end.type is Reached)


class Reached(Exception):
    """The cells were accepted."""


def reached(*_: Any) -> Any:
    raise Reached


def text_of(event: object) -> str:
    return event.text if isinstance(event, Note) else ""


def test_train_gives_the_same_model(mixed: Path, viewer: Any, tmp_path: Path) -> None:
    run = using(TINY, {"epochs": 2, "batch_size": 16})
    result_of(train_files([mixed], tmp_path / "command", run, READING))
    labelled = LabelledGallery(shown(viewer, mixed))
    result_of(train_labelled(labelled, tmp_path / "button", run, never, resume=False))
    weights = [(tmp_path / name / WEIGHTS).read_bytes() for name in ("command", "button")]
    assert weights[0] == weights[1]


def test_a_coarser_set_is_trained_alike(mixed: Path, viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    run = using(TINY, {"epochs": 2, "batch_size": 16})
    coarse = NAMED_SETS["g1-sg2m"]
    result_of(train_files([mixed], tmp_path / "command", run, replace(READING, phases=coarse)))
    shown(viewer, mixed)
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    box = dock.labelled.told
    offered = [box.itemText(number) for number in range(box.count())]
    assert offered[1:] == ["G1, S and G2/M", "G1 and S/G2/M", "Interphase and Mitosis"]
    box.choose(coarse)
    assert dock.labelled.phase_counts.tolist() == [30, 60]
    assert dock.labelled.synthetic_counts.tolist() == [0, 32]
    assert "S/G2/M" in dock.labelled.counts.text()
    result_of(train_labelled(dock.labelled.labelled(), tmp_path / "button", run, never, resume=False))
    weights = [(tmp_path / name / WEIGHTS).read_bytes() for name in ("command", "button")]
    assert weights[0] == weights[1]


def test_a_model_that_cannot_be_trained_further_is_neither_offered_nor_taken(
    plate: Path, viewer: Any, qtbot: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trees = using(TrainSettings(model="features", device="cpu"), {"epochs": 1})
    result_of(train_files([plate], tmp_path / "trees", trees, READING))
    shown(viewer, plate)
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    assert "trees" not in [value for _, value in dock._starts()]
    assert main(["train", str(plate), "-o", str(tmp_path / "on"), "--start-from", "trees"]) == 2
    assert "trees can't be trained further" in capsys.readouterr().err


def test_augment_makes_the_same_numbers_and_cells(mixed: Path, viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    for name in ("Ch3", "Ch6", "Ch4"):  # of 20 synthetic and 10 real cells of G2, the last 10 synthetic ones are left
        path = mixed / "G2" / f"cells_{name}.tif"
        tifffile.imwrite(path, tifffile.imread(path)[10:], photometric="minisblack", metadata={"axes": "TYX"})
    rows = [f"{cell},G2,{int(cell < 10)}" for cell in range(20)]
    (mixed / "G2" / "cells.csv").write_text("\n".join(["cell,phase,synthetic", *rows]))
    source = shown(viewer, mixed)
    dock = AugmentWidget(viewer)
    qtbot.addWidget(dock)
    wanted = dock.phases.wanted()
    assert wanted == {2: 10}  # 10 real and 10 synthetic cells are there
    run = AugmentSettings(device="cpu", overrides={"steps": 2, "batch_size": 8}, judge="none")
    made = [
        result_of(augment_files([mixed], tmp_path / "command", run, READING)),
        result_of(
            augment_labelled(LabelledGallery(source), tmp_path / "button", run, wanted, never, resume=False)
        ).result,
    ]
    pixels = [np.stack([cell.pixels for cell in result.cells.read(range(10))]) for result in made]
    np.testing.assert_array_equal(*pixels)


def test_augment_refuses_the_same_phases(plate: Path, viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    shown(viewer, plate)
    dock = AugmentWidget(viewer)
    qtbot.addWidget(dock)
    enabled = [box.isEnabled() for box in dock.phases.boxes]
    for phase, can in enumerate(enabled):
        run = AugmentSettings(device="cpu", phase={phase: 1}, overrides={"steps": 1, "batch_size": 4}, judge="none")
        output = tmp_path / str(phase)
        if can:
            assert len(result_of(augment_files([plate], output, run, READING)).cells) == 1
        else:
            with pytest.raises(CellCycleError, match="there are no real cells of"):
                result_of(augment_files([plate], output, run, READING))
    assert enabled == [True] * 3 + [False] * 4


def test_a_generator_of_channels_that_the_cells_lack_is_not_compared_but_used(plate: Path, tmp_path: Path) -> None:
    bright = shutil.copytree(plate, tmp_path / "bright", ignore=shutil.ignore_patterns("*_Ch6.tif", "*_Ch4.tif"))
    run = AugmentSettings(generator="jurkat", phase={5: 3}, device="cpu")
    notes: list[str] = []
    done = run_job(
        augment_files([bright], tmp_path / "made", run, replace(READING, channels={"brightfield": "Ch3"})),
        lambda event: notes.append(text_of(event)),
    )
    assert len(done.cells) == 3
    assert done.quality is None
    assert "the synthetic cells are not compared with the real ones: these have no darkfield" in notes
