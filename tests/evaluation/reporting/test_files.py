"""The files of an evaluation, and its page in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import WriteError
from napari_cellcycle.evaluation.protocol_caveats import PROTOCOLS
from napari_cellcycle.evaluation.report import LossCurve, Report, evaluate
from napari_cellcycle.evaluation.reporting import files
from napari_cellcycle.evaluation.reporting.figures import drawings, render
from napari_cellcycle.evaluation.reporting.files import write_report
from napari_cellcycle.evaluation.reporting.html import render_page
from napari_cellcycle.evaluation.reporting.theme import DARK, LIGHT
from napari_cellcycle.evaluation.reporting.thumbnails import (
    N_WORST,
    cells_by_entry,
    draw_thumbnails,
    shown_by_entry,
    shown_cells,
    worst_mistakes,
)
from napari_cellcycle.events import result_of
from napari_cellcycle.verdict import DOES_NOT_FIT, FITS, Verdict

FIGURES = ("confusion", "confusion_percent", "coverage", "f1", "losses", "reliability")


TRUTH = np.repeat(np.arange(7), (60, 50, 40, 30, 12, 5, 8)).astype(np.int8)


@pytest.fixture(scope="module")
def report(predict: Any) -> Report:
    curve = LossCurve(np.linspace(2, 1, 8), np.linspace(2.1, 1.4, 8))
    return evaluate(
        predict(TRUTH, min_probability=0.25),
        TRUTH,
        model="<default>",
        protocol="clean",
        prevalence="bbbc048",
        fold=np.arange(len(TRUTH)) % 2,
        losses=[curve, curve],
        settings={"input": ["plate & more"], "epochs": 8},
    )


def test_the_report_says_whether_the_model_fits(report: Report) -> None:
    text = "the model 'default' does not fit, because brightfield is inverted"
    verdict = Verdict(answer=DOES_NOT_FIT, share_unlike=0.9, reliable=False, reason="inverted", text=text)
    marked = replace(report, prediction=replace(report.prediction, verdict=verdict))
    page = render_page(marked, {})
    assert "<title>Evaluation of &lt;default&gt;. The model does not fit these cells</title>" in page
    assert (
        '<p class="notes" role="note"><strong>Does the model fit?</strong> The model &#39;default&#39; does not' in page
    )
    assert marked.to_dict()["verdict"]["reason"] == "inverted"
    assert text in " ".join(str(marked).split())
    fits = replace(verdict, answer=FITS, reliable=True, text="the model 'default' fits")
    page = render_page(replace(report, prediction=replace(report.prediction, verdict=fits)), {})
    assert "<p><strong>Does the model fit?</strong> The model &#39;default&#39; fits.</p>" in page
    assert report.to_dict()["verdict"] is None
    assert "Does the model fit" not in render_page(report, {})


def test_calls_of_many_cells_are_written_as_parquet_too(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PARQUET_ROWS", report.n_cells - 1)
    monkeypatch.setattr(files, "drawings", lambda report: {})
    result_of(write_report(report, None, tmp_path))
    table = pd.read_parquet(tmp_path / "calls.parquet")
    assert list(table.columns) == list(pd.read_csv(tmp_path / "calls.csv").columns)
    assert len(table) == len(TRUTH)


@pytest.fixture(scope="module")
def cells(record: Any) -> Cells:
    made: Cells = record(TRUTH)
    return made


@pytest.fixture(scope="module")
def page(report: Report, cells: Cells, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written: Path = result_of(write_report(report, cells, tmp_path_factory.mktemp("made") / "new" / "out"))
    return written


def test_all_files_are_written(page: Path, cells: Cells) -> None:
    assert page.name == "report.html"
    names = {path.name for path in page.parent.iterdir()}
    pictures = {f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
    assert names == {"report.html", "metrics.json", "confusion.csv", "per_phase.csv", "calls.csv", *pictures}
    assert json.loads((page.parent / "metrics.json").read_text())["n_cells"] == len(cells)


def test_nothing_is_written_when_a_cell_cannot_be_read_any_more(report: Report, tmp_path: Path) -> None:
    class Gone:
        def __len__(self) -> int:
            return len(report.truth)

        def read(self, indices: Any) -> Any:
            raise FileNotFoundError("the disk is gone")

    lost = Cells.build(Gone(), ("brightfield",), "a.tif")
    with pytest.raises(FileNotFoundError, match="the disk is gone"):
        list(write_report(report, lost, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_to_is_said(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_cellcycle.evaluation.reporting.files.drawings", lambda report: {})
    monkeypatch.setattr("napari_cellcycle.evaluation.reporting.html.drawings", lambda report: {})
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError, match="can't write"):
        list(write_report(report, None, tmp_path / "file"))


def test_only_cells_that_are_shown_are_read(report: Report, cells: Cells) -> None:
    wanted: set[int] = set()

    class Watched:
        def __len__(self) -> int:
            return len(cells)

        def read(self, indices: Any) -> Any:
            wanted.update(indices)
            return cells.images.read(indices)

    pictures = result_of(draw_thumbnails(replace(cells, images=Watched()), shown_cells(report)))
    assert wanted == set(pictures)
    assert wanted == set(shown_cells(report).tolist())
    assert len(wanted) < len(cells)


def test_the_cells_behind_the_fields(report: Report) -> None:
    fields = cells_by_entry(report)
    for (truth, call), members in fields.items():
        assert (report.truth[members] == truth).all()
        assert (report.prediction.phases[members] == call).all()
        assert (np.diff(report.prediction.confidence[members]) <= 0).all()
    for truth, call in np.ndindex(7, 7):
        assert len(fields.get((truth, call), ())) == report.confusion[truth, call]
    worst = worst_mistakes(report)
    assert len(worst) == N_WORST
    assert (report.prediction.best[worst] != report.truth[worst]).all()
    assert (np.diff(report.prediction.confidence[worst]) <= 0).all()


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_the_same_each_time_and_differ_by_theme(report: Report, page: Path, name: str) -> None:
    drawing = drawings(report)[name]
    content = render(drawing, report, "svg")
    assert content == page.with_name(f"{name}.svg").read_bytes()
    assert render(drawing, report, "svg", DARK) != content
    assert len(drawing.alt_text(report)) > 20


def test_the_confusion_figure_writes_every_count(report: Report) -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    drawings(report)["confusion"].draw(axes, report, theme=LIGHT)
    written = {text.get_position(): text.get_text() for text in axes.texts}
    for row, column in np.ndindex(7, 7):
        count = report.confusion[row, column]
        assert written.get((column, row), "0") == str(count)


def test_the_page_says_what_its_protocol_stands_for(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_cellcycle.evaluation.reporting.html.drawings", lambda report: {})
    for protocol, words in PROTOCOLS.items():
        page = render_page(replace(report, protocol=protocol), {})
        assert words.title.replace("'", "&#39;") in page
        assert ('role="note"' in page) == (not words.estimates)


def test_the_page_asks_for_nothing_and_escapes_names(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "&lt;default&gt;" in text
    assert "<default>" not in text
    addresses = re.findall(r"""(?:src|href|srcset)="([^"]{0,12})""", text)
    assert {address.split(":")[0] for address in addresses} == {"#matrix", "data"}
    assert "default-src 'none'" in text


def test_a_page_of_3000_cells_is_small(predict: Any, record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_cellcycle.evaluation.reporting.html.drawings", lambda report: {})  # 0.4 MB together
    truth = (np.arange(3000) % 7).astype(np.int8)
    report = evaluate(predict(truth, skill=0), truth)  # guessing fills all 49 fields
    shown = shown_cells(report)
    page = render_page(report, result_of(draw_thumbnails(record(truth, size=50), shown)))
    assert 1000 < len(shown) < 1250
    assert len(page) < 4.6e6


@pytest.mark.usefixtures("without_figures")
def test_a_page_of_few_cells_that_are_all_right(predict: Any) -> None:
    truth = np.array([0, 1, 1], np.int8)
    report = evaluate(predict(truth, skill=50), truth)
    page = render_page(report, {})
    assert "Worst mistakes" not in page
    assert "S called S: 2, 100 percent of S" in page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window, which notes every request."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium") or shutil.which("chrome"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,1400"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield window
    window.quit()


@pytest.fixture
def opened(browser: Any, page: Path) -> Any:
    browser.get_log("performance")
    browser.get(page.as_uri())
    return browser


def field(browser: Any, truth: int, call: int) -> Any:
    return browser.find_element("css selector", f'button[data-entry="{truth}-{call}"]')


def pictures(browser: Any) -> list[Any]:
    return browser.find_elements("css selector", "#behind-list img")


def test_a_press_shows_the_cells_behind_a_field(opened: Any, report: Report) -> None:
    members = cells_by_entry(report)[0, 0]
    field(opened, 0, 0).click()
    shown = pictures(opened)
    assert len(shown) == len(shown_by_entry(report)[0, 0]) < len(members)
    assert all(opened.execute_script("return arguments[0].naturalWidth", picture) == 48 for picture in shown)
    assert all(picture.is_displayed() for picture in shown)
    title = opened.find_element("id", "behind-title").text
    assert title == f"G1 called G1: {len(members)} cells; the surest {len(shown)} are shown"
    first = opened.find_element("css selector", "#behind-list li").text
    assert f"cell {report.prediction.ids[members[0]]}" in first
    assert "plate/Ch3.tif" in first


def test_it_works_by_keyboard_and_for_screen_readers(opened: Any, report: Report) -> None:
    button = field(opened, 1, 1)
    button.send_keys("\ue007")  # Enter
    assert button.get_attribute("aria-pressed") == "true"
    assert opened.find_element("id", "behind-title").text.startswith("S called S:")
    assert button.accessible_name.startswith(f"S called S: {report.confusion[1, 1]}, ")
    button.send_keys("\ue013")  # arrow up
    assert opened.switch_to.active_element.get_attribute("data-entry") == "0-1"
    assert all(picture.get_attribute("alt") for picture in opened.find_elements("tag name", "img"))
    assert len(opened.find_elements("css selector", "[aria-pressed=true]")) == 1


def test_no_request_leaves_the_file(opened: Any) -> None:
    field(opened, 0, 0).click()
    time.sleep(0.2)
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert {address.split(":")[0] for address in asked} == {"file", "data"}
    assert sum(address.startswith("file:") for address in asked) == 1
    assert [entry["message"] for entry in opened.get_log("browser")] == []


def test_its_policy_stops_what_someone_adds(opened: Any) -> None:
    script = "const done = arguments[0]; fetch('http://127.0.0.1:9/').then(() => done('sent'), () => done('stopped'))"
    assert opened.execute_async_script(script) == "stopped"
    assert any("Content Security Policy" in entry["message"] for entry in opened.get_log("browser"))
