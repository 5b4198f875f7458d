"""What one fold's figures hide: synthetic cells, sizes of phases that were changed, and the clean figures."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from napari_cellcycle.cells import Cells
from napari_cellcycle.evaluation.duque2024_scores import compare_with_seed
from napari_cellcycle.evaluation.report import Report, evaluate
from napari_cellcycle.evaluation.reporting.csv_tables import per_phase_csv
from napari_cellcycle.evaluation.reporting.figures import drawings, render
from napari_cellcycle.evaluation.reporting.html import render_page

TRUTH = np.repeat(np.arange(7), (60, 50, 40, 30, 30, 30, 30)).astype(np.int8)
SIZES = (60, 50, 40, 30, 6, 4, 5)
IN_FOLD = np.arange(len(TRUTH)) % 5
BANNER = "The seed's protocol: no estimate of accuracy"


@pytest.fixture
def cells(record: Any) -> Cells:
    made = (TRUTH >= 4) & (np.arange(len(TRUTH)) % 6 > 0)
    return replace(record(TRUTH), synthetic=made)


@pytest.fixture
def clean(predict: Any) -> Report:
    return evaluate(predict(TRUTH[:200], skill=1.0), TRUTH[:200], protocol="clean")


def as_seed(predict: Any, cells: Cells, clean: Report | None) -> Report:
    calls = predict(TRUTH)
    scores, n_clean = (None, 0) if clean is None else (clean.scores, clean.n_cells)
    quoted = compare_with_seed(
        calls, cells, IN_FOLD, 3, sizes=SIZES, n_trained_on=54, clean=scores, n_clean=n_clean, seed=0
    )
    return evaluate(calls, cells, model="net", protocol="seed", fold=IN_FOLD, seed_comparison=quoted)


def test_all_figures_are_of_the_quoted_fold_but_those_of_each_fold(predict: Any, cells: Cells, clean: Report) -> None:
    report, called = as_seed(predict, cells, clean), predict(TRUTH).best
    here = IN_FOLD == 3
    assert report.n_cells == here.sum() == report.confusion.sum()
    assert report.scores.overall["accuracy"].value == pytest.approx(accuracy_score(TRUTH[here], called[here]))
    assert report.folds == len(report.per_fold) == 5
    for number, figures in enumerate(report.per_fold):
        fold = number == IN_FOLD
        weighted = f1_score(TRUTH[fold], called[fold], average="weighted")
        assert figures["weighted_f1"] == pytest.approx(weighted)


def test_reweighted_and_real_figures_are_those_of_weighted_cells(predict: Any, cells: Cells, clean: Report) -> None:
    report, called = as_seed(predict, cells, clean), predict(TRUTH).best
    assert report.seed_comparison is not None
    for key, among in {"reweighted": IN_FOLD == 3, "real_cells": (IN_FOLD == 3) & ~cells.synthetic}.items():
        support = np.bincount(TRUTH[among], minlength=7)
        weights = (np.array(SIZES) / np.maximum(support, 1))[TRUTH[among]]
        truth, calls = TRUTH[among], called[among]
        found = report.seed_comparison.scores[key].overall
        assert found["accuracy"].value == pytest.approx(accuracy_score(truth, calls, sample_weight=weights))
        expected = f1_score(truth, calls, average="weighted", sample_weight=weights)
        assert found["weighted_f1"].value == pytest.approx(expected)
    assert report.seed_comparison.n_synthetic == ((IN_FOLD == 3) & cells.synthetic).sum() > 0


@pytest.mark.usefixtures("without_figures")
def test_the_clean_figures_stand_beside(predict: Any, cells: Cells, clean: Report) -> None:
    report = as_seed(predict, cells, clean)
    content, page = json.loads(json.dumps(report.to_dict(), allow_nan=False)), render_page(report, {})
    for key in ("accuracy", "weighted_f1", "macro_f1"):
        estimate = clean.scores.overall[key]
        assert content["clean"][key] == {"value": estimate.value, "low": estimate.low, "high": estimate.high}
        assert str(estimate) in str(report)
        assert f"{estimate.low:.3f} to {estimate.high:.3f}" in page
    counts = {key: content["quoted_fold"][key] for key in ("fold", "n_cells", "n_synthetic", "n_trained_on")}
    assert counts == {"fold": 3, "n_cells": 54, "n_synthetic": report.seed_comparison.n_synthetic, "n_trained_on": 54}
    assert max(len(line) for line in str(report).splitlines() if "note:" not in line) < 125


@pytest.mark.usefixtures("without_figures")
def test_where_they_are_missing_that_is_said(predict: Any, cells: Cells) -> None:
    report = as_seed(predict, cells, None)
    assert report.to_dict()["clean"] is None
    assert "clean: missing" in str(report)
    page = render_page(report, {})
    assert page.count("<td>not measured</td>") == 5
    assert "clean/report.html" not in page


def test_no_figure_leaves_without_its_protocol(
    predict: Any, cells: Cells, clean: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    titles: list[str] = []
    monkeypatch.setattr(Figure, "suptitle", lambda self, text, **how: titles.append(text.replace("\n", " ")))
    report = as_seed(predict, cells, clean)
    assert str(report).startswith(f"net: {BANNER}, 54 cells\n")
    assert report.to_dict()["protocol"] == "seed"
    page = render_page(report, {}).replace("&#39;", "'")
    assert f"<title>Evaluation of net. {BANNER}</title>" in page
    assert {line.rpartition(",")[2] for line in per_phase_csv(report).splitlines()[1:]} == {"seed"}
    titles.clear()
    found = drawings(report)
    for drawing in found.values():
        render(drawing, report, "png")
    assert titles == [BANNER] * len(found)
    titles.clear()
    render(drawings(clean)["f1"], clean, "png")
    assert "<title>Evaluation</title>" in render_page(clean, {})
    assert titles == []
