"""The Python door: as honest as the command, and easy to find."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_pixels
from trained import QUICK_CHANGES, TINY

import napari_cellcycle as cc
from napari_cellcycle.cell_images import ArrayImages, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Note, run_with_warnings
from napari_cellcycle.jobs.config import EvaluateSettings, ReadSettings
from napari_cellcycle.phase_sets import SEVEN
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN

CHANNELS = ("brightfield", "darkfield", "dna")


@pytest.fixture
def pixels() -> np.ndarray:
    return made_pixels(np.repeat([0, 1, 2], 10), seed=11)  # the model knows no such cell


@pytest.fixture(scope="session")
def doors(plate: Path, model_folder: Path) -> tuple[Cells, cc.Model]:
    """The cells that a model was trained on, and the model."""
    return cc.read_cells(plate), cc.load_model(model_folder)


class TestHonesty:
    """Scores of a model on cells that it knows are not passed off as an estimate."""

    def test_a_prediction_knows_its_model_and_what_that_was_trained_on(self, doors: tuple[Cells, cc.Model]) -> None:
        cells, model = doors
        calls = cc.classify(cells, model)
        assert calls.model == "quick"
        assert calls.trained_on is not None
        assert calls.trained_on.shape == (len(cells), 4)

    def test_a_model_tested_on_its_own_cells_says_so_and_warns(self, doors: tuple[Cells, cc.Model]) -> None:
        cells, model = doors
        with pytest.warns(cc.CellCycleWarning, match="was trained on all of these cells, so these scores are no estim"):
            report = cc.evaluate(cc.classify(cells, model), cells)
        assert (report.protocol, report.model) == ("trained-on", "quick")
        assert "no estimate of accuracy" in str(report)

    def test_cells_that_it_knows_are_left_out_beside_others(
        self, doors: tuple[Cells, cc.Model], pixels: np.ndarray
    ) -> None:
        cells, model = doors
        images = [cell.pixels for cell in cells[:20]]
        both = np.concatenate([images, pixels[:, [cells.channels.index(c) for c in CHANNELS]]])
        mixed = cc.read_cells(both, channels=cells.channels, phases=[0] * 20 + [0] * 10 + [1] * 10 + [2] * 10)
        cropped = replace(mixed, images=ArrayImages(both[:, :, 2:, 3:]))
        for known in (mixed, cropped):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                report = cc.evaluate(cc.classify(known, model), known)
            assert (report.protocol, report.n_cells) == ("held-out", 30)
            assert any("was trained on 20 of these cells, which are left out" in note for note in report.notes)

    def test_phases_alone_can_not_be_checked_and_that_is_said(self, doors: tuple[Cells, cc.Model]) -> None:
        cells, model = doors
        with pytest.warns(cc.CellCycleWarning, match="give the cells instead, as in evaluate"):
            report = cc.evaluate(cc.classify(cells, model), cells.phases)
        assert "were not compared with those that 'quick' was trained on" in report.notes[0]

    def test_a_model_without_a_record_says_that_it_has_none(self, doors: tuple[Cells, cc.Model]) -> None:
        cells, model = doors
        report = cc.evaluate(cc.classify(cells, replace(model, folder=None)), cells)
        assert "it is not known which cells the model was trained on" in report.notes[0]

    def test_a_damaged_record_is_said_and_stops_no_classification(
        self, doors: tuple[Cells, cc.Model], tmp_path: Path
    ) -> None:
        cells, model = doors
        (tmp_path / "trained_on.npy").write_bytes(b"torn")
        with pytest.warns(cc.CellCycleWarning, match=r"can't be known which cells .* was trained on"):
            calls = cc.classify(cells[:3], replace(model, folder=tmp_path))
        assert len(calls) == 3

    def test_copies_and_synthetic_cells_are_left_out(self, predict: Any, record: Any, truth: Any) -> None:
        cells = record(truth)
        twice = cells[np.r_[np.arange(len(cells)), 0, 1, 2]]
        calls = replace(predict(twice.phases), sources=twice.sources, ids=twice.ids)
        report = cc.evaluate(calls, twice)
        assert (report.n_cells, report.duplicates_removed) == (len(cells), 3)
        synthetic = (np.arange(len(twice)) >= 10) & (np.arange(len(twice)) < 60)
        report = cc.evaluate(calls, replace(twice, synthetic=synthetic))
        assert report.n_cells == len(cells) - 50
        assert any("50 synthetic cells were left out" in note for note in report.notes)
        assert cc.evaluate(calls, replace(twice, synthetic=np.full(len(twice), True))).protocol == "demonstration"

    def test_calls_of_other_cells_are_refused(self, doors: tuple[Cells, cc.Model]) -> None:
        cells, model = doors
        with pytest.raises(cc.CellCycleError, match="in another order"):
            cc.evaluate(cc.classify(cells[::-1], model), cells)

    @pytest.mark.usefixtures("without_figures")
    def test_python_and_the_command_give_the_same_scores(
        self, doors: tuple[Cells, cc.Model], pixels: np.ndarray, tmp_path: Path
    ) -> None:
        import tifffile

        from napari_cellcycle.events import result_of
        from napari_cellcycle.jobs.evaluate import evaluate_files

        _, model = doors
        for number, phase in enumerate(("G1", "S", "G2")):
            (tmp_path / "plate" / phase).mkdir(parents=True)
            for channel, name in enumerate(("Ch3", "Ch6", "Ch4")):
                stack = pixels[10 * number : 10 * number + 10, channel]
                tifffile.imwrite(tmp_path / "plate" / phase / f"x_{name}.tif", stack, metadata={"axes": "TYX"})
        settings = EvaluateSettings(model=(str(model.folder),))
        done = result_of(evaluate_files([tmp_path / "plate"], tmp_path / "out", settings, ReadSettings()))
        (by_command,) = done.reports.values()
        cells = cc.read_cells(tmp_path / "plate")
        by_call = cc.evaluate(cc.classify(cells, model), cells)
        for key in ("accuracy", "per_phase", "confusion", "notes"):
            assert by_call.to_dict()[key] == by_command.to_dict()[key]
        assert (by_call.protocol, by_call.n_cells) == (by_command.protocol, by_command.n_cells)
        assert by_call.data_sha256 == by_command.data_sha256


class TestWarnings:
    """What a job notes reaches Python."""

    def test_guesses_of_reading_are_warned_of_in_words_of_python(self, plate: Path) -> None:
        with pytest.warns(cc.CellCycleWarning, match="change it with channels") as told:
            cc.read_cells(plate)
        assert all(Path(warning.filename) == Path(__file__) for warning in told)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            cc.read_cells(plate, channels={"brightfield": "Ch3", "darkfield": "Ch6", "dna": "Ch4"})

    def test_unreadable_cells_are_warned_of_at_the_line_that_classifies(self, doors: tuple[Cells, cc.Model]) -> None:
        cells, model = doors

        class Torn:
            def __len__(self) -> int:
                return len(cells)

            def read(self, indices: list[int]) -> list[Any]:
                return [Unreadable(f"cell {i} is torn") if i < 40 else cells.read([i])[0] for i in indices]

        with pytest.warns(cc.CellCycleWarning, match="cell 0 is torn") as told:
            cc.classify(replace(cells, images=Torn()), model)
        assert 10 < len(told) < 20
        assert any("30 more notes" in str(warning.message) for warning in told)
        assert {Path(warning.filename) for warning in told} == {Path(__file__)}

    def test_other_events_are_no_warnings(self) -> None:
        def job() -> Iterator[Any]:
            yield "progress"
            yield Note("seen")
            yield Note("seen")
            return 3

        with pytest.warns(cc.CellCycleWarning) as told:
            assert run_with_warnings(job()) == 3  # type: ignore[arg-type]
        assert [str(warning.message) for warning in told] == ["seen"]


class TestNames:
    def test_the_package_shows_what_it_offers_and_imports_nothing_for_it(self) -> None:
        code = "import sys, napari_cellcycle as cc; print(*dir(cc)); print(*sys.modules)"
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        shown, modules = (set(line.split()) for line in out.splitlines())
        assert {"read_cells", "load_model", "list_models", "classify", "evaluate", "train"} <= shown
        assert {"Cells", "Prediction", "Phase", "CellCycleError", "CellCycleWarning"} <= shown
        assert not {"numpy", "torch"} & modules

    def test_every_name_is_there(self) -> None:
        assert sorted(cc.__all__) == cc.__all__
        for name in cc.__all__:
            assert getattr(cc, name) is not None
        with pytest.raises(AttributeError, match="no attribute 'clasify'"):
            cc.clasify  # noqa: B018

    def test_a_model_is_taken_by_its_name(self, doors: tuple[Cells, cc.Model], model_folder: Path) -> None:
        cells, model = doors
        by_name, by_model = cc.classify(cells, str(model_folder)), cc.classify(cells, model)
        np.testing.assert_array_equal(by_name.probabilities, by_model.probabilities)
        with pytest.raises(cc.ModelError, match="no model is called 'defualt'"):
            cc.classify(cells, "defualt")

    def test_a_channel_is_taken_by_its_number(self, plate: Path) -> None:
        by_number = cc.read_cells(plate, channels={"brightfield": 1, "darkfield": 0})
        by_text = cc.read_cells(plate, channels={"brightfield": "1", "darkfield": "0"})
        assert by_number.channels == by_text.channels
        in_order = cc.read_cells(made_pixels(np.zeros(3)), channels={"darkfield": 0, "brightfield": 2})
        assert in_order.channels == ("darkfield", "1", "brightfield")

    def test_phases_are_words_or_numbers(self, truth: Any, predict: Any) -> None:
        calls = predict(truth)
        words = [PHASE_LABELS[number] for number in truth]
        assert cc.evaluate(calls, words).scores == cc.evaluate(calls, truth).scores
        assert cc.evaluate(calls, np.array(words)).scores == cc.evaluate(calls, [cc.Phase(n) for n in truth]).scores
        for wrong in ("G3", 7, 0.5, float("inf"), True + 99):
            with pytest.raises(cc.SettingError, match="is no phase"):
                cc.evaluate(calls, [wrong] * len(truth))
        with pytest.raises(cc.CellCycleError, match="can't be compared with 3 true phases"):
            cc.evaluate(calls, ["G1", "S", "G2"])

    @given(
        st.lists(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.binary(), st.sampled_from(cc.Phase)))
    )
    def test_whatever_is_given_as_phases_is_numbers_or_one_sentence(self, phases: list[object]) -> None:
        try:
            numbers = SEVEN.numbers(phases)
        except cc.SettingError:
            return
        assert all(UNKNOWN <= number < 7 for number in numbers)

    def test_everything_is_shown_in_one_line(self, doors: tuple[Cells, cc.Model], truth: Any, predict: Any) -> None:
        cells, model = doors
        shown = [repr(thing) for thing in (cells, cells[0], model, cc.classify(cells, model))]
        shown.append(repr(cc.evaluate(predict(truth), truth)))
        assert all(len(line) < 160 and "\n" not in line and "array(" not in line for line in shown)
        assert shown[2] == f"Model('quick': tiny, brightfield + darkfield, {model.card.input.size_px} px)"
        assert "Prediction(90 cells by 'quick': G1 " in shown[3]

    def test_docstrings_run(self) -> None:
        for name in ("api", "cells", "events", "phases", "predict", "evaluation.report", "io.array_cells", "io.inputs"):
            found = doctest.testmod(import_module(f"napari_cellcycle.{name}"))
            assert found.failed == 0, name
            assert found.attempted or name in ("events",), name


class TestTraining:
    def test_a_model_is_trained_from_cells_and_settings_by_name(self, plate: Path, tmp_path: Path) -> None:
        cells = cc.read_cells(plate)
        model = cc.train(cells, tmp_path / "mine", TINY.model, device="cpu", **QUICK_CHANGES)
        assert (model.name, model.folder) == ("mine", tmp_path / "mine")
        with pytest.warns(cc.CellCycleWarning, match="was trained on all of these cells"):
            report = cc.evaluate(cc.classify(cells, model), cells)
        assert report.scores.overall["accuracy"].value > 0.9
        further = cc.train(plate, tmp_path / "further", start_from=model, device="cpu", epochs=1)
        assert further.card.training["start_from"]["name"] == "mine"

    def test_what_is_no_setting_is_refused_by_name(self, made_cells: Cells, tmp_path: Path) -> None:
        with pytest.raises(cc.SettingError, match="'epoch' is no setting of train; choose among"):
            cc.train(made_cells, tmp_path / "out", epoch=3)
        with pytest.raises(cc.SettingError, match="epochs is 0"):
            cc.train(made_cells, tmp_path / "out", epochs=0)
        assert not (tmp_path / "out").exists()


class TestSelecting:
    def test_cells_are_chosen_like_rows(self, made_cells: Cells) -> None:
        assert made_cells[3].id == made_cells[np.int64(3)].id == 3
        assert made_cells[-1].id == 89
        assert made_cells[10:20].ids.tolist() == list(range(10, 20))
        assert made_cells[::-30].ids.tolist() == [89, 59, 29]
        assert made_cells[[5, 2]].ids.tolist() == [5, 2]
        assert made_cells[[]].ids.tolist() == []
        chosen = made_cells[made_cells.phases == cc.Phase.S]
        assert set(chosen.phases) == {cc.Phase.S}
        assert chosen[0].phase is cc.Phase.S
        np.testing.assert_array_equal(chosen[0].pixels, made_cells.read([30])[0].pixels)  # type: ignore[union-attr]

    def test_what_is_not_there_is_an_index_error(self, made_cells: Cells) -> None:
        for outside in (90, -91, [90], np.full(89, True)):
            with pytest.raises(IndexError):
                made_cells[outside]
        with pytest.raises(TypeError):
            made_cells["brightfield"]  # type: ignore[call-overload]
        with pytest.raises(IndexError):
            made_cells[[0.5]]

    def test_cells_are_gone_through_one_by_one_and_a_bad_one_stops_nothing(self) -> None:
        class Torn(ArrayImages):
            def read(self, indices: Any) -> list[Any]:
                return [Unreadable("torn") if i == 1 else cell for i, cell in zip(indices, super().read(indices))]  # noqa: B905

        cells = Cells.build(Torn(np.ones((300, 1, 4, 4))), ["brightfield"], "a.tif", phases=UNKNOWN)
        seen = list(cells)
        assert [cell.id for cell in seen] == list(range(300))
        assert (seen[1].pixels, seen[1].problem) == (None, "torn")
        assert (seen[2].phase, seen[2].problem) == (None, "")


def _zarr(pixels: np.ndarray) -> Any:
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(store={}, shape=pixels.shape, dtype=pixels.dtype, chunks=(4, *pixels.shape[1:]))
    array[:] = pixels
    return array


def _dask(pixels: np.ndarray) -> Any:
    return pytest.importorskip("dask.array").from_array(pixels, chunks=(4, *pixels.shape[1:]))


def _xarray(pixels: np.ndarray) -> Any:
    xarray = pytest.importorskip("xarray")
    dims = ("n", "c", "y", "x") if pixels.ndim == 4 else ("n", "y", "x")
    return xarray.DataArray(pixels, dims=dims).transpose(*dims[-2:], *dims[:-2])


KINDS = {"numpy": np.asarray, "dask": _dask, "zarr": _zarr, "xarray": _xarray}


class TestArrays:
    """Cells out of arrays are those that are in them."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_arrays_of_four_kinds_give_the_same_cells(self, pixels: np.ndarray, kind: str) -> None:
        array = KINDS[kind](pixels)
        cells = cc.read_cells(array, channels=CHANNELS, pixel_size_um=0.5, phases=["G1", "S", "G2"] * 10)
        assert (len(cells), cells.channels, cells.common_pixel_size_um) == (30, CHANNELS, 0.5)
        assert cells.phases[:4].tolist() == [0, 1, 2, 0]
        for indices in ([3, 4, 5], [7, 2, 2, 29], [], [29]):
            read = [cell.pixels for cell in cells.read(indices)]  # type: ignore[union-attr]
            assert all(type(one) is np.ndarray for one in read)
            np.testing.assert_array_equal(np.reshape(read, (-1, 3, 40, 40)), pixels[indices])

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_channel_needs_no_axis(self, pixels: np.ndarray, kind: str) -> None:
        cells = cc.read_cells(KINDS[kind](pixels[:, 0]), channels="brightfield")
        (cell,) = cells.read([2])
        np.testing.assert_array_equal(cell.pixels, pixels[2, :1])  # type: ignore[union-attr]

    @pytest.mark.parametrize("kind", KINDS)
    def test_arrays_are_classified_as_files_are(self, pixels: np.ndarray, kind: str, model_folder: Path) -> None:
        array = KINDS[kind](pixels)
        calls = cc.classify(cc.read_cells(array, channels=CHANNELS), str(model_folder))
        built = Cells.build(ArrayImages(pixels), CHANNELS, "x")
        np.testing.assert_array_equal(calls.probabilities, cc.classify(built, str(model_folder)).probabilities)

    def test_lazy_arrays_are_read_in_blocks_and_not_before(self, pixels: np.ndarray) -> None:
        class Lazy:
            shape, dtype, ndim, asked = pixels.shape, pixels.dtype, pixels.ndim, list[Any]()

            def __getitem__(self, rows: Any) -> np.ndarray:
                self.asked.append(rows)
                return pixels[rows]

        lazy = Lazy()
        cells = cc.read_cells(lazy, channels=CHANNELS)
        assert lazy.asked == []
        cells.read(range(5, 25))
        cells.read([9, 1, 5])
        assert lazy.asked[0] == slice(5, 25)
        assert lazy.asked[1].tolist() == [1, 5, 9]

    def test_masks_go_with_the_images(self, pixels: np.ndarray) -> None:
        masks = (pixels[:, 0] < 600).astype(np.uint8) * 7
        cells = cc.read_cells(pixels, channels=CHANNELS, masks=masks)
        np.testing.assert_array_equal(cells[4].mask, masks[4] > 0)
        np.testing.assert_array_equal(cells[[8, 1]].read([1])[0].mask, masks[1] > 0)  # type: ignore[union-attr]
        with pytest.raises(
            cc.ImageError, match=r"masks has the shape \(29, 40, 40\), but the images need \(30, 40, 40\)"
        ):
            cc.read_cells(pixels, channels=CHANNELS, masks=masks[1:])

    def test_images_of_different_sizes_come_one_by_one(self, pixels: np.ndarray) -> None:
        crops = [pixels[i, :, : 30 + i] for i in range(5)]
        cells = cc.read_cells(crops, channels=CHANNELS, masks=[crop[0] > 0 for crop in crops])
        assert [cell.pixels.shape for cell in cells] == [crop.shape for crop in crops]  # type: ignore[union-attr]
        with pytest.raises(cc.ChannelError, match="2 and 3 channels"):
            cc.read_cells([crops[0], crops[1][:2]])
        with pytest.raises(cc.ImageError, match="array 1 of the sequence has the shape"):
            cc.read_cells([crops[0], pixels])

    def test_names_of_an_xarray_name_the_channels(self, pixels: np.ndarray) -> None:
        xarray = pytest.importorskip("xarray")
        names = ["Bright field", "SSC", "Hoechst"]
        array = xarray.DataArray(pixels, dims=("cell", "channel", "y", "x"), coords={"channel": names})
        assert cc.read_cells(array).channels == CHANNELS
        with pytest.raises(cc.ImageError, match="dimensions cell, z, y, x, channel"):
            cc.read_cells(array.expand_dims("z", axis=1).transpose("cell", "z", "y", "x", "channel"))

    @pytest.mark.parametrize(
        ("shape", "message"),
        [
            ((10, 64, 64, 2), r"images would be 64 x 2 pixels; .*np.moveaxis\(array, -1, 1\)"),
            ((64, 64), r"for one cell, give array\[None\]"),
            ((2, 3, 4, 64, 64), "choose one plane and one time"),
            ((0, 2, 64, 64), "holds no cells"),
            ((2, 100, 40, 40), "each cell would have 100 channels"),
            ((5, 3, 64), "images would be 3 x 64 pixels"),
        ],
    )
    def test_axes_that_can_not_be_right_are_refused(self, shape: tuple[int, ...], message: str) -> None:
        with pytest.raises(cc.ImageError, match=message):
            cc.read_cells(np.zeros(shape))

    def test_options_that_do_not_fit_are_refused(self, pixels: np.ndarray, plate: Path) -> None:
        for options, message in (
            ({"channels": ("brightfield",)}, "has 3 channels, but 1 names are given"),
            ({"channels": ("dna", "dna", "brightfield")}, "give one name for each channel"),
            ({"labels": "x.tif"}, "labels goes with files, .*; give masks"),
            ({"layout": "field"}, "layout goes with files"),
            ({"phases": ["G1"]}, "there are 30 cells, but 1 phases"),
            ({"pixel_size_um": 0}, "must be greater than 0"),
        ):
            with pytest.raises(cc.CellCycleError, match=message):
                cc.read_cells(pixels, **options)
        with pytest.raises(cc.ImageError, match="holds complex128 values"):
            cc.read_cells(pixels.astype(complex))
        for option in ("masks", "phases"):
            with pytest.raises(cc.SettingError, match=f"{option} goes with an array"):
                cc.read_cells(plate, **{option: pixels})

    def test_fields_given_as_cells_are_doubted_aloud(self) -> None:
        with pytest.warns(cc.CellCycleWarning, match="each image of 300 x 200 pixels is taken for one cell"):
            cc.read_cells(np.zeros((1, 2, 300, 200), np.uint8), channels=("brightfield", "darkfield"))

    def test_tensors_of_torch_are_arrays(self, pixels: np.ndarray) -> None:
        import torch

        cells = cc.read_cells(torch.from_numpy(pixels.astype(np.float32)), channels=CHANNELS)
        np.testing.assert_array_equal(cells[3].pixels, pixels[3])


@pytest.mark.parametrize(("user", "expected"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_waiting_threads_sleep_unless_the_user_wants_otherwise(user: dict[str, str], expected: str) -> None:
    told = "import napari_cellcycle, os, sys; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    clean = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    found = subprocess.run([sys.executable, "-c", told], env=clean | user, capture_output=True, text=True, check=True)
    assert found.stdout.split() == [expected, "False"]
