"""Figures of populations: a place in one leads to the cells behind it, and files hold what is drawn."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import SettingError
from napari_cellcycle.evaluation.reporting.theme import DARK
from napari_cellcycle.events import result_of
from napari_cellcycle.phases import N_PHASES
from napari_cellcycle.population.cell_figures import DnaFigure, EmbeddingFigure
from napari_cellcycle.population.drawing import draw_picture, render, tail
from napari_cellcycle.population.embedding import Embedding
from napari_cellcycle.population.fraction_figures import FractionsFigure
from napari_cellcycle.population.summary import Populations, summarise_samples
from napari_cellcycle.population.views import draw_views, over_time, save_view, write_views

PHASES = np.array([0] * 6 + [1] * 2 + [2] * 2 + [0, 0, 0, 6])
NAMES = np.array(["A"] * 10 + ["B"] * 4)
DNA = np.r_[np.full(6, 2.0), 3.0, 3.0, 4.0, 4.0, 2.0, 2.0, 2.0, 4.0].astype(np.float32)


def made(phases: Any = PHASES, names: Any = NAMES, by: str = "well", **more: Any) -> Populations:
    chances = np.eye(N_PHASES, dtype=np.float32)[phases]
    sources = np.array([f"film.tif[t={n % 3}]" for n in range(len(phases))])
    calls = Prediction(sources, np.arange(len(phases)), chances, dna_content=DNA[: len(phases)], **more)
    return result_of(summarise_samples(calls, np.asarray(names), by))


def test_a_segment_leads_to_its_cells() -> None:
    figure = FractionsFigure(made())
    assert figure.pick("", 0.3, 0).rows.tolist() == [0, 1, 2, 3, 4, 5]
    assert figure.pick("", 0.7, 0.2).rows.tolist() == [6, 7]
    assert figure.pick("", 0.9, 1).rows.tolist() == [13]
    assert figure.pick("", 0.9, 1).title == "Telophase in B"
    assert figure.pick("", 1.1, 0) is None
    assert figure.pick("", 0.3, 0.5) is None
    assert figure.pick("", 0.3, 2) is None


def test_a_picture_knows_where_its_data_lie() -> None:
    """The colour of a place of the picture is that of the phase whose cells it leads to."""
    figure, seen = FractionsFigure(made()), set()
    picture = draw_picture(figure, DARK, (310, 200), zoom=2)
    pixels = np.asarray(Image.open(io.BytesIO(picture.content)).convert("RGB")).astype(int)
    assert pixels.shape[:2] == (400, 620)
    (panel,) = picture.panels
    for share in (0.05, 0.35, 0.65, 0.75, 0.85):
        left, top, right, bottom = panel.box
        x0, x1, y0, y1 = panel.limits
        place = left + (share - x0) / (x1 - x0) * (right - left), top + (0.36 - y0) / (y1 - y0) * (bottom - top)
        assert picture.panel_at(*place) is panel
        assert panel.to_data(*place) == pytest.approx((share, 0.36))
        colour = "#" + bytes(pixels[int(place[1] * 400), int(place[0] * 620)].astype(np.uint8)).hex()
        phase = PHASES[figure.pick("", share, 0.36).rows[0]]
        assert colour == ["#0072b2", "#e69f00", "#009e73"][phase]
        seen.add(phase)
    assert seen == {0, 1, 2}
    assert picture.panel_at(0.001, 0.001) is None


def test_a_bin_leads_to_one_phase_and_above_it_to_all() -> None:
    figure = DnaFigure(made())
    below, above = figure.pick("A", 2.0, 3), figure.pick("A", 4.0, 50)
    assert below.rows.tolist() == [0, 1, 2, 3, 4, 5]
    assert below.title.startswith("G1, DNA content 2.0")
    assert above.rows.tolist() == [8, 9]
    assert figure.pick("A", 2.5, 0.5) is None
    assert figure.pick("nothing", 2.0, 1) is None


def test_every_cell_of_known_dna_content_is_in_one_bin() -> None:
    figure = DnaFigure(made())
    outside = np.histogram(DNA[:10][PHASES[:10] == 1], figure.edges)[0]
    assert figure.counts_of(figure.populations.samples[0])[1].tolist() == outside.tolist()
    assert figure.table()["cells"].sum() == len(PHASES)
    far = DnaFigure(made(phases=[0, 0], names=["A", "A"]))
    far.populations.prediction.dna_content[:] = [0.1, 99]
    assert far.counts_of(far.populations.samples[0]).sum() == 2


def test_an_outline_leads_to_the_cells_inside() -> None:
    positions = np.stack([np.arange(14), np.zeros(14)], axis=1).astype(np.float32)
    positions[3] = np.nan
    outline = np.array([[1.5, -1], [11.5, -1], [11.5, 1], [1.5, 1]])
    figure = EmbeddingFigure(made(), Embedding(positions, "pca", (0.5, 0.3)))
    assert figure.inside(outline).rows.tolist() == [2, 4, 5, 6, 7, 8, 9, 10, 11]
    only = EmbeddingFigure(figure.populations, figure.embedding, only="B")
    assert only.inside(outline).rows.tolist() == [10, 11]
    assert figure.inside(outline + 50) is None
    assert len(figure.table()) == 13


@pytest.mark.parametrize("by", ["well", "frame"])
def test_a_place_of_a_curve_leads_to_the_cells_of_that_frame(by: str) -> None:
    names = NAMES if by == "well" else np.arange(14) % 3
    figure = result_of(over_time(made(names=np.asarray(names).astype(str), by=by)))
    assert list(figure.by_sample) == (["A", "B"] if by == "well" else [""])
    picked = figure.pick("A" if by == "well" else "", 2.1, 0.9)
    frame = np.arange(14) % 3 == 2
    wanted = np.flatnonzero(frame & (PHASES == 0) & ((NAMES == "A") | (by == "frame")))
    assert picked.rows.tolist() == wanted.tolist()
    assert picked.title.startswith("G1 in frame 2")


def test_cells_of_no_film_have_no_curve() -> None:
    populations = made()
    populations.prediction.sources[:] = "a.tif"
    assert result_of(over_time(populations)) is None


def test_every_figure_has_its_files(tmp_path: Path) -> None:
    embedding = Embedding(np.random.default_rng(0).normal(size=(14, 2)).astype(np.float32), "umap")
    figures = result_of(draw_views(made(), embedding))
    written = result_of(write_views(figures, tmp_path / "new"))
    assert {path.name for path in written} == {path.name for path in (tmp_path / "new").iterdir()}
    assert list(figures) == ["populations", "dna_content", "embedding", "embedding_by_sample", "over_time"]
    for name in figures:
        with Image.open(tmp_path / "new" / f"{name}.png") as picture:
            assert picture.size[0] == 1400
        text = (tmp_path / "new" / f"{name}.svg").read_text()
        assert "Telophase" in {node.text for node in ElementTree.fromstring(text).iter() if node.text}
    table = pd.read_csv(tmp_path / "new" / "populations.csv")
    assert table.loc[0, ["well", "phase", "count"]].tolist() == ["A", "G1", 6]
    with pytest.raises(SettingError, match=r"end in .png, .svg or .csv"):
        save_view(figures["populations"], tmp_path / "a.pdf")


def test_the_same_data_give_the_same_bytes() -> None:
    assert render(FractionsFigure(made()), "svg") == render(FractionsFigure(made()), "svg")


def test_a_figure_says_by_itself_that_its_cells_are_synthetic() -> None:
    assert b"Synthetic cells" in render(FractionsFigure(made(synthetic=np.ones(14, bool))), "svg")
    assert b"Synthetic cells" not in render(FractionsFigure(made()), "svg")


def test_long_names_keep_their_end() -> None:
    assert tail("plate_2026/A01/field_0001/cells_Ch3.tif", 3) == "…/field_0001/cells_Ch3"
    assert tail("10 nM", 3) == "10 nM"
