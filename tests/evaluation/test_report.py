"""The report's numbers, and what it refuses."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

import napari_cellcycle as cc
from napari_cellcycle.errors import CellCycleError, SettingError, TooFewCellsError
from napari_cellcycle.evaluation.report import evaluate
from napari_cellcycle.evaluation.reporting.csv_tables import calls_csv, confusion_csv, per_phase_csv
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN


def test_the_json_holds_the_figures_under_the_agreed_names(truth: Any, predict: Any) -> None:
    prediction = predict(truth)
    fold = np.arange(len(truth)) % 5
    report = cc.evaluate(prediction, truth, model="default", protocol="clean", fold=fold, duplicates_removed=2, seed=4)
    content = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert content["accuracy"]["value"] == pytest.approx(accuracy_score(truth, prediction.best))
    assert content["macro_f1"]["value"] == pytest.approx(f1_score(truth, prediction.best, average="macro"))
    for key in ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc"):
        assert content[key]["low"] < content[key]["value"] < content[key]["high"]
    assert list(content["per_phase"]) == list(PHASE_LABELS)
    assert set(content["per_phase"]["G1"]) == {"precision", "recall", "f1", "support"}
    low, high = content["per_phase_intervals"]["G1"]["f1"]
    assert low < content["per_phase"]["G1"]["f1"] < high
    assert np.sum(content["confusion"]) == content["n_cells"] == len(truth)
    assert np.diag(content["confusion"])[0] == ((truth == 0) & (prediction.best == 0)).sum()
    expected = {"protocol": "clean", "folds": 5, "duplicates_removed": 2, "model": "default", "seed": 4}
    assert {key: content[key] for key in expected} == expected
    assert {"python", "napari-cellcycle", "scikit-learn"} <= set(content["versions"])


def test_figures_of_each_fold(truth: Any, predict: Any) -> None:
    prediction, fold = predict(truth), np.arange(len(truth)) % 4
    fold[:10] = -1
    report = evaluate(prediction, truth, fold=fold)
    assert (report.folds, report.n_cells) == (4, len(truth) - 10)
    for number, figures in enumerate(report.per_fold):
        here = fold == number
        assert figures["accuracy"] == pytest.approx(accuracy_score(truth[here], prediction.best[here]))


def test_synthetic_cells_are_refused_whatever_they_are_called(truth: Any, predict: Any) -> None:
    synthetic = np.arange(len(truth)) < 3
    for protocol in ("held-out", "clean", "trained-on"):
        with pytest.raises(CellCycleError, match="3 of the cells to test are synthetic"):
            evaluate(predict(truth), truth, synthetic=synthetic, protocol=protocol)
    assert evaluate(predict(truth), truth, synthetic=synthetic, protocol="seed").n_cells == len(truth)


def test_cells_carry_which_of_them_are_synthetic(truth: Any, predict: Any, record: Any) -> None:
    cells = record(truth)
    assert evaluate(predict(truth), cells).n_cells == len(truth)
    synthetic = replace(cells, synthetic=np.full(len(truth), True))
    with pytest.raises(CellCycleError, match="205 of the cells to test are synthetic"):
        evaluate(predict(truth), synthetic, protocol="held-out")
    assert evaluate(predict(truth), synthetic).protocol == "demonstration"


def test_synthetic_cells_that_were_only_trained_on_are_no_matter(truth: Any, predict: Any) -> None:
    synthetic = np.arange(len(truth)) < 3
    report = evaluate(predict(truth), truth, synthetic=synthetic, fold=np.where(synthetic, -1, 0))
    assert report.n_cells == len(truth) - 3


def test_cells_that_the_model_was_trained_on_are_left_out(truth: Any, predict: Any) -> None:
    prediction, trained_on = predict(truth), np.arange(len(truth)) % 4 == 0
    report = evaluate(prediction, truth, trained_on=trained_on)
    assert (report.protocol, report.n_cells) == ("held-out", (~trained_on).sum())
    assert report.scores == evaluate(prediction, np.where(trained_on, UNKNOWN, truth)).scores
    assert report.notes[0] == "the model was trained on 52 of these cells, which are left out of all scores"
    everything = evaluate(prediction, truth, trained_on=np.full(len(truth), True))
    assert (everything.protocol, everything.n_cells) == ("trained-on", len(truth))
    nothing = evaluate(prediction, truth, trained_on=np.full(len(truth), False))
    assert nothing.notes[0] == "none of these cells is in the model's training set"


def test_unsure_unreadable_and_unknown_cells_are_counted_apart(truth: Any, predict: Any) -> None:
    prediction = predict(truth, min_probability=0.5)
    prediction.probabilities[:2] = np.nan
    truth[-3:] = UNKNOWN
    report = evaluate(prediction, truth)
    sure = prediction.confidence[2:-3] >= 0.5
    assert (report.n_unreadable, report.n_cells) == (2, len(truth) - 5)
    assert report.n_unsure == (~sure).sum() > 0
    assert report.confusion.sum() == sure.sum()
    assert report.to_dict()["coverage"] == pytest.approx(sure.mean())
    assert any("were called unsure" in note for note in report.notes)
    assert "2 cells could not be read and were left out" in report.notes


def test_rare_and_absent_phases_are_noted(predict: Any) -> None:
    truth = np.repeat([0, 1, 5], [100, 100, 12]).astype(np.int8)
    report = evaluate(predict(truth), truth, prevalence="bbbc048", notes=["said before"])
    assert report.notes[0] == "said before"
    assert report.notes[1].startswith("phases with fewer than 30 cells: Anaphase (12)")
    assert report.notes[2].startswith("phases without cells: G2, Prophase, Metaphase, Telophase")
    assert report.notes[3].startswith("the natural prevalence of G2, Prophase,")
    assert report.to_dict()["per_phase"]["G2"]["f1"] is None


def test_figures_at_natural_prevalence(truth: Any, predict: Any) -> None:
    prediction = predict(truth)
    report = evaluate(prediction, truth, prevalence="G1=9,S=1")
    recall = [scores.recall.value for scores in report.scores.per_phase.values()]
    natural = report.to_dict()["natural_prevalence"]
    assert natural["accuracy"]["value"] == pytest.approx(0.9 * recall[0] + 0.1 * recall[1])
    assert report.to_dict()["prevalence"]["G1"] == pytest.approx(0.9)


def test_it_prints_as_a_short_table(truth: Any, predict: Any) -> None:
    text = str(evaluate(predict(truth), truth, model="default", prevalence="bbbc048"))
    assert text.startswith("default: A finished model on cells that were given to it, 205 cells\n  Accuracy ")
    assert "at natural prevalence" in text
    assert max(len(line) for line in text.splitlines() if "note:" not in line) < 110


def test_tables_for_other_programs(truth: Any, predict: Any) -> None:
    report = evaluate(predict(truth), truth)
    lines = confusion_csv(report).splitlines()
    assert lines[0] == "truth,G1,S,G2,Prophase,Metaphase,Anaphase,Telophase"
    assert [int(number) for number in lines[1].split(",")[1:]] == report.confusion[0].tolist()
    head, first, *_ = per_phase_csv(report).splitlines()
    assert head.startswith("phase,support,precision,precision_low,precision_high,recall,")
    assert first.startswith("G1,60,0.")


def test_the_calls_behind_the_figures_give_the_same_figures(truth: Any, predict: Any) -> None:
    known = np.where(np.arange(len(truth)) % 7 == 0, UNKNOWN, truth)
    report = evaluate(predict(truth, min_probability=0.5), known)
    table = pd.read_csv(io.StringIO(calls_csv(report)), keep_default_na=False)
    assert (table["truth"] == "").sum() == (known == UNKNOWN).sum()
    unsure = table["probability"] < 0.5
    assert set(table["phase"][unsure]) == {"unsure"}
    told = table[(table["truth"] != "") & ~unsure]
    assert np.array_equal(confusion_matrix(told["truth"], told["phase"], labels=PHASE_LABELS), report.confusion)


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        (
            {"protocol": "honest"},
            SettingError,
            "protocol is 'honest', but must be one of held-out, clean, seed, demonstration",
        ),
        ({"truth": [0, 1]}, CellCycleError, "205 calls can't be compared with 2 true phases"),
        ({"truth": np.full(205, UNKNOWN)}, TooFewCellsError, "no cell has both a true phase and a call"),
        ({"prevalence": "moon"}, SettingError, "neither a phase with a number"),
    ],
)
def test_what_cannot_be_evaluated_is_said(truth: Any, predict: Any, change: Any, error: Any, reason: str) -> None:
    with pytest.raises(error, match=reason):
        evaluate(predict(truth), **{"truth": truth, **change})
