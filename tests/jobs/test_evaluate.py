"""Cross-validation: nothing of a test cell reaches a fit, and every fold starts anew."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from made import made_pixels, recorded
from trained import QUICK_CHANGES, using

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import find_duplicates, in_training_set
from napari_cellcycle.datasets.splits import make_folds
from napari_cellcycle.errors import CellCycleError, SettingError, WriteError
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.events import result_of
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs.config import EvaluateSettings, ReadSettings
from napari_cellcycle.jobs.evaluate import Evaluation, evaluate_files
from napari_cellcycle.jobs.protocols import cross_validation
from napari_cellcycle.jobs.protocols.cross_validation import FoldDone, cross_validate
from napari_cellcycle.jobs.steps import fill_phases, fit_classifier
from napari_cellcycle.jobs.steps.fit_generator import fit_generator
from napari_cellcycle.jobs.steps.generator_plan import GeneratorPlan
from napari_cellcycle.predict import classify
from napari_cellcycle.store.generators import save_generator
from napari_cellcycle.store.models import load_card, load_model, load_training_fingerprints
from napari_cellcycle.training.augment_flag import parse_augment

pytestmark = pytest.mark.usefixtures("without_figures", "narrow_generators")


def only(done: Evaluation) -> Report:
    (report,) = done.reports.values()
    return report


CV = EvaluateSettings(model=("tiny",), cv=3, device="cpu")


def test_a_model_is_not_tested_on_its_own_cells(plate: Path, model_folder: Path, tmp_path: Path) -> None:
    config = EvaluateSettings(model=(str(model_folder),))
    report = only(result_of(evaluate_files([plate], tmp_path / "own", config, ReadSettings())))
    assert report.protocol == "trained-on"
    assert "the model was trained on all of these cells" in report.notes

    other = shutil.copytree(plate, tmp_path / "plate")
    for channel, name in enumerate(("Ch3", "Ch6", "Ch4")):
        fresh = made_pixels(np.full(20, 1), seed=9)[:, channel]
        tifffile.imwrite(other / "S" / f"cells_{name}.tif", fresh, metadata={"axes": "TYX"})
        padded = np.pad(tifffile.imread(plate / "G1" / f"cells_{name}.tif"), ((0, 0), (3, 0), (0, 2)), mode="edge")
        tifffile.imwrite(other / "G1" / f"cells_{name}.tif", padded, metadata={"axes": "TYX"})  # other crops
    report = only(result_of(evaluate_files([other], tmp_path / "out", config, ReadSettings())))
    assert report.protocol == "held-out"
    assert report.scores.per_phase["S"].support == report.n_cells == 20
    assert any("trained on 60 of these cells, which are left out" in note for note in report.notes)
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["accuracy"]["value"] == pytest.approx(report.scores.overall["accuracy"].value)
    assert {"report.html", "confusion.csv", "per_phase.csv"} <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each fit was given, and the weights that it started from."""
    seen: list[dict[str, Any]] = []
    fit = fit_classifier.train_classifier

    def watched(network, training_set, validation, *how):  # type: ignore[no-untyped-def]
        images = torch.cat([training_set.images, validation[0]])
        seen.append({"images": images, "weights": next(network.parameters()).detach().clone()})
        return fit(network, training_set, validation, *how)

    monkeypatch.setattr(fit_classifier, "train_classifier", watched)
    return seen


def test_no_test_cell_reaches_a_fit_and_folds_start_from_other_weights(plate: Path, spy: list[dict[str, Any]]) -> None:
    result, events = recorded(cross_validate([plate], using(CV, QUICK_CHANGES), ReadSettings()))
    report, cells = result
    assert [event.fold for event in events if isinstance(event, FoldDone)] == [1, 2, 3]
    assert report.protocol == "clean"
    assert report.n_cells == len(cells) == 90
    for fold in spy:
        assert len(fold["images"]) == 60
    # each cell is in the fits of exactly two of three folds; images are told apart by their bytes, scale taken out
    fingerprints = [{_print(image) for image in fold["images"]} for fold in spy]
    assert len(set.union(*fingerprints)) == 90
    assert not set.intersection(*fingerprints)
    assert not torch.equal(spy[0]["weights"], spy[1]["weights"])


def _print(image: torch.Tensor) -> bytes:
    return (image[0] / image[0].std()).mul(100).round().numpy().astype(np.int16).tobytes()


def test_shuffled_labels_give_chance(plate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shuffled = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], 30))

    def read(*args: Any, **options: Any) -> Cells:
        cells = read_cells(*args, **options)
        cells.phases[:] = shuffled
        return cells

    monkeypatch.setattr("napari_cellcycle.jobs.read.read_cells", read)
    report, _ = result_of(cross_validate([plate], using(CV, QUICK_CHANGES), ReadSettings()))
    assert report.scores.overall["accuracy"].value == pytest.approx(1 / 3, abs=0.15)  # 3 standard errors


def test_the_same_seed_gives_the_same_figures(plate: Path) -> None:
    run = using(CV, {**QUICK_CHANGES, "epochs": 2})
    first, _ = result_of(cross_validate([plate], run, ReadSettings()))
    torch.rand(3)  # disturb the seed between the runs
    again, _ = result_of(cross_validate([plate], run, ReadSettings()))
    np.testing.assert_array_equal(first.prediction.probabilities, again.prediction.probabilities)


def test_groups_stay_together(plate: Path, spy: list[dict[str, Any]], tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        shutil.copytree(plate / "G1", tmp_path / name / "G1")
    config = using(EvaluateSettings(cv=3, group_by="folder1"), QUICK_CHANGES)
    with pytest.raises(CellCycleError, match="at least 2 are needed"):
        result_of(cross_validate([tmp_path], config, ReadSettings()))
    with pytest.raises(SettingError, match="group-by is 'well'"):
        result_of(cross_validate([plate], replace(config, group_by="well"), ReadSettings()))


def test_models_are_compared_on_the_same_folds(plate: Path, tmp_path: Path) -> None:
    config = EvaluateSettings(model=("tiny", "features"), cv=2, device="cpu")
    done = result_of(evaluate_files([plate], tmp_path, using(config, {"epochs": 2}), ReadSettings()))
    first, second = done.reports.values()
    assert (first.model, second.model) == ("tiny", "features")
    np.testing.assert_array_equal(first.prediction.ids, second.prediction.ids)
    (comparison,) = json.loads((tmp_path / "comparison.json").read_text())["comparisons"]
    right = [report.prediction.best == report.truth for report in (first, second)]
    assert comparison["only_first"] == int((right[0] & ~right[1]).sum())
    assert (tmp_path / "features" / "report.html").is_file()


def test_kept_models_are_those_that_were_tested_each_on_the_cells_it_lists(plate: Path, tmp_path: Path) -> None:
    config = replace(CV, keep_models=True)
    report = only(result_of(evaluate_files([plate], tmp_path, using(config, QUICK_CHANGES), ReadSettings())))
    cells, n_tested = read_cells(plate), 0
    for number in (1, 2, 3):
        folder = tmp_path / "folds" / str(number)
        split = pd.read_csv(folder / "split.csv")
        held_back = np.flatnonzero(split["part"] == "test")
        calls = classify(cells.subset(held_back), load_model(folder))
        np.testing.assert_allclose(calls.probabilities, report.prediction.probabilities[held_back], atol=0.02)
        assert split["source"][held_back].tolist() == calls.sources.tolist()
        assert split["cell"][held_back].tolist() == calls.ids.tolist()
        known = in_training_set(find_duplicates(cells).fingerprints, load_training_fingerprints(folder))
        np.testing.assert_array_equal(known, split["part"] != "test")
        n_tested += len(held_back)
    assert n_tested == len(cells)
    with pytest.raises(WriteError, match="of an earlier run"):
        result_of(evaluate_files([plate], tmp_path, using(config, QUICK_CHANGES), ReadSettings()))


FILLED = {"epochs": 1, "batch_size": 16, "augment": parse_augment("wgan-gp+undersample"), "gan_steps": 1, "fill_to": 21}
"""Of 30 cells of a phase, a fold's training part has 18, the validation part 2."""
FAST = EvaluateSettings(model=("tiny",), cv=3, device="cpu", inputs=("brightfield",))


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """What each fold's model was fitted and validated on."""
    seen: list[tuple[Any, Any]] = []
    fit = cross_validation.fit_model

    def watched(name, recipe, training, validation, *how, **more):  # type: ignore[no-untyped-def]
        seen.append((training, validation))
        return fit(name, recipe, training, validation, *how, **more)

    monkeypatch.setattr(cross_validation, "fit_model", watched)
    return seen


def test_a_generator_sees_the_training_part_alone_and_none_of_its_cells_is_tested(
    plate: Path, parts: list[tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Cells] = []

    def watched(name: str, cells: Cells, plan: GeneratorPlan, **how: Any) -> Any:
        shown.append(cells)
        return fit_generator(name, cells, plan, **how)

    monkeypatch.setattr(fill_phases, "fit_generator", watched)
    report, cells = result_of(cross_validate([plate], using(FAST, FILLED), ReadSettings()))
    folds = make_folds(read_cells(plate), 3, validation_fraction=report.settings["validation_fraction"])
    assert len(shown) == len(parts) == 3
    for seen, fold, (training, validation) in zip(shown, folds, parts, strict=True):
        assert names(seen) == names(cells.subset(fold.train))
        assert not names(seen) & names(cells.subset(np.r_[fold.validation, fold.test]))
        n_made = 3 * 21 - len(fold.train)
        assert training.synthetic.sum() == n_made > 0
        assert (np.bincount(training.phases[training.phases >= 0])[:3] == 21).all()
        assert not validation.synthetic.any()
    assert report.n_cells == 90
    assert not cells.synthetic.any()
    assert report.settings["undersample"]
    assert any("synthetic cells in the training part of each fold" in note for note in report.notes)


def names(cells: Cells) -> set[tuple[str, int]]:
    return set(zip(cells.sources.tolist(), cells.ids.tolist(), strict=True))


def test_a_finished_generator_may_not_know_cells_that_are_tested(
    plate: Path, parts: list[tuple[Any, Any]], tmp_path: Path
) -> None:
    cells = read_cells(plate)
    plan = GeneratorPlan(method="wgan-gp", phases=(1,), channels=("brightfield",), changes={"steps": 1}, device="cpu")
    generator = result_of(fit_generator("made", cells, plan))
    fingerprints = find_duplicates(cells).fingerprints
    save_generator(generator, tmp_path / "knows", fingerprints[-1:])
    save_generator(generator, tmp_path / "other", find_duplicates(other_cells()).fingerprints)
    changes = {**FILLED, "fill_to": 0}
    with pytest.raises(SettingError, match="was trained on cells that are to be tested"):
        result_of(
            cross_validate([plate], using(FAST, {**changes, "generator": str(tmp_path / "knows")}), ReadSettings())
        )
    fewer = shutil.copytree(plate, tmp_path / "fewer")
    for name in ("Ch3", "Ch6", "Ch4"):
        path = fewer / "S" / f"cells_{name}.tif"
        tifffile.imwrite(path, tifffile.imread(path)[:12], metadata={"axes": "TYX"})
    changes["generator"] = str(tmp_path / "other")
    report, _ = result_of(cross_validate([fewer], using(replace(FAST, cv=2), changes), ReadSettings()))
    assert all((training.phases[training.synthetic] == 1).all() for training, _ in parts)
    assert all(training.synthetic.any() for training, _ in parts)
    assert any("from a finished generator" in note for note in report.notes)


def other_cells() -> Cells:
    images = ArrayImages(made_pixels(np.full(5, 1), seed=77))
    return Cells.build(images, ("brightfield", "darkfield", "dna"), "other.tif", phases=1)


def test_the_network_may_see_other_channels_than_its_recipe_says(plate: Path, tmp_path: Path) -> None:
    config = replace(FAST, cv=2, inputs=("dna",), keep_models=True)
    report = only(result_of(evaluate_files([plate], tmp_path, using(config, {"epochs": 1}), ReadSettings())))
    card = load_card(tmp_path / "folds" / "1")
    assert card.input.channels == ("dna",)
    assert [how.kind for how in card.input.normalisation] == ["offset"]
    assert any("dna only: these figures are not label-free" in note for note in report.notes)
    for wrong in (("dna", "Ch7"), ("dna", "dna"), ("", "")):
        with pytest.raises(SettingError, match="must name some of brightfield, darkfield, dna, each once"):
            result_of(cross_validate([plate], replace(config, inputs=wrong), ReadSettings()))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"inputs": ("dna",), "cv": 0}, "inputs needs cv"),
        ({"model": ()}, "model is empty"),
        ({"protocol": "seed", "cv": 0}, "protocol seed needs cv"),
        ({"protocol": "seed", "cv": 5, "model": ("default", "duque2024")}, "protocol seed tests one model, but .* 2"),
        ({"protocol": "seed", "cv": 3}, "quoted-fold is 3, but counted from 0 the last fold is 2"),
        ({"protocol": "seed", "cv": 5, "keep_models": True, "clean_beside": False}, "needs clean-beside"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_read(change: Any, reason: str, tmp_path: Path) -> None:
    config = EvaluateSettings(**change)
    with pytest.raises(SettingError, match=reason):
        result_of(evaluate_files([tmp_path / "missing"], tmp_path / "out", config, ReadSettings()))
