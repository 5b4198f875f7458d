"""Cells are made of labelled ones, marked for ever, measured, and never in the way of anything."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made import recorded
from trained import using

import napari_cellcycle as cc
from napari_cellcycle.cells import Cells
from napari_cellcycle.cli import main
from napari_cellcycle.errors import CellCycleError, SettingError, TooFewCellsError, WriteError
from napari_cellcycle.events import Note, Progress, result_of
from napari_cellcycle.jobs.augment import SYNTHETIC_FILE, augment_cells, augment_files, save_synthetic
from napari_cellcycle.jobs.config import AugmentSettings, ReadSettings
from napari_cellcycle.jobs.steps import checkpointer
from napari_cellcycle.phases import Phase
from napari_cellcycle.store.checkpoints import unfinished_folder
from napari_cellcycle.store.generators import load_generator
from napari_cellcycle.store.models import WEIGHTS, load_training_fingerprints
from napari_cellcycle.training.gan.loop import Samples

pytestmark = pytest.mark.usefixtures("narrow_generators")

QUICK = {"steps": 3, "batch_size": 8, "critic_steps": 2}


@pytest.fixture
def few_g2(made_cells: Cells) -> Cells:
    """30 cells of G1 and S, 12 of G2."""
    return made_cells.subset(np.arange(72))


def augment(cells: Cells | None, output: Path, run: AugmentSettings, **how: Any) -> tuple[Any, list[Any]]:
    return recorded(augment_cells(cells, output, using(run, QUICK), **how))


@pytest.mark.parametrize("method", ["cellgan", "wgan-gp", "wgan-div"])
def test_rare_phases_are_filled_by_default(few_g2: Cells, tmp_path: Path, method: str) -> None:
    made = augment(few_g2, tmp_path / "out", AugmentSettings(method=method, device="cpu"))[0]
    assert np.bincount(made.cells.phases, minlength=7).tolist() == [0, 0, 18, 0, 0, 0, 0]
    assert made.cells.synthetic.all()
    assert made.cells.channels == ("brightfield", "darkfield")
    assert not (tmp_path / "out").exists()  # nothing is kept unless asked


def test_what_is_kept_is_read_again_as_synthetic_cells(few_g2: Cells, tmp_path: Path) -> None:
    run = AugmentSettings(phase={Phase.G1: 0, Phase.G2: 0}, n_cells=7, device="cpu")
    made = augment(few_g2, tmp_path / "out", run)[0]
    save_synthetic(made, tmp_path / "out")
    cells = cc.read_cells(tmp_path / "out" / SYNTHETIC_FILE)
    assert cells.synthetic.all()
    assert cells.phases.tolist() == [0] * 7 + [2] * 7
    for before, after in zip(made.cells.read(range(14)), cells.read(range(14)), strict=True):
        np.testing.assert_array_equal(before.pixels, after.pixels)
    generator = load_generator(tmp_path / "out" / "generator")
    assert generator.card.cells_per_phase == {"G1": 30, "S": 30, "G2": 12}
    assert len(load_training_fingerprints(tmp_path / "out" / "generator")) == 72
    quality = json.loads((tmp_path / "out" / "quality.json").read_text())
    assert generator.card.quality == quality
    with pytest.raises(WriteError, match="exists already"):
        save_synthetic(made, tmp_path / "out")


def test_a_folder_of_made_cells_can_be_given_whole(few_g2: Cells, tmp_path: Path) -> None:
    save_synthetic(augment(few_g2, tmp_path / "out", AugmentSettings(device="cpu"))[0], tmp_path / "out")
    cells = cc.read_cells(tmp_path / "out")
    assert len(cells) == 18
    assert cells.synthetic.all()


def test_a_finished_generator_makes_cells_without_any_input(few_g2: Cells, tmp_path: Path) -> None:
    first = augment(few_g2, tmp_path / "out", AugmentSettings(device="cpu"))[0]
    save_synthetic(first, tmp_path / "out")
    run = AugmentSettings(generator=str(tmp_path / "out" / "generator"), n_cells=18, phase={Phase.G2: 0})
    second = augment(None, tmp_path / "more", run)[0]
    np.testing.assert_array_equal(
        *(np.stack([cell.pixels for cell in made.cells.read(range(18))]) for made in (first, second))
    )
    assert second.quality is None
    save_synthetic(second, tmp_path / "more")
    assert not (tmp_path / "more" / "generator").exists()
    with pytest.raises(SettingError, match="say how many"):
        augment(None, tmp_path / "x", replace(run, n_cells=0))
    with pytest.raises(SettingError, match="can't make Anaphase"):
        augment(None, tmp_path / "x", replace(run, phase={Phase.ANAPHASE: 0}))


def test_synthetic_cells_teach_no_generator(few_g2: Cells, tmp_path: Path) -> None:
    half = replace(few_g2, synthetic=np.arange(72) % 2 == 0)
    result, events = augment(half, tmp_path / "out", AugmentSettings(device="cpu", phase={Phase.G2: 0}, n_cells=3))
    assert "36 synthetic cells were left out" in [event.text for event in events if isinstance(event, Note)]
    assert result.generator.card.cells_per_phase == {"G1": 15, "S": 15, "G2": 6}


@pytest.mark.parametrize("method", ["cellgan", "wgan-div"])
def test_a_broken_off_training_goes_on_to_the_same_generator(
    few_g2: Cells, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointer, "CHECKPOINT_SHARE", math.inf)
    run = AugmentSettings(method=method, phase={Phase.S: 0, Phase.G2: 0}, n_cells=2, device="cpu")
    save_synthetic(augment(few_g2, tmp_path / "whole", run)[0], tmp_path / "whole")
    # cellgan is broken off after 2 of 3 steps, the other in its second generator
    events = augment_cells(few_g2, tmp_path / "broken", using(run, QUICK))
    steps = (event for event in events if isinstance(event, Progress) and "training" in event.what)
    list(islice(steps, 2 if method == "cellgan" else 5))
    events.close()
    torch.rand(5)
    assert unfinished_folder(tmp_path / "broken").exists()
    with pytest.raises(SettingError, match="seed 0, not 1"):
        augment(few_g2, tmp_path / "broken", replace(run, seed=1, resume=True))
    result, events = augment(few_g2, tmp_path / "broken", replace(run, resume=True))
    n_left = sum(isinstance(event, Progress) and "training" in event.what for event in events)
    assert n_left < (3 if method == "cellgan" else 6)
    save_synthetic(result, tmp_path / "broken")
    weights = [(tmp_path / name / "generator" / WEIGHTS).read_bytes() for name in ("whole", "broken")]
    assert weights[0] == weights[1]
    assert not unfinished_folder(tmp_path / "broken").exists()


def test_stopped_early_it_makes_cells_with_what_it_has(few_g2: Cells, tmp_path: Path) -> None:
    result, _ = augment(few_g2, tmp_path / "out", AugmentSettings(device="cpu"), stop=lambda: True)
    assert result.generator.card.training["steps"] == {"all": 1}
    assert len(result.cells) == 18


def test_cells_are_shown_on_the_way(few_g2: Cells, tmp_path: Path) -> None:
    _, events = augment(few_g2, tmp_path / "out", AugmentSettings(device="cpu"), show_every=2)
    shown = [event for event in events if isinstance(event, Samples)]
    assert [(samples.step, samples.are_real) for samples in shown] == [(0, True), (2, False), (3, False)]


def test_few_cells_get_a_warning_and_none_an_error(few_g2: Cells, tmp_path: Path) -> None:
    _, events = augment(few_g2.subset(np.arange(63)), tmp_path / "out", AugmentSettings(device="cpu"))
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any(note.startswith("there are fewer than 5 real cells of G2 (3)") for note in notes)
    with pytest.raises(TooFewCellsError, match="no real cells of Anaphase to train a generator on"):
        augment(few_g2, tmp_path / "out", AugmentSettings(phase={Phase.ANAPHASE: 0}, n_cells=5, device="cpu"))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (AugmentSettings(phase={Phase.G1: 0}), "G1 has as many cells as the largest"),
        (AugmentSettings(make=("brightfield", "dapi")), "no dapi"),
        (AugmentSettings(generator="nowhere"), "nowhere is no generator"),
    ],
)
def test_what_can_not_be_made_is_said(few_g2: Cells, tmp_path: Path, run: AugmentSettings, said: str) -> None:
    with pytest.raises(CellCycleError, match=said):
        augment(few_g2, tmp_path / "out", run)


def test_the_stain_can_be_made_too_but_then_no_model_judges(few_g2: Cells, tmp_path: Path) -> None:
    result, events = augment(few_g2, tmp_path / "out", AugmentSettings(make=("dna",), device="cpu"))
    assert result.cells.channels == ("dna",)
    assert result.quality is None
    assert any("was not measured" in event.text for event in events if isinstance(event, Note))


def test_the_command_writes_what_the_job_makes(plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--phase", "S", "-n", "4", "--steps", "2", "--batch-size", "8", "--device", "cpu"]
    assert main(["augment", str(plate), "-o", str(tmp_path / "out"), *flags, "--json"]) == 0
    assert len(cc.read_cells(tmp_path / "out" / SYNTHETIC_FILE)) == 4
    assert "overall" in json.loads(capsys.readouterr().out)
    assert main(["augment", str(plate), "-o", str(tmp_path / "out"), *flags]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["augment", "-o", str(tmp_path / "none")]) == 2
    assert "no input is given" in capsys.readouterr().err


def test_files_are_read_as_elsewhere(plate: Path, tmp_path: Path) -> None:
    run = AugmentSettings(phase={Phase.G1: 0}, n_cells=2, device="cpu", method="wgan-gp")
    made = result_of(augment_files([plate], tmp_path / "out", using(run, QUICK), ReadSettings()))
    assert made.generator.card.cells_per_phase == {"G1": 30}
    assert made.generator.networks.keys() == {"G1"}
