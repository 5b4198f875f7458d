"""Calls that are left unsure so that those of a phase are as pure as wanted, by held-out calls of a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import ReadError, SettingError
from napari_cellcycle.evaluation.protocol_caveats import PROTOCOLS
from napari_cellcycle.evaluation.purity import thresholds
from napari_cellcycle.events import Job, Note
from napari_cellcycle.io.calls_table import read_calls
from napari_cellcycle.io.plain_files import plain_bytes

CALLS, METRICS = "calls.csv", "metrics.json"


def held_out_calls(report: Path | None) -> tuple[Prediction, NDArray[np.int8], str]:
    """The calls in a report of `evaluate`, their true phases, and the model that made them.

    Parameters
    ----------
    report : Path or None
        The folder of the report.

    Returns
    -------
    prediction : Prediction
        Of N cells that the models were not trained on.
    truth : ndarray of int8, shape (N,)
        Unknown where a cell was not tested.
    model : str
        Name of the model, or kind of network.

    Raises
    ------
    SettingError
        There is no report, or its calls are not held out.
    ReadError
        It can't be read.
    """
    if report is None:
        raise SettingError(
            "min-purity needs calls of cells that the model was not trained on, which are not known of it; give the "
            "report of evaluate, as in --held-out REPORT (of evaluate --cv 5, or of your own labelled cells)"
        )
    try:
        metrics = json.loads(plain_bytes(report / METRICS))
        protocol, model = str(metrics["protocol"]), str(metrics["model"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReadError(f"{report} is no report of evaluate; give the folder with its {METRICS} and {CALLS}") from error
    if protocol not in PROTOCOLS or not PROTOCOLS[protocol].estimates:
        raise SettingError(
            f"the calls in {report} are no estimate (protocol {protocol}), so they tell no purity; give a report of "
            "evaluate --cv, or of cells that the model was not trained on"
        )
    prediction = read_calls(report / CALLS).prediction
    texts = prediction.columns.get("truth")
    if texts is None:
        raise ReadError(f"{report / CALLS} has no column truth; evaluate again")
    numbers = prediction.phase_set.numbers(texts.tolist())
    return prediction, np.array(numbers, np.int8), model


def pure_calls(prediction: Prediction, wanted: Mapping[str, float], report: Path | None) -> Job[Note, Prediction]:
    """Leave calls of the phases in `wanted` unsure that are less probable than their purity needs; say how many."""
    tested, truth, model = held_out_calls(report)
    found = thresholds(tested, truth, wanted, prediction.phase_set)
    least = [0.0] * len(prediction.phase_set)
    for number, purity in found.items():
        least[number] = purity.min_probability
        name, called = prediction.phase_set.names[number], prediction.phases == number
        n_kept = int((called & (prediction.confidence >= purity.min_probability)).sum())
        n_left = int(called.sum()) - n_kept
        yield Note(f"{name}: {n_kept:,} cells, and {n_left:,} left unsure; {purity}")
    if prediction.model and prediction.model != model:
        yield Note(
            f"the purities were measured with {model}, and the cells classified with {prediction.model}: they hold "
            "only if both were trained alike"
        )
    return replace(prediction, phase_thresholds=tuple(least))
