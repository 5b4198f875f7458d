"""Finders on disk: equal after loading, whole or not there, and damaged ones named in one sentence."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.discs import disc_field

from napari_cellcycle.errors import ModelError, WriteError
from napari_cellcycle.images.object_cut import Cut
from napari_cellcycle.models.finder import FinderNetwork
from napari_cellcycle.models.trained_finder import Finder, FinderCard
from napari_cellcycle.store import finders
from napari_cellcycle.store.finders import choose_finder, load_finder, load_trained_finder, save_finder
from napari_cellcycle.store.models import find_model

CARD = FinderCard(
    name="mine",
    widths=(4, 8),
    diameter_px=24,
    pixel_size_um=0.5,
    cut=Cut(0.55, 0.2, 30.0, 0.6),
    figures={"f1_at_iou_0.5": 0.8, "tested_on": "1 of 4 fields, held out"},
)


@pytest.fixture
def finder() -> Finder:
    torch.manual_seed(0)
    return Finder(FinderNetwork(widths=(4, 8)).eval(), CARD)


def test_a_stored_finder_loads_back_equal(finder: Finder, tmp_path: Path) -> None:
    save_finder(finder, tmp_path / "mine")
    loaded = load_trained_finder(tmp_path / "mine")
    assert loaded.card == CARD
    assert all(torch.equal(loaded.network.state_dict()[name], v) for name, v in finder.network.state_dict().items())
    field, _ = disc_field()
    assert np.array_equal(loaded.find(field), finder.find(field))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_a_model_s_folder_gets_the_finder_once(finder: Finder, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(find_model("default"), folder)
    assert choose_finder(None, folder) is None
    with pytest.raises(ModelError, match="has no finder; train one with train-finder, or choose none"):
        load_finder(folder)
    save_finder(finder, folder)
    chosen = choose_finder(None, folder)
    assert chosen is not None
    assert chosen.name == "model"
    assert choose_finder("none", folder) is None
    with pytest.raises(WriteError, match="has a finder already"):
        save_finder(finder, folder)


def test_nothing_is_written_into_another_folder_and_nothing_half(
    finder: Finder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WriteError, match="is no model"):
        save_finder(finder, tmp_path)
    monkeypatch.setattr(FinderCard, "to_json", lambda _self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_finder(finder, tmp_path / "new")
    assert not list(tmp_path.iterdir())


DAMAGES = {
    "not JSON": (lambda card: "{", "it is not JSON text"),
    "version": (lambda card: json.dumps(card | {"card_version": 99}), "update the plugin"),
    "unknown key": (lambda card: json.dumps(card | {"code": "x"}), "unknown key code"),
    "lacking": (lambda card: json.dumps({k: v for k, v in card.items() if k != "cut"}), "it has no cut"),
    "share": (lambda card: json.dumps(card | {"cut": card["cut"] | {"middle": 7}}), "cut.middle is 7"),
    "not finite": (lambda card: json.dumps(card | {"diameter_px": float("nan")}), "diameter_px"),
    "widths": (lambda card: json.dumps(card | {"widths": [4, 9]}), "does not fit the network of its card"),
    "figure": (lambda card: json.dumps(card | {"figures": {"f1_at_iou_0.5": "good"}}), "must be a share"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_card_gives_one_sentence(damage: str, finder: Finder, tmp_path: Path) -> None:
    change, words = DAMAGES[damage]
    save_finder(finder, tmp_path / "mine")
    path = tmp_path / "mine" / finders.CARD
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(ModelError) as caught:
        load_finder(tmp_path / "mine")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_weights_give_one_sentence(finder: Finder, tmp_path: Path) -> None:
    save_finder(finder, tmp_path / "mine")
    weights = tmp_path / "mine" / finders.WEIGHTS
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    with pytest.raises(ModelError, match="missing or damaged"):
        load_finder(tmp_path / "mine")
    weights.unlink()
    with pytest.raises(ModelError, match="missing or damaged"):
        load_finder(tmp_path / "mine")
    broken = replace(finder, network=FinderNetwork(widths=(4, 8)))
    with torch.no_grad():
        broken.network.maps.bias.fill_(float("nan"))
    save_finder(broken, tmp_path / "broken")
    with pytest.raises(ModelError, match="not finite"):
        load_finder(tmp_path / "broken")


def test_a_field_of_other_pixels_is_scaled(finder: Finder) -> None:
    assert CARD.zoom(None) == CARD.zoom(0.5) == CARD.zoom(0.49) == 1
    assert CARD.zoom(1.0) == pytest.approx(2 * 26 / 24)
    assert finder.find(np.zeros((40, 50), np.uint8), 1.0).shape == (40, 50)


def test_cellpose_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cellpose", None)
    with pytest.raises(ModelError, match="pip install cellpose"):
        load_finder("cellpose")
    network = SimpleNamespace(eval=lambda image: ((image > 5).astype(np.uint16), None, None))
    models = SimpleNamespace(CellposeModel=lambda gpu: network)
    monkeypatch.setitem(sys.modules, "cellpose", SimpleNamespace(models=models))
    found = load_finder("cellpose").find(np.array([[1, 9]]))
    assert found.dtype == np.int32
    assert found.tolist() == [[0, 1]]
