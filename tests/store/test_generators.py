"""Generators on disk: whole, or an error that says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import napari_cellcycle as cc
from napari_cellcycle.errors import ModelError, SettingError, WriteError
from napari_cellcycle.events import result_of
from napari_cellcycle.images.gan_codec import ChannelCode, Encoding
from napari_cellcycle.jobs.steps.fill_phases import generate_cells
from napari_cellcycle.models.trained_generator import ALL, Generator, GeneratorCard, build_pair, size_of
from napari_cellcycle.phases import PHASE_LABELS, Phase
from napari_cellcycle.store.generators import CARD, SHIPPED, find_generator, load_generator, save_generator
from napari_cellcycle.store.models import WEIGHTS, load_training_fingerprints

PRINTS = np.arange(8, dtype=np.uint64).reshape(2, 4)


def fresh(method: str) -> Generator:
    codes = (ChannelCode(680.0, 0.0, 0.1), ChannelCode(27.0, 10.0, 1.0))
    encoding = Encoding(("brightfield", "darkfield"), size_of(method), 0.5, codes)
    card = GeneratorCard(name="x", method=method, encoding=encoding, cells_per_phase={"G1": 30, "Anaphase": 5})
    return Generator({part: build_pair(method, 2)[0].eval() for part in card.networks}, card)


@pytest.mark.parametrize("method", ["cellgan", "wgan-gp"])
def test_a_generator_makes_the_same_cells_after_its_time_on_disk(method: str, tmp_path: Path) -> None:
    before = fresh(method)
    assert set(before.networks) == ({ALL} if method == "cellgan" else {"G1", "Anaphase"})
    save_generator(before, tmp_path / "x", PRINTS)
    after = load_generator(tmp_path / "x")
    assert after.card == before.card
    np.testing.assert_array_equal(before.make(5, 3, seed=1), after.make(5, 3, seed=1))
    assert after.make(5, 3, seed=1).dtype == np.uint16
    np.testing.assert_array_equal(load_training_fingerprints(tmp_path / "x"), PRINTS)


def test_it_makes_no_phase_that_it_never_saw(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="can't make Telophase: it was trained on G1, Anaphase only"):
        fresh("cellgan").make(6, 1, seed=0)


def test_a_generator_is_never_overwritten(tmp_path: Path) -> None:
    save_generator(fresh("cellgan"), tmp_path / "x", PRINTS)
    with pytest.raises(WriteError, match="exists already"):
        save_generator(fresh("cellgan"), tmp_path / "x", PRINTS)


def test_what_is_no_generator_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere is no generator"):
        load_generator("nowhere")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "diffusion"}, "does not know"),
        ({"card_version": 2}, "another version"),
        ({"encoding": {}}, "it has no encoding.channels"),
        ({"cells_per_phase": {"G0": 3}}, "cells_per_phase names 'G0'"),
    ],
)
def test_a_strange_card_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    save_generator(fresh("cellgan"), tmp_path / "x", PRINTS)
    card = json.loads((tmp_path / "x" / CARD).read_text())
    (tmp_path / "x" / CARD).write_text(json.dumps({**card, **change}))
    with pytest.raises(ModelError, match=said):
        load_generator(tmp_path / "x")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    for method in ("cellgan", "wgan-gp"):
        save_generator(fresh(method), tmp_path / method, PRINTS)
    (tmp_path / "cellgan" / WEIGHTS).write_bytes((tmp_path / "wgan-gp" / WEIGHTS).read_bytes())
    with pytest.raises(ModelError, match="does not fit"):
        load_generator(tmp_path / "cellgan")
    (tmp_path / "cellgan" / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(ModelError, match="missing or damaged"):
        load_generator(tmp_path / "cellgan")


def test_the_shipped_generator_makes_every_phase_at_once() -> None:
    generator = load_generator()
    assert list(generator.card.cells_per_phase) == list(PHASE_LABELS)
    assert (find_generator(SHIPPED) / WEIGHTS).stat().st_size < 4e6
    assert len(load_training_fingerprints(find_generator(SHIPPED))) == sum(generator.card.cells_per_phase.values())
    assert "BSD-3-Clause" in generator.card.data_licence
    assert generator.card.quality["overall"]
    cells = result_of(generate_cells(generator, dict.fromkeys(range(len(PHASE_LABELS)), 10), seed=3))
    called = cc.classify(cells, cc.load_model("default"), device="cpu").best
    assert (called == cells.phases).mean() > 0.4  # chance is 1 in 7
    telophase = cells.phases == Phase.TELOPHASE
    assert (called[telophase] == Phase.TELOPHASE).mean() > 0.8  # nothing else looks like two cells
