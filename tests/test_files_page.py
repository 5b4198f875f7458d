"""docs/files.md describes every column and every key that is written, and none that is not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calls import made_prediction
from numpy.typing import NDArray
from stained import made_contents, stained_pixels

from napari_cellcycle.annotate.label_file import _Line as LabelLine
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.annotate.rounds import Round
from napari_cellcycle.api import label_by_stain
from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.evaluation.report import Report, evaluate
from napari_cellcycle.evaluation.reporting.csv_tables import calls_csv, confusion_csv, per_phase_csv
from napari_cellcycle.evaluation.synthetic.quality import SyntheticQuality
from napari_cellcycle.evaluation.track_scores import TrackScores
from napari_cellcycle.events import result_of
from napari_cellcycle.images.model_input import InputSpec, Normalisation
from napari_cellcycle.io.phase_table import _HEADINGS, write_sidecar
from napari_cellcycle.jobs.classify import summarise
from napari_cellcycle.jobs.config import FollowSettings
from napari_cellcycle.jobs.follow import (
    FOLLOWED_FILES,
    Followed,
    decode_followed,
    summarise_tracks,
    transition_table,
    with_tracks,
    write_followed,
)
from napari_cellcycle.jobs.steps.training_data import split_table
from napari_cellcycle.models.card import ModelCard
from napari_cellcycle.models.out_of_distribution import MahalanobisDetector
from napari_cellcycle.models.trained_finder import FinderCard
from napari_cellcycle.models.trained_generator import GeneratorCard
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.population.summary import summarise_samples
from napari_cellcycle.project import Calls, Labels, Place, ProjectFile, SavedData, SavedField
from napari_cellcycle.stain.fucci import FucciGates
from napari_cellcycle.stain.gates import Gates
from napari_cellcycle.store.cards import _GeneratorCard, _ModelCard
from napari_cellcycle.store.finders import _FinderCard
from napari_cellcycle.tracking.film import films_of
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.verdict import DOES_NOT_FIT, Verdict

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "files.md").read_text(encoding="utf-8")
INPUT = InputSpec(("brightfield",), 40, 0.5, (Normalisation("ratio"),))
CARD = ModelCard(
    name="a", architecture="compact", input=InputSpec(("brightfield",), 40, 0.5, (Normalisation("ratio"),))
)


def section(heading: str, page: str = PAGE) -> str:
    """The text under a heading, up to the next one."""
    return re.split(r"^## ", page.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows_of(text: str, first: str) -> set[str]:
    """The names in the first column of the table whose heading begins with `first`."""
    table = text.split(f"| {first} |", 1)[1].split("\n\n", 1)[0]
    return {name for row in table.splitlines()[2:] for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])}


def table(heading: str, first: str = "column") -> set[str]:
    return rows_of(section(heading), first)


def named(names: Iterable[str]) -> set[str]:
    """Names as the page writes them."""
    return {re.sub(rf"^p_({'|'.join(PHASE_LABELS)})$", "p_<phase>", name) for name in names}


def mentioned(heading: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", section(heading)))


@pytest.fixture
def report(truth: NDArray[np.int8]) -> Report:
    return evaluate(made_prediction(truth), truth)


@pytest.fixture
def prediction(truth: NDArray[np.int8]) -> Prediction:
    return made_prediction(truth)


@pytest.fixture
def film() -> tuple[Followed, Prediction]:
    """Twelve frames of four cells that go from G1 to S."""
    frames, tracks = np.tile(np.arange(12), 4), np.repeat(np.arange(4), 12)
    phases = (frames > 4 + tracks).astype(np.int8)
    calls = made_prediction(phases, skill=6)
    sources = np.array([f"film.tif[t={frame}]" for frame in frames])
    films = films_of(sources, tracks + 1, np.tile([0.0, 0, 9, 9], (48, 1)))
    none = np.full(48, -1)
    return Followed(tuple(films), tracks, tracks, frames, none, {}, (None,), "link"), calls


def test_table_of_calls(prediction: Prediction, film: tuple[Followed, Prediction]) -> None:
    verdict = Verdict(answer=DOES_NOT_FIT, share_unlike=1.0, reliable=False, reason="", text="")
    written = set(replace(prediction, verdict=verdict).table_columns())
    followed, calls = film
    decoded = decode_followed(followed, calls, FollowSettings(tracks="link"))
    written |= set(with_tracks(calls, followed, decoded).table_columns())
    labels = rows_of(section("Where labels are kept", (DOCS / "labels.md").read_text(encoding="utf-8")), "column")
    assert named(written) | labels | {"well", "field"} == table("phases.csv")


def test_summary(prediction: Prediction, film: tuple[Followed, Prediction]) -> None:
    followed, calls = film
    decoded = decode_followed(followed, calls, FollowSettings(tracks="link"))
    assert {*summarise(prediction, CARD, {}), "tracks"} == table("summary.json", "key")
    found = summarise_tracks(followed, decoded)
    assert set(found) == table("summary.json", "key in `tracks`")
    assert set(found["durations"][0]) - {"phase"} <= mentioned("summary.json")


def test_tables_of_films(film: tuple[Followed, Prediction], tmp_path: Path) -> None:
    followed, calls = film
    for minutes in (5.0, None):
        decoded = decode_followed(followed, calls, FollowSettings(tracks="link", minutes_per_frame=minutes))
        write_followed(followed, decoded, calls, tmp_path)
        for name in FOLLOWED_FILES:
            assert set(heading((tmp_path / name).read_text())) <= mentioned("Films")
    assert set(transition_table(followed, decoded)) < rows_of(section("Films"), "column")
    assert {item.name for item in fields(TrackScores)} == table("Films", "score")


def test_report(report: Report) -> None:
    assert {*report.to_dict(), "quoted_fold", "clean"} == table("metrics.json", "key")
    described = mentioned("Tables of a report") | table("phases.csv")
    for text in (calls_csv(report), confusion_csv(report)):
        assert named(heading(text)) - set(PHASE_LABELS) <= described
    assert {re.sub("_(low|high)$", "", name) for name in heading(per_phase_csv(report))} <= described


def heading(text: str) -> list[str]:
    return text.splitlines()[0].split(",")


@pytest.mark.parametrize(
    ("where", "checked", "written"),
    [
        ("A model", _ModelCard, ModelCard),
        ("A finder", _FinderCard, FinderCard),
        ("A generator", _GeneratorCard, GeneratorCard),
    ],
)
def test_cards(where: str, checked: Any, written: Any) -> None:
    assert set(checked.model_fields) == table(where, "key")
    for name, item in checked.model_fields.items():
        if hasattr(item.annotation, "model_fields") and name != "options":  # those of each kind of network
            assert set(item.annotation.model_fields) <= mentioned(where)


def test_files_of_a_model(made_cells: Cells) -> None:
    words = mentioned("A model")
    assert {item.name for item in fields(EpochDone)} | {item.name for item in fields(MahalanobisDetector)} <= words
    assert set(heading(split_table(made_cells, np.array([1])))) <= words


def test_stack(made_cells: Cells, tmp_path: Path) -> None:
    write_sidecar(made_cells, tmp_path / "a.csv")
    assert set(heading((tmp_path / "a.csv").read_text())) | {"well", "field"} >= table("A stack and its table")
    assert set(heading((tmp_path / "a.csv").read_text())) <= table("A stack and its table")
    assert set(_HEADINGS) - {"source", "id"} == table("Tables that are read")


def test_quality_of_synthetic_cells() -> None:
    assert set(SyntheticQuality(None, {}, ()).to_dict()) == table("quality.json", "key")


def test_gates_of_a_stain() -> None:
    names = {item.name for kind in (Gates, FucciGates) for item in fields(kind)}
    described = rows_of(section("gates.json"), "key in `gates`") | {"g1"}
    assert names == described


@pytest.mark.filterwarnings("ignore::napari_cellcycle.errors.CellCycleWarning")
def test_labels_by_a_stain() -> None:
    content, _ = made_contents(400, (0.5, 0.25, 0.25), 0.03, seed=8)
    stains = np.stack([stained_pixels(content), stained_pixels(content[::-1])], axis=1)
    cells = Cells.build(ArrayImages(stains), ("dna", "other"), "control.tif")
    found = label_by_stain(cells, dna="dna")
    fucci = label_by_stain(cells, fucci={"g1": "dna", "s-g2m": "other"})
    assert {*found.to_table(), *fucci.to_table()} == table("labels.csv")
    assert {*found.to_dict(), "settings", "versions"} == table("gates.json", "key")
    assert found.fit is not None
    assert set(found.fit.to_dict()) <= mentioned("gates.json")


def test_labels_of_the_gallery(made_cells: Cells) -> None:
    labels = LabelTable(made_cells.sources, made_cells.ids, made_cells.phases, None, "anna")
    assert set(labels.to_table()) <= mentioned("labels.csv")


def test_tables_of_samples(prediction: Prediction) -> None:
    found = result_of(summarise_samples(prediction, np.full(len(prediction), "A1"), "well"))
    described = table("Tables of samples", "column of `populations.csv` and `over_time.csv`")
    assert set(found.to_table()) - {"well"} == described


def test_labels_and_rounds() -> None:
    labels = rows_of(section("Where labels are kept", (DOCS / "labels.md").read_text(encoding="utf-8")), "key")
    assert set(LabelLine.model_fields) <= labels | {"person", "control"}
    assert {item.name for item in fields(Round)} == table("cellcycle_rounds.jsonl", "key")


def test_project() -> None:
    assert set(ProjectFile.model_fields) == table("A project", "key")
    assert set(SavedData.model_fields) == table("A project", "key in `data`")
    for kind in (Place, Calls, Labels, SavedField):
        assert set(kind.model_fields) <= mentioned("A project")
