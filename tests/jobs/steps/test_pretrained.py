"""Fine-tuning: what stays of the model that a training goes on from, and what must fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made import made_pixels
from trained import TINY, using

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.cli import main
from napari_cellcycle.datasets.duplicates import find_duplicates, in_training_set
from napari_cellcycle.errors import ChannelError, ModelError
from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.config import TrainSettings
from napari_cellcycle.jobs.train import train_cells
from napari_cellcycle.predict import classify
from napari_cellcycle.store.models import WEIGHTS, load_card, load_model, load_training_fingerprints, remember_run
from napari_cellcycle.training.config import FINE_TUNING


def other_instrument(n_per_phase: int, seed: int) -> Cells:
    """Cells of G1, S and G2 in that order, without stain, as an instrument sees them that shows cells larger."""
    phases = np.repeat([0, 1, 2], n_per_phase)
    pixels = made_pixels(phases + 1, seed)[:, :2]
    return Cells.build(ArrayImages(pixels), ("brightfield", "darkfield"), "other.tif", phases=phases)


def right(folder: Path, cells: Cells) -> float:
    return float((classify(cells, load_model(folder)).phases == cells.phases).mean())


def test_five_cells_a_phase_teach_a_model_another_instrument(paired_model_folder: Path, tmp_path: Path) -> None:
    run = TrainSettings(start_from=str(paired_model_folder), device="cpu")
    result_of(train_cells(other_instrument(5, seed=7), tmp_path / "tuned", run))
    test = other_instrument(30, seed=8)
    assert right(paired_model_folder, test) < 0.7
    assert right(tmp_path / "tuned", test) > 0.9


def test_input_scale_and_network_are_those_of_the_start_and_the_card_says_so(
    paired_model_folder: Path, tmp_path: Path
) -> None:
    before = (paired_model_folder / WEIGHTS).read_bytes()
    run = TrainSettings(start_from=str(paired_model_folder), model="duque2024", device="cpu", data_licence="ours")
    cells = other_instrument(6, seed=7)
    barely = replace(FINE_TUNING, learning_rate=1e-7, epochs=1, seed=3)
    card = result_of(train_cells(cells, tmp_path / "tuned", using(run, barely))).card
    start = load_model(paired_model_folder)
    for name in ("channels", "size_px", "pixel_size_um"):
        assert getattr(card.input, name) == getattr(start.card.input, name)
    assert (card.architecture, card.options) == (start.card.architecture, start.card.options)
    assert card.temperature == start.card.temperature  # two cells tell nothing of it
    assert card.training["start_from"]["name"] == "paired"
    assert card.training["start_from"]["data_sha256"] == start.card.training["data_sha256"]
    assert card.training["settings"]["seed"] == 3
    assert card.data_licence == "ours"
    tuned = dict(load_model(tmp_path / "tuned").network.named_parameters())
    for name, values in start.network.named_parameters():
        assert torch.allclose(values, tuned[name], atol=1e-5)
    assert (paired_model_folder / WEIGHTS).read_bytes() == before


def test_it_knows_the_cells_of_the_start_as_seen(made_cells: Cells, tmp_path: Path) -> None:
    quick = replace(FINE_TUNING, epochs=1)
    result_of(train_cells(made_cells, tmp_path / "first", using(TINY, quick)))
    new = other_instrument(6, seed=7)
    result_of(
        train_cells(
            new, tmp_path / "second", using(TrainSettings(start_from=str(tmp_path / "first"), device="cpu"), quick)
        )
    )
    known = load_training_fingerprints(tmp_path / "second")
    assert known is not None
    for cells in (made_cells, new):
        assert in_training_set(find_duplicates(cells).fingerprints, known).all()
    assert not in_training_set(find_duplicates(other_instrument(6, seed=9)).fingerprints, known).any()


def test_channels_are_matched_by_what_they_are_and_a_missing_one_is_refused(model_folder: Path, tmp_path: Path) -> None:
    run, quick = TrainSettings(start_from=str(model_folder), device="cpu"), replace(FINE_TUNING, epochs=1)
    cells = other_instrument(6, seed=7)
    swapped = Cells.build(
        ArrayImages(np.stack([cell.pixels[::-1] for cell in cells.read(range(18))])),
        ("darkfield", "brightfield"),
        "other.tif",
        phases=cells.phases,
    )
    for name, given in {"straight": cells, "swapped": swapped}.items():
        result_of(train_cells(given, tmp_path / name, using(run, quick)))
    assert (tmp_path / "straight" / WEIGHTS).read_bytes() == (tmp_path / "swapped" / WEIGHTS).read_bytes()
    with pytest.raises(ChannelError, match="no darkfield"):
        result_of(train_cells(cells.select_channels(["brightfield"]), tmp_path / "half", using(run, quick)))
    assert not (tmp_path / "half").exists()


def test_the_command_takes_a_name_or_a_folder_and_says_what_is_no_model(
    plate: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remember_run(model_folder)
    arguments = ["train", str(plate), "--epochs", "1", "-o", str(tmp_path / "tuned"), "--start-from"]
    for start, message in {
        "best": "no model is called 'best'",
        str(plate): "is no model: it has no model.json",
    }.items():
        assert main([*arguments, start]) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert main([*arguments, "quick"]) == 0
    card = load_card(tmp_path / "tuned")
    assert card.training["settings"]["learning_rate"] == FINE_TUNING.learning_rate
    assert card.training["settings"]["epochs"] == 1
    assert card.description.startswith("starts from quick: ")


def test_a_start_that_is_damaged_is_one_sentence(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "model.json").write_text((model_folder / "model.json").read_text())
    run = TrainSettings(start_from=str(tmp_path / "start"))
    with pytest.raises(ModelError, match="is missing or damaged"):
        result_of(train_cells(other_instrument(6, seed=7), tmp_path / "run", using(run, FINE_TUNING)))
