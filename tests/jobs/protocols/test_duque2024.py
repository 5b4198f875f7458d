"""The seed's protocol leaks wherever the seed's does, and the clean one beside it nowhere."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from made import made_pixels
from trained import leave_figures_out, make_generators_narrow, using

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.training_cells import TrainingCells
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.events import result_of
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs.config import EvaluateSettings, ReadSettings
from napari_cellcycle.jobs.evaluate import evaluate_files
from napari_cellcycle.jobs.protocols import cross_validation
from napari_cellcycle.jobs.protocols.duque2024 import validate_as_seed
from napari_cellcycle.jobs.protocols.duque2024_cells import half_stretched
from napari_cellcycle.jobs.steps import fill_phases
from napari_cellcycle.training.augment_flag import parse_augment
from napari_cellcycle.training.state import Hooks

COUNTS = {"G1": 16, "S": 12, "Anaphase": 6}
CHANGES = {"epochs": 2, "batch_size": 16, "augment": parse_augment("wgan-div+mixup+undersample"), "gan_steps": 1}
CONFIG = EvaluateSettings(model=("tiny",), cv=3, protocol="seed", quoted_fold=1, inputs=("brightfield",), device="cpu")
BANNER = "The seed's protocol: no estimate of accuracy"


@pytest.fixture(scope="module")
def cells_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 cells of G1, one of them there once more, 12 of S and 6 of anaphase."""
    folder = tmp_path_factory.mktemp("cells")
    for number, (phase, n_cells) in enumerate(COUNTS.items()):
        (folder / phase).mkdir()
        pixels = made_pixels(np.full(n_cells, 2 * number), seed=number)
        pixels = np.concatenate([pixels, pixels[:1]]) if phase == "G1" else pixels
        for channel, name in enumerate(("Ch3", "Ch6", "Ch4")):
            tifffile.imwrite(folder / phase / f"cells_{name}.tif", pixels[:, channel], metadata={"axes": "TYX"})
    return folder


@dataclass(eq=False)
class Fit:
    """What one fold's model was fitted on, from where, to where, and what it was asked then."""

    name: str
    training: TrainingCells
    validation: TrainingCells
    settings: Any
    start: list[torch.Tensor] = field(default_factory=list)
    n_moments: int = 0
    end: list[torch.Tensor] = field(default_factory=list)
    asked: Any = None

    @property
    def is_of_seed(self) -> bool:
        return "as the seed measures" in self.name


@dataclass(eq=False)
class Spy:
    fits: list[Fit] = field(default_factory=list)
    shown: list[Cells] = field(default_factory=list)

    def of(self, *, seed: bool) -> list[Fit]:
        return [fit for fit in self.fits if fit.is_of_seed == seed]

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        fit_model, predict, fit_generator = (
            cross_validation.fit_model,
            cross_validation.predict_prepared,
            fill_phases.fit_generator,
        )

        def fit(name: str, recipe: Any, training: Any, validation: Any, config: Any, device: str, *, hooks: Any) -> Any:
            found = Fit(name, training, validation, config)
            self.fits.append(found)
            steered = hooks or Hooks()

            def begin(state: Any) -> None:
                steered.begin(state)
                found.start = deepcopy(list(state.network.parameters()))
                found.n_moments = len(state.optimiser.state)

            watched = replace(steered, begin=begin)
            model, log = yield from fit_model(name, recipe, training, validation, config, device, hooks=watched)
            found.end = list(model.network.parameters())
            return model, log

        def ask(model: Any, images: Any, device: Any) -> Any:
            self.fits[-1].asked = images * model.card.input.scales[:, None, None]
            return predict(model, images, device)

        def generate(name: str, cells: Cells, *how: Any, **more: Any) -> Any:
            self.shown.append(cells)
            return fit_generator(name, cells, *how, **more)

        patch.setattr(cross_validation, "fit_model", fit)
        patch.setattr(cross_validation, "predict_prepared", ask)
        patch.setattr(fill_phases, "fit_generator", generate)


@dataclass(eq=False)
class Run:
    report: Report
    folder: Path
    spy: Spy


@pytest.fixture(scope="module")
def run(cells_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The seed's protocol with everything that it has, and the clean one beside it."""
    folder, spy = tmp_path_factory.mktemp("seed"), Spy()
    with pytest.MonkeyPatch.context() as patch:
        spy.watch(patch)
        leave_figures_out(patch)
        make_generators_narrow(patch)
        done = result_of(evaluate_files([cells_folder], folder, using(CONFIG, CHANGES), ReadSettings()))
    return Run(done.reports["tiny"], folder, spy)


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def fingerprints(cells: TrainingCells) -> set[bytes]:
    return {image.tobytes() for image in cells.images}


def test_the_seeds_network_goes_on_from_fold_to_fold_and_the_clean_one_does_not(run: Run) -> None:
    seed, clean = run.spy.of(seed=True), run.spy.of(seed=False)
    assert len(seed) == len(clean) == 3
    for before, after in pairwise(seed):
        assert same(after.start, before.end)
        assert after.n_moments == len(after.start) - 4  # the heads of DNA content and stain have no target here
    assert seed[0].n_moments == 0
    for before, after in pairwise(clean):
        assert not same(after.start, before.end)
        assert not same(after.start, before.start)
        assert after.n_moments == 0


def test_the_seeds_test_cells_stop_the_training_and_were_trained_on_before(run: Run) -> None:
    first, *later = run.spy.of(seed=True)
    for fit in (first, *later):
        np.testing.assert_allclose(fit.asked, fit.validation.images, rtol=1e-5, atol=1e-6)
    assert all(fingerprints(fit.validation) <= fingerprints(first.training) for fit in later)
    clean = run.spy.of(seed=False)
    images = {
        place: image
        for fit in clean
        for part in (fit.training, fit.validation)
        for place, image in zip(part.positions, part.images, strict=True)
    }
    for fit in clean:
        unseen = sorted(images.keys() - {-1} - {*fit.training.positions} - {*fit.validation.positions})
        assert len(unseen) == len(fit.asked) > 10
        np.testing.assert_allclose(fit.asked, [images[place] for place in unseen], rtol=1e-5, atol=1e-6)
    assert run.report.seed_comparison is not None
    assert run.report.seed_comparison.n_trained_on == run.report.n_cells


def test_the_seed_tests_made_cells_whose_generator_saw_every_real_one(run: Run, cells_folder: Path) -> None:
    cells = read_cells(cells_folder)
    anaphases = names(cells, cells.phases == 5)
    *clean, seed = run.spy.shown
    assert names(seed, seed.phases == 5) == anaphases
    assert len(clean) == 3
    for shown, fit in zip(clean, run.spy.of(seed=False), strict=True):
        assert len(names(shown, shown.phases == 5)) == 3  # of 6, two are tested and one is validated on
        assert not fit.validation.synthetic.any()
        assert not shown.synthetic.any()
    made = sum(int(fit.validation.synthetic.sum()) for fit in run.spy.of(seed=True))
    assert made == COUNTS["S"] - COUNTS["Anaphase"]  # each one is tested once
    assert run.report.seed_comparison is not None
    assert run.report.seed_comparison.n_synthetic == run.spy.of(seed=True)[1].validation.synthetic.sum() > 0


def names(cells: Cells, among: Any) -> set[tuple[str, int]]:
    return set(zip(cells.sources[among].tolist(), cells.ids[among].tolist(), strict=True))


def test_the_seed_takes_cells_away_before_the_split_and_changes_made_ones_instead_of_mixing(run: Run) -> None:
    seed, clean = run.spy.of(seed=True), run.spy.of(seed=False)
    for fit in seed:
        everything = np.r_[fit.training.phases, fit.validation.phases]
        assert np.bincount(everything)[[0, 1, 5]].tolist() == [12, 12, 12]
        assert (fit.settings.mixup, fit.settings.undersample) == (0.0, False)
    for fit in clean:
        assert fit.settings.mixup > 0
        assert fit.settings.undersample
    assert any("dropped before the split: 5" in note for note in run.report.notes)
    assert any("mixup does what the authors' code does" in note for note in run.report.notes)


def test_repeated_cells_stay_and_clean_ones_go(run: Run) -> None:
    assert run.report.duplicates_removed == 0
    assert any(note == "duplicates that were not removed: 1" for note in run.report.notes)
    assert metrics(run.folder / "clean")["duplicates_removed"] == 1
    assert metrics(run.folder / "clean")["n_cells"] == sum(COUNTS.values())


def metrics(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return content


def test_the_banner_and_the_clean_figures_are_in_all_that_is_written(run: Run) -> None:
    written, clean = metrics(run.folder), metrics(run.folder / "clean")
    assert (written["protocol"], clean["protocol"], clean["settings"]["protocol"]) == ("seed", "clean", "clean")
    assert written["quoted_fold"]["fold"] == 1
    assert len(written["per_fold"]) == written["folds"] == 3
    page = (run.folder / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")
    assert f"<title>Evaluation of tiny. {BANNER}</title>" in page
    assert str(run.report).startswith(f"tiny: {BANNER}")
    for key in ("accuracy", "weighted_f1", "macro_f1"):
        found = clean[key]
        assert written["clean"][key] == found
        assert f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})" in str(run.report)
        assert f"{found['low']:.3f} to {found['high']:.3f}" in page
    assert "synthetic" in str(run.report)
    assert BANNER not in (run.folder / "clean" / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")


@pytest.mark.usefixtures("without_figures")
def test_without_the_clean_figures_the_report_says_that_they_are_missing(
    cells_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy()
    spy.watch(monkeypatch)
    config, changes = replace(CONFIG, cv=2, clean_beside=False), {"epochs": 1, "batch_size": 16}
    done = result_of(evaluate_files([cells_folder], tmp_path, using(config, changes), ReadSettings()))
    assert not spy.of(seed=False)
    assert not spy.shown
    assert not (tmp_path / "clean").exists()
    assert metrics(tmp_path)["clean"] is None
    (report,) = done.reports.values()
    assert "clean: missing" in str(report)
    assert "the clean figures to compare with are missing" in report.notes[0]
    # without made cells and without any taken away, the fold's figures are those of its real cells
    assert report.seed_comparison.n_synthetic == 0
    assert report.n_cells in (17, 18)


def test_trees_are_grown_anew_in_each_fold_as_they_cannot_go_on(cells_folder: Path) -> None:
    config = EvaluateSettings(model=("features",), cv=2, protocol="seed", quoted_fold=1, device="cpu")
    report, _ = result_of(validate_as_seed([cells_folder], using(config, {"epochs": 1}), ReadSettings()))
    assert report.seed_comparison.n_trained_on == 0
    assert any("trees can't be trained further from fold to fold" in note for note in report.notes)


def test_what_the_seed_calls_mixup_stretches_half_of_the_made_cells_and_mixes_none() -> None:
    pixels = made_pixels(np.repeat([1, 4], (6, 5)))[:, :2]
    made = Cells.build(ArrayImages(pixels), ("brightfield", "darkfield"), "made", phases=np.repeat([1, 4], (6, 5)))
    found = np.stack([cell.pixels for cell in half_stretched(made).read(range(11))])
    changed = np.isin(np.arange(11), [0, 1, 2, 6, 7])  # the first half of each phase
    np.testing.assert_array_equal(found[~changed], pixels[~changed])
    assert found.dtype == pixels.dtype
    for channel in range(2):
        for after, before in zip(found[changed, channel], pixels[changed, channel], strict=True):
            whole = (pixels[:, channel].min(), pixels[:, channel].max())
            assert whole != (before.min(), before.max()) or np.array_equal(after, before)
            stretched = np.interp(before, [before.min(), before.max()], whole)
            np.testing.assert_allclose(after, stretched, rtol=0, atol=0.5)
