"""The verdict: cells like the training cells fit; others don't, for the reason that was made; outputs follow it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from made import made_pixels, recorded
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

import napari_cellcycle as cc
from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.cli import main
from napari_cellcycle.events import Note
from napari_cellcycle.images.classified_montage import draw_montage
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.jobs.classify import summarise
from napari_cellcycle.model_fit import LEARNING_CURVE
from napari_cellcycle.models import Model
from napari_cellcycle.models.out_of_distribution import measure_light
from napari_cellcycle.phases import COLOURS, PHASE_LABELS, Phase, greyed
from napari_cellcycle.predict import classify_cells, predict_prepared
from napari_cellcycle.store.models import load_model
from napari_cellcycle.verdict import DOES_NOT_FIT, FINE_TUNE, FITS, Verdict

N_CELLS = 21
CHANNELS = ("brightfield", "darkfield")
Pixels = NDArray[np.float32]


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    """Synthetic cells of the shipped sample that look like Jurkat cells."""
    cells = cc.read_cells(sample_path()).select_channels(CHANNELS)
    some = cells.subset(np.linspace(0, len(cells) - 1, N_CELLS).astype(int))
    return np.stack([image.pixels for image in some.read(range(N_CELLS))]).astype(np.float32)


def built(pixels: Pixels, pixel_size_um: float | None = 0.5) -> Cells:
    return Cells.build(ArrayImages(np.ascontiguousarray(pixels)), CHANNELS, "made", pixel_size_um=pixel_size_um)


def with_brightfield(pixels: Pixels, plane: Pixels) -> Pixels:
    return np.stack([plane, pixels[:, 1]], axis=1)


def judged(cells: Cells) -> tuple[Prediction, list[str]]:
    prediction, events = recorded(classify_cells(load_model("default"), cells, device="cpu"))
    return prediction, [event.text for event in events if isinstance(event, Note)]


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "inverted": lambda p: with_brightfield(p, 2 * np.median(p[:, 0]) - p[:, 0]),
    "swapped": lambda p: p[:, ::-1],
    "saturated": lambda p: with_brightfield(p, p[:, 0].clip(600, 740)),
    "several cells": lambda p: np.concatenate([p, np.roll(p, 1, axis=0)], axis=3),
    "size": lambda p: zoom(p, (1, 1, 2, 2), order=1),
    "blurred": lambda p: gaussian_filter(p, (0, 0, 2.5, 2.5)),
    "empty": lambda p: np.stack([p[:, 0], np.full_like(p[:, 1], 27)], axis=1),
    "noise": lambda p: np.random.default_rng(0).normal(600, 20, p.shape).astype(np.float32),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_the_reason_is_the_change_that_was_made(pixels: Pixels, reason: str) -> None:
    changed = CHANGES[reason](pixels)
    prediction, notes = judged(built(changed.astype(np.float32)))
    verdict = prediction.verdict
    assert verdict is not None
    assert (verdict.answer, verdict.reason) == (DOES_NOT_FIT, reason)
    assert not prediction.is_reliable
    assert verdict.share_unlike > 0.5
    assert notes == [verdict.text]  # and not that the contrast was matched
    assert not verdict.n_to_label


def test_cells_like_the_training_cells_fit(pixels: Pixels) -> None:
    prediction, notes = judged(built(pixels))
    assert prediction.verdict is not None
    assert (prediction.verdict.answer, prediction.verdict.reason) == (FITS, "")
    assert not any("unlike" in note for note in notes)
    assert "reliable" not in prediction.to_table()


def test_darkfield_read_as_brightfield_is_found_by_its_contrast(pixels: Pixels) -> None:
    wrong = built(pixels[:, ::-1]).select_channels(["brightfield"])
    prediction, _ = recorded(classify_cells(load_model("default-brightfield"), wrong, device="cpu"))
    assert prediction.verdict.answer == DOES_NOT_FIT
    assert "the contrast of brightfield" in prediction.verdict.text


def test_images_of_several_kinds_are_told_by_their_contrasts(pixels: Pixels) -> None:
    mixed = pixels[:, :1] - 676
    mixed[::2] *= 20
    cells = Cells.build(ArrayImages((mixed + 676 + 40 * (mixed > 30)).astype(np.float32)), ["brightfield"], "made")
    prediction, _ = recorded(classify_cells(load_model("default-brightfield"), cells, device="cpu"))
    assert (prediction.verdict.answer, prediction.verdict.reason) == (DOES_NOT_FIT, "mixed")


def test_the_pixel_size_that_would_fit_is_named(pixels: Pixels) -> None:
    larger = zoom(pixels, (1, 1, 2, 2), order=1)
    said = judged(built(larger))[0].verdict
    unsaid = judged(built(larger, None))[0].verdict
    assert said is not None
    assert unsaid is not None
    found = re.search(r"--pixel-size-um (\S+) if it is wrong", said.text)
    assert found is not None
    assert float(found[1]) == pytest.approx(0.25, abs=0.05)
    assert "the pixel size is not known" in unsaid.text
    fitting = judged(built(larger, float(found[1])))[0].verdict
    assert fitting is not None
    assert fitting.answer != DOES_NOT_FIT


def test_cells_that_nothing_explains_are_to_be_labelled(pixels: Pixels) -> None:
    others = pixels.copy()
    y, x = np.mgrid[:40, :40]
    others[:, 1] = 27 + 90 * (np.hypot(y - 20, x - 20) < 12)[None] * (1 + np.sin(y))
    verdict = judged(built(others))[0].verdict
    assert verdict is not None
    assert (verdict.answer, verdict.reason, verdict.n_to_label) == (FINE_TUNE, "other", 218)
    assert not verdict.reliable
    assert "another instrument or another kind of cell" in verdict.text


def test_a_part_of_unlike_cells_is_told_and_the_rest_kept(pixels: Pixels) -> None:
    mixed = pixels.copy()
    mixed[: N_CELLS * 3 // 10] = mixed[: N_CELLS * 3 // 10, ::-1]
    prediction, notes = judged(built(mixed))
    assert prediction.verdict is not None
    assert (prediction.verdict.answer, prediction.verdict.n_to_label) == (FINE_TUNE, 98)
    assert prediction.is_reliable
    assert "cells are unlike the cells that the model was trained on" in notes[0]
    assert summarise(prediction, load_model("default").card, {})["phases"] is not None


def test_the_numbers_to_label_are_those_of_the_learning_curve() -> None:
    page = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
    for per_phase, (n_cells, accuracy) in LEARNING_CURVE.items():
        assert f"| {per_phase} | {n_cells} | {accuracy} ±" in page


def test_the_detector_knows_how_the_training_cells_look(pixels: Pixels) -> None:
    model = load_model("default")
    assert model.familiarity is not None
    light = model.familiarity.training_light(2)
    assert light.focus.shape == (7, 2)
    assert (light.focus > 0.2).all()
    assert (light.focus < 0.5).all()
    noise = measure_light(torch.randn(4, 2, 40, 40))
    assert noise.focus.mean().item() == pytest.approx(2 / np.sqrt(np.pi), abs=0.05)
    assert noise.radius.mean().item() > light.radius.max().item()


@pytest.fixture
def swapped(pixels: Pixels, tmp_path: Path) -> Path:
    path = tmp_path / "swapped.tif"
    tifffile.imwrite(path, pixels[:, ::-1].astype(np.uint16), metadata={"axes": "TCYX"})
    return path


READING = ["--channels", "brightfield=0,darkfield=1", "--layout", "cells"]


def test_every_output_says_that_the_phases_mean_nothing(
    swapped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["classify", str(swapped), "-o", str(out), *READING]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("the model 'default' does not fit, because brightfield and darkfield are exchanged")
    assert not any("%" in line for line in others)
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["phases"], summary["phases_corrected_by_confusion"]) == (None, None)
    assert summary["verdict"]["reason"] == "swapped"
    assert summary["notes"] == [first]
    table = pd.read_csv(out / "phases.csv")
    assert table.columns[-1] == "reliable"
    assert not table["reliable"].any()
    assert main(["classify", str(swapped), "-o", str(out), *READING, "--force", "--overwrite"]) == 0
    assert "G1" in capsys.readouterr().out
    forced = json.loads((out / "summary.json").read_text())
    assert forced["phases"]["G1"]["count"] >= 0
    assert forced["verdict"] == summary["verdict"]


def test_info_gives_the_verdict_and_writes_nothing(
    swapped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(swapped), *READING, "--model", "default"]) == 0
    assert capsys.readouterr().out.startswith("the model 'default' does not fit, because brightfield and")
    assert main(["info", str(swapped), *READING, "--model", "default", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n_checked"], found["verdict"]["reason"]) == (N_CELLS, "swapped")
    assert [*tmp_path.iterdir()] == [swapped]


def test_the_montage_is_greyed_under_the_verdict(pixels: Pixels) -> None:
    rows = np.eye(7, dtype=np.float32)[np.arange(N_CELLS) % 3]
    plain = Prediction(np.full(N_CELLS, "made"), np.arange(N_CELLS), rows)
    text = "the model does not fit"
    bad = Verdict(answer=DOES_NOT_FIT, share_unlike=1.0, reliable=False, reason="size", text=text)
    before, after = (draw_montage(built(pixels), one) for one in (plain, replace(plain, verdict=bad)))
    assert len(after) > len(before)
    for phase in (Phase.G1, Phase.S):
        colour, grey = (list(bytes.fromhex(code[1:])) for code in (COLOURS[phase], greyed(COLOURS[phase])))
        assert (before == colour).all(-1).any()
        assert not (after == colour).all(-1).any()
        assert (after == grey).all(-1).any()


def test_a_phase_that_no_training_cell_had_is_never_called(model_folder: Path) -> None:
    model = load_model(model_folder)
    assert model.card.untrained_phases == (3, 4, 5, 6)
    images = np.random.default_rng(0).normal(0, 5, (200, 2, 40, 40)).astype(np.float32)
    found = predict_prepared(model, images, torch.device("cpu")).probabilities
    assert not found[:, 3:].any()
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    free = Model(model.network, replace(model.card, training={}))
    free_found = predict_prepared(free, images, torch.device("cpu")).probabilities
    assert free_found[:, 3:].any()
    np.testing.assert_allclose(found[:, :3], free_found[:, :3] / free_found[:, :3].sum(1, keepdims=True), atol=1e-4)


def test_what_a_card_says_of_its_phases() -> None:
    card = load_model("default").card
    assert card.untrained_phases == ()
    counts = dict.fromkeys(PHASE_LABELS, 0) | {"G1": 5, "S": 5}
    assert replace(card, training={"cells_per_phase": counts}).untrained_phases == (2, 3, 4, 5, 6)
    tuned = {"cells_per_phase": counts, "start_from": {"name": "default"}}
    assert replace(card, training=tuned).untrained_phases == ()
    tuned["start_from"] = {"name": "mine", "phases": ["G1", "G2"]}
    assert replace(card, training=tuned).untrained_phases == (3, 4, 5, 6)
    for unclear in ({}, {"cells_per_phase": "many"}, {"cells_per_phase": {}}, {"cells_per_phase": {"G1": 0}}):
        assert replace(card, training=unclear).untrained_phases == ()


def test_made_discs_are_judged_without_a_fuss() -> None:
    discs = made_pixels(np.arange(12) % 3)[:, :2].astype(np.float32)
    verdict = judged(built(discs))[0].verdict
    assert verdict is not None
    assert not verdict.reliable
