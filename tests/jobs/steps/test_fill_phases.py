"""Made cells fill rare phases of a training part, and nobody else's cells teach how."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import TINY, using

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.training_cells import count_cells
from napari_cellcycle.errors import SettingError, StoppedError
from napari_cellcycle.events import Note, result_of, run_job
from napari_cellcycle.jobs.steps import fill_phases
from napari_cellcycle.jobs.steps.advice import cells_to_fill
from napari_cellcycle.jobs.steps.fill_phases import fill_rare_phases, refuse_known_cells
from napari_cellcycle.jobs.steps.fit_generator import fit_generator
from napari_cellcycle.jobs.steps.generator_plan import GeneratorPlan
from napari_cellcycle.jobs.train import train_cells
from napari_cellcycle.models.trained_generator import Generator
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.store.generators import save_generator
from napari_cellcycle.store.models import load_model
from napari_cellcycle.training.augment_flag import NO_WORDS, parse_augment
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import RECIPES

pytestmark = pytest.mark.usefixtures("narrow_generators")

QUICK = TrainConfig(epochs=2, batch_size=16, averaging=0.5, augment=parse_augment("cellgan"), gan_steps=2)
SPEC = RECIPES["default"].input


@pytest.fixture
def few_g2(made_cells: Cells) -> Cells:
    """30 cells of G1, 20 of S, 10 of G2."""
    return made_cells.subset(np.r_[0:30, 30:50, 60:70])


def test_what_is_missing(few_g2: Cells) -> None:
    assert cells_to_fill(*count_cells(few_g2)) == [0, 10, 20, 0, 0, 0, 0]
    assert cells_to_fill(*count_cells(few_g2), undersample=True) == [0, 0, 10, 0, 0, 0, 0]  # G1 will be cut to 20
    assert cells_to_fill(*count_cells(few_g2), 25) == [0, 5, 15, 0, 0, 0, 0]
    half = replace(few_g2, synthetic=few_g2.phases == 2)
    assert cells_to_fill(*count_cells(half)) == [0, 10, 0, 0, 0, 0, 0]  # G2 has no real cells


@pytest.mark.parametrize("method", ["cellgan", "wgan-gp", "wgan-div"])
def test_made_cells_come_prepared_and_marked(few_g2: Cells, method: str) -> None:
    made = result_of(fill_rare_phases(few_g2, SPEC, replace(QUICK, augment=parse_augment(method)), "cpu"))
    assert np.bincount(made.phases).tolist() == [0, 10, 20]
    assert made.synthetic.all()
    assert made.stain is None
    assert (made.positions == -1).all()
    assert made.images.shape == (30, 2, 40, 40)
    assert np.isfinite(made.images).all()


def test_without_a_generator_nothing_is_made(few_g2: Cells) -> None:
    assert result_of(fill_rare_phases(few_g2, SPEC, replace(QUICK, augment=parse_augment("mixup")), "cpu")) is None
    said: list[Any] = []
    assert run_job(fill_rare_phases(few_g2.subset(range(30)), SPEC, QUICK, "cpu"), said.append) is None
    assert [type(event) for event in said] == [Note]
    assert "no synthetic cells were added" in said[0].text
    with pytest.raises(SettingError, match="asks for no synthetic cells"):
        result_of(fill_rare_phases(few_g2, SPEC, replace(QUICK, augment=NO_WORDS, generator="jurkat"), "cpu"))


def test_a_generator_sees_the_training_part_alone(
    made_cells: Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Cells] = []

    def spy(name: str, cells: Cells, *arguments: Any, **more: Any) -> Any:
        seen.append(cells)
        return fit_generator(name, cells, *arguments, **more)

    monkeypatch.setattr(fill_phases, "fit_generator", spy)
    cells = made_cells.subset(np.r_[0:30, 30:60, 60:72])
    events = list(train_cells(cells, tmp_path / "model", using(TINY, QUICK)))
    split = np.genfromtxt(tmp_path / "model" / "split.csv", delimiter=",", dtype=str, skip_header=1)
    train = split[split[:, 3] == "train"]
    assert set(seen[0].ids.tolist()) == set(train[:, 1].astype(int).tolist())
    assert any("synthetic cells were added to" in event.text for event in events if isinstance(event, Note))
    model = load_model(tmp_path / "model")
    assert model.card.training["n_synthetic"] == (30 - 3) - (train[:, 2] == "G2").sum()
    assert model.card.training["settings"]["augment"] == "cellgan"


def test_made_cells_change_neither_scale_nor_what_is_familiar(few_g2: Cells, tmp_path: Path) -> None:
    for name, augment in (("plain", ""), ("filled", "cellgan")):
        result_of(
            train_cells(
                few_g2,
                tmp_path / name,
                using(TINY, replace(QUICK, augment=parse_augment(augment))),
            )
        )
    plain, filled = (load_model(tmp_path / name).card.input for name in ("plain", "filled"))
    assert plain == filled


def test_stopped_before_there_is_a_model_it_says_so(few_g2: Cells, tmp_path: Path) -> None:
    with pytest.raises(StoppedError, match="so there is no model yet; resume continues it"):
        list(train_cells(few_g2, tmp_path / "model", using(TINY, QUICK), stop=lambda: True))
    assert not (tmp_path / "model").exists()


@pytest.fixture
def generator(few_g2: Cells) -> Generator:
    plan = GeneratorPlan(method="cellgan", phases=(1, 2), changes={"steps": 1, "batch_size": 8}, device="cpu")
    return result_of(fit_generator("x", few_g2, plan))


@pytest.mark.parametrize("unlabelled", [False, True])
def test_cells_of_unknown_phase_are_learnt_from_where_that_is_asked_for(few_g2: Cells, unlabelled: bool) -> None:
    cells = replace(few_g2, phases=np.where(np.arange(60) % 3 == 0, UNKNOWN, few_g2.phases))
    changes = {"steps": 1, "batch_size": 8, "unlabelled": unlabelled}
    plan = GeneratorPlan(method="cellgan", phases=(1, 2), changes=changes, device="cpu")
    assert result_of(fit_generator("x", cells, plan)).card.training["n_cells"] == (60 if unlabelled else 40)


def test_a_finished_generator_is_taken(few_g2: Cells, generator: Generator, tmp_path: Path) -> None:
    save_generator(generator, tmp_path / "x", np.zeros((0, 4), np.uint64))
    config = replace(QUICK, generator=str(tmp_path / "x"), gan_steps=0)
    made = result_of(fill_rare_phases(few_g2, SPEC, config, "cpu"))
    again = result_of(fill_rare_phases(few_g2, SPEC, config, "cpu"))
    np.testing.assert_array_equal(made.images, again.images)


def test_a_generator_that_saw_tested_cells_is_refused(generator: Generator, tmp_path: Path) -> None:
    fingerprints = np.arange(1, 9, dtype=np.uint64).reshape(2, 4)
    save_generator(generator, tmp_path / "x", fingerprints)
    refuse_known_cells(str(tmp_path / "x"), fingerprints + np.uint64(100))
    with pytest.raises(SettingError, match="was trained on cells that are to be tested"):
        refuse_known_cells(str(tmp_path / "x"), fingerprints[1:])


@pytest.mark.parametrize("augment", ["mixup", "nonlinear-mixup", "flips", "undersample", "none"])
def test_words_of_augment_reach_the_training(made_cells: Cells, tmp_path: Path, augment: str) -> None:
    config = replace(QUICK, augment=parse_augment(augment), gain=0.2)
    result_of(train_cells(made_cells, tmp_path / "model", using(TINY, config)))
    settings = load_model(tmp_path / "model").card.training["settings"]
    expected = {
        "mixup": {"mixup": 0.2, "gain": 0.2},
        "nonlinear-mixup": {"nonlinear_mixup": 0.5},
        "flips": {"flips": True, "gain": 0.0, "rotation_degrees": 0.0, "shift": 0.08},
        "undersample": {"undersample": True},
        "none": {"flips": False, "gain": 0.0, "rotation_degrees": 0.0, "shift": 0.0},
    }
    assert {name: settings[name] for name in expected[augment]} == expected[augment]
