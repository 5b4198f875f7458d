"""A round of labelling: which cells are trained on, which are tested, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import recorded

from napari_cellcycle.annotate import rounds
from napari_cellcycle.annotate.cell_hash import held_out_rows
from napari_cellcycle.annotate.data_labels import open_labels
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.annotate.queue_names import LEAST_SURE, RANDOM
from napari_cellcycle.annotate.rounds import read_rounds, rounds_path
from napari_cellcycle.cells import Cells
from napari_cellcycle.cli import main
from napari_cellcycle.datasets.duplicates import find_duplicates, in_training_set
from napari_cellcycle.errors import TooFewCellsError, WriteError
from napari_cellcycle.events import Note, result_of
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs import retrain as module
from napari_cellcycle.jobs.retrain import retrain
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN
from napari_cellcycle.store.models import load_model, load_training_fingerprints, save_model
from napari_cellcycle.training.config import FINE_TUNING


@pytest.fixture
def short(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, while trainings are short and few cells are enough for a figure."""
    monkeypatch.setattr(rounds, "MIN_TESTED", 10)
    monkeypatch.setattr(module, "_n_epochs", lambda n_cells: 2)
    return own_home


@pytest.fixture
def fresh(model_folder: Path, tmp_path: Path) -> Path:
    """A model that knows the phases, as if it had learned them from other cells."""
    model = load_model(model_folder)
    card = replace(model.card, name="fresh", training={})
    save_model(replace(model, card=card, familiarity=None), tmp_path / "fresh", np.zeros((0, 4), np.uint64))
    return tmp_path / "fresh"


def labelled(plate: Path, path: Path | None = None) -> tuple[Cells, LabelTable, np.ndarray]:
    """The cells of `plate` without the phases of folders; 80 drawn at random and 5 chosen have labels, some wrong."""
    cells = read_cells(plate)
    truth = np.where(np.arange(len(cells)) % 8, cells.phases, (cells.phases + 1) % 3)
    cells = replace(cells, phases=np.full(len(cells), UNKNOWN, np.int8))
    labels = LabelTable(cells.sources, cells.ids, path=path)
    order = np.random.default_rng(0).permutation(len(cells))
    for rows, drawn in ((order[:80], RANDOM), (order[80:85], LEAST_SURE)):
        for phase in range(3):
            labels.decide(rows[truth[rows] == phase], PHASE_LABELS[phase], drawn=drawn)
    return cells, labels, truth


@pytest.mark.filterwarnings("ignore::napari_cellcycle.errors.CellCycleWarning")
def test_a_round_trains_on_labels_and_tests_on_held_out_ones(
    plate: Path, fresh: Path, short: Path, tmp_path: Path
) -> None:
    cells, labels, _ = labelled(plate, tmp_path / "cellcycle_labels.jsonl")
    held = held_out_rows(labels)
    done, events = recorded(retrain(cells, labels, str(fresh), device="cpu"))
    assert (done.n_labels, done.n_tested, done.n_trained) == (85, held.sum(), 85 - held.sum())
    assert done.low <= done.macro_f1 <= done.high
    assert f"on {held.sum()} cells that were drawn at random and held out" in done.text
    model = Path(done.model)
    assert model == short / "models" / "fresh-round-1"
    fingerprints = find_duplicates(cells).fingerprints
    seen = in_training_set(fingerprints, load_training_fingerprints(model))
    np.testing.assert_array_equal(seen, labels.decided & ~held)
    assert load_model("fresh-round-1").card.training["n_cells"] == done.n_trained

    labels.decide(np.flatnonzero(~labels.decided)[:2], "S")
    again = result_of(retrain(cells, labels, "fresh-round-1", device="cpu"))
    assert again.start_from == str(fresh)  # rounds don't build on each other
    assert (again.model, again.n_tested) == (str(short / "models" / "fresh-round-2"), done.n_tested)
    assert read_rounds(rounds_path(labels)) == [done, again]
    assert not [path for path in (short / "models").iterdir() if path.suffix == ".unfinished"]
    assert not any(isinstance(event, Note) and "had been trained" in event.text for event in events)


@pytest.mark.filterwarnings("ignore::napari_cellcycle.errors.CellCycleWarning")
def test_held_out_cells_that_the_start_has_seen_are_not_tested(plate: Path, model_folder: Path, short: Path) -> None:
    cells, labels, _ = labelled(plate)
    done, events = recorded(retrain(cells, labels, str(model_folder), device="cpu"))
    assert done.macro_f1 is None
    assert done.text.startswith("no figure yet: 0 cells")
    assert any("had been trained on" in event.text for event in events if isinstance(event, Note))


@pytest.mark.filterwarnings("ignore::napari_cellcycle.errors.CellCycleWarning")
def test_labels_of_chosen_cells_alone_give_a_model_but_no_figure(plate: Path, fresh: Path, short: Path) -> None:
    cells, _, truth = labelled(plate)
    labels = LabelTable(cells.sources, cells.ids)
    for phase in range(3):
        labels.decide(np.flatnonzero(truth == phase), PHASE_LABELS[phase], drawn=LEAST_SURE)
    done = result_of(retrain(cells, labels, str(fresh), device="cpu"))
    assert (done.macro_f1, done.n_tested, done.n_trained) == (None, 0, 90)
    assert Path(done.model, "model.json").exists()


@pytest.mark.filterwarnings("ignore::napari_cellcycle.errors.CellCycleWarning")
def test_too_few_labels_are_said_before_anything_is_trained(plate: Path, fresh: Path, short: Path) -> None:
    cells, _, _ = labelled(plate)
    labels = LabelTable(cells.sources, cells.ids)
    labels.decide([0, 1, 2], "S")
    with pytest.raises(TooFewCellsError, match="all cells of known phase are S, but at least 2 phases are needed"):
        result_of(retrain(cells, labels, str(fresh), device="cpu"))


@pytest.mark.filterwarnings("ignore::napari_cellcycle.errors.CellCycleWarning")
def test_an_abandoned_round_leaves_nothing(plate: Path, fresh: Path, short: Path) -> None:
    cells, labels, _ = labelled(plate)
    job = retrain(cells, labels, str(fresh), device="cpu")
    for event in job:
        if type(event).__name__ == "EpochDone":
            break
    job.close()
    assert not any((short / "models").glob("*"))
    (short / "models" / "fresh-round-1.unfinished").mkdir(parents=True)  # of a process that was killed
    done = result_of(retrain(cells, labels, str(fresh), device="cpu"))
    assert Path(done.model).name == "fresh-round-2"
    assert read_rounds(rounds_path(labels)) == []


def test_a_training_that_waits_to_be_resumed_is_not_removed(plate: Path, fresh: Path, short: Path) -> None:
    cells, labels, _ = labelled(plate)
    waiting = short / "mine.unfinished" / "checkpoint.safetensors"
    waiting.parent.mkdir()
    waiting.write_text("hours of training")
    with pytest.raises(WriteError, match=r"mine\.unfinished is an unfinished training"):
        result_of(retrain(cells, labels, str(fresh), output=short / "mine", device="cpu"))
    assert waiting.read_text() == "hours of training"


def test_more_labels_are_gone_through_fewer_times() -> None:
    assert module._n_epochs(50) == FINE_TUNING.epochs
    assert module._n_epochs(2000) * 2000 < 1.2 * module.MOST_STEPS * FINE_TUNING.batch_size
    assert module._n_epochs(10**6) == module.FEWEST_EPOCHS


def test_the_commands_list_cells_and_train_on_labels(
    plate: Path, fresh: Path, short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, model = tmp_path / "next.csv", tmp_path / "round"
    for queue in (RANDOM, "unlike what is labelled", "likely wrong labels", LEAST_SURE):
        command = [
            "next",
            str(plate),
            "-o",
            str(table),
            "--queue",
            queue,
            "-n",
            "7",
            "--model",
            str(fresh),
            "--overwrite",
        ]
        assert main(command) == 0
        found = pd.read_csv(table)
        assert list(found.columns) == ["source", "cell"]
        assert len(found) == 7 if queue == RANDOM else len(found) <= 7
    assert "no cell is left in the queue least sure" in capsys.readouterr().err  # all phases are those of folders
    assert main(["retrain", str(plate), "-o", str(model), "--start-from", str(fresh)]) == 0
    said = capsys.readouterr().out
    assert f"round: trained on 90 cells, written to {model}; no figure yet: 0 cells" in said
    assert load_model(model).card.name == "round"
    assert main(["retrain", str(plate), "-o", str(model), "--start-from", str(fresh)]) == 2
    assert main(["next", str(plate), "-o", str(table), "--queue", "best"]) == 2
    assert "queue is 'best', but must be one of random, least sure" in capsys.readouterr().err
    cells = read_cells([plate])
    assert not open_labels(cells, plate).decided.any()
