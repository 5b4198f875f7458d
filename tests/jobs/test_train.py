"""Training as a whole task: what it writes, and what it refuses."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from made import recorded
from trained import QUICK, TINY, using

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ModelError, TooFewCellsError, WriteError
from napari_cellcycle.events import Note, result_of, run_job
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs.config import ReadSettings, TrainSettings
from napari_cellcycle.jobs.train import train_cells, train_files
from napari_cellcycle.predict import classify
from napari_cellcycle.store.models import CARD, WEIGHTS, load_card, load_model, save_model
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.training.recipes import RECIPES


def test_a_model_folder_says_what_it_was_made_of(model_folder: Path) -> None:
    card = load_card(model_folder)
    assert card.name == "quick"
    assert card.training["cells_per_phase"] == {
        **{"G1": 30, "S": 30, "G2": 30},
        **{"Prophase": 0, "Metaphase": 0, "Anaphase": 0, "Telophase": 0},
    }
    assert card.training["settings"]["seed"] == 0
    assert len(card.training["data_sha256"]) == 64
    split = pd.read_csv(model_folder / "split.csv")
    assert split["part"].value_counts().to_dict() == {"train": 81, "validation": 9}
    log = pd.read_csv(model_folder / "log.csv")
    assert log["epoch"].tolist() == list(range(1, len(log) + 1))


def test_a_model_is_never_overwritten(plate: Path, model_folder: Path) -> None:
    before = (model_folder / WEIGHTS).read_bytes()
    with pytest.raises(WriteError, match="exists already; choose another folder"):
        result_of(train_files([plate], model_folder, using(TINY, QUICK), ReadSettings()))
    with pytest.raises(WriteError, match="exists already"):
        save_model(load_model(model_folder), model_folder, np.zeros((0, 4), np.uint64))
    assert (model_folder / WEIGHTS).read_bytes() == before


def test_open_cells_can_be_trained_on_and_a_stop_keeps_the_best_so_far(made_cells: Cells, tmp_path: Path) -> None:
    epochs: list[EpochDone] = []
    job = train_cells(made_cells, tmp_path / "run", using(TINY, QUICK), stop=lambda: len(epochs) == 3)
    model = run_job(job, lambda event: epochs.append(event) if isinstance(event, EpochDone) else None)
    assert len(epochs) == 4  # the stop is heard after the first step of the fourth
    written = load_model(tmp_path / "run").network.state_dict()
    assert all(torch.equal(values, written[name]) for name, values in model.network.state_dict().items())


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([-1, -1, -1], "no cell has a known phase; open folders that are named after"),
        ([0, 0, 0], "all cells of known phase are G1, but at least 2 phases are needed"),
        ([0, 2], "2 cells of known phase are too few: at least 2 phases need 2 each"),
        ([0, 0, 2], "3 cells of known phase are too few"),
    ],
)
def test_too_few_cells_are_one_sentence_and_leave_nothing(
    made_cells: Cells, tmp_path: Path, phases: list[int], message: str
) -> None:
    few = replace(made_cells.subset(range(len(phases))), phases=np.array(phases, np.int8))
    with pytest.raises(TooFewCellsError, match=message):
        result_of(train_cells(few, tmp_path / "run", using(TrainSettings(), QUICK)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("phases", [[0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 1, 1, 6]])
def test_the_fewest_cells_train_a_model(made_cells: Cells, tmp_path: Path, phases: list[int]) -> None:
    few = replace(made_cells.subset(range(len(phases))), phases=np.array(phases, np.int8))
    model = result_of(train_cells(few, tmp_path / "run", using(TrainSettings(), replace(QUICK, epochs=2))))
    assert model.card.training["n_cells"] == len(phases)


def test_dna_content_is_told_only_where_a_stain_taught_it(made_cells: Cells, tmp_path: Path) -> None:
    short = replace(QUICK, epochs=1)
    stained = result_of(train_cells(made_cells, tmp_path / "stained", using(TINY, short)))
    unstained = made_cells.select_channels(["brightfield", "darkfield"])
    plain = result_of(train_cells(unstained, tmp_path / "plain", using(TINY, short)))
    tuned = result_of(
        train_cells(
            unstained,
            tmp_path / "tuned",
            using(TrainSettings(start_from=str(tmp_path / "stained")), short),
        )
    )
    told = [classify(unstained, model).dna_content is not None for model in (stained, plain, tuned)]
    assert told == [True, False, True]


def test_a_cell_that_is_there_twice_is_trained_on_once(plate: Path, tmp_path: Path) -> None:
    again = shutil.copytree(plate, tmp_path / "plate")
    for name in ("Ch3", "Ch6", "Ch4"):
        stack = tifffile.imread(again / "S" / f"cells_{name}.tif")
        tifffile.imwrite(
            again / "S" / f"cells_{name}.tif", np.concatenate([stack, stack[4:6]]), metadata={"axes": "TYX"}
        )
    result, events = recorded(train_files([again], tmp_path / "run", using(TINY, QUICK), ReadSettings()))
    assert result.card.training["repeats_removed"] == 2
    assert any("more than once" in event.text for event in events if isinstance(event, Note))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / CARD).unlink(), "is no model: it has no model.json"),
        (lambda folder: (folder / CARD).write_text("{"), "model.json can't be used: it is not JSON text"),
        (lambda folder: (folder / WEIGHTS).unlink(), "is missing or damaged"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"\x00" * 100), "is missing or damaged"),
        (
            lambda folder: (folder / CARD).write_text((folder / CARD).read_text().replace("tiny", "duque2024")),
            "does not fit the network of its card",
        ),
    ],
)
def test_a_damaged_model_is_one_sentence(model_folder: Path, tmp_path: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    folder = shutil.copytree(model_folder, tmp_path / "model")
    damage(folder)
    with pytest.raises(ModelError, match=message):
        load_model(folder)


def test_an_unknown_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        ModelError, match=r"no model is called 'best'; choose default, .*duque2024 or give a run's folder"
    ):
        load_model("best")


def test_real_cells_are_trained_on_and_gone_on_with(real_data: Path, tmp_path: Path) -> None:
    cells = read_cells(real_data / "jurkat" / "Experiment_1")
    few = cells.subset(np.concatenate([np.flatnonzero(cells.phases == phase)[:40] for phase in range(4)]))
    quick = replace(RECIPES["default"].config, epochs=6, batch_size=32, averaging=0.5)
    model = result_of(train_cells(few, tmp_path / "mine", using(TrainSettings(device="cpu"), quick)))
    assert model.card.training["cells_per_phase"]["Prophase"] == 40
    assert model.card.training["epochs_done"] == 6
    on = TrainSettings(start_from="mine", device="cpu")
    tuned = result_of(train_cells(few, tmp_path / "tuned", using(on, {"epochs": 2})))
    assert tuned.card.input.channels == model.card.input.channels
    called = classify(few, load_model("tuned"), device="cpu")
    assert np.isfinite(called.probabilities).all()
    assert (called.phases == few.phases).mean() > 0.35  # chance is 0.25, and this takes seconds
