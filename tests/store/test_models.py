"""The user's own models: found by name, told apart, and never lost to a damaged or busy list."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from napari_cellcycle.cli import main
from napari_cellcycle.errors import ModelError
from napari_cellcycle.store.models import (
    CARD,
    damaged_models,
    find_model,
    known_models,
    list_models,
    load_model,
    remember_run,
    shipped_models,
)


@pytest.fixture
def run(model_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(model_folder, tmp_path / "mine")


def test_a_run_is_found_by_its_name_from_anywhere(run: Path) -> None:
    assert [card.name for card in list_models()] == shipped_models()
    remember_run(run)
    assert [card.name for card in list_models()] == [*shipped_models(), "mine"]
    assert find_model("mine") == run
    assert load_model("mine").card.training["n_cells"] == 90


def test_a_run_given_by_a_relative_path_is_remembered_by_its_full_one(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parent)
    remember_run(Path("mine"))
    monkeypatch.chdir("/")
    assert find_model("mine") == run


def test_the_newest_run_comes_first_and_each_once(run: Path) -> None:
    later = shutil.copytree(run, run.parent / "later")
    for folder in (later, run, later):
        remember_run(folder)
        time.sleep(0.02)  # longer than a tick of the file system's clock
    assert [*known_models()][len(shipped_models()) :] == ["later", "mine"]


def test_runs_of_one_name_go_by_their_folders(run: Path) -> None:
    other = shutil.copytree(run, run.parent / "elsewhere" / "mine")
    like_shipped = shutil.copytree(run, run.parent / "default")
    for folder in (run, other, like_shipped):
        remember_run(folder)
    own = [card.name for card in list_models()][len(shipped_models()) :]
    assert sorted(own) == sorted(map(str, (run, other, like_shipped)))
    assert [find_model(name) for name in own] == [Path(name) for name in own]
    assert find_model("default").parent.name == "weights"  # a shipped name always means the shipped model
    with pytest.raises(ModelError, match=r"2 models are called 'mine'; give the folder: .*mine or .*mine"):
        find_model("mine")


def test_what_is_gone_or_damaged_is_not_listed(run: Path, own_home: Path) -> None:
    gone = shutil.copytree(run, run.parent / "gone")
    for folder in (run, gone):
        remember_run(folder)
    shutil.rmtree(gone)
    for number, text in enumerate(["", "{", "[]", '{"folder": 3}', '{"folder": null}', "\x00"]):
        (own_home / "runs" / f"damaged{number}.json").write_text(text)
    (own_home / "runs" / "latin.json").write_bytes(b"\xff\xfe")
    assert [*known_models()] == [*shipped_models(), "mine"]
    with pytest.raises(ModelError, match=r"no model is called 'gone'; choose default, .*mine or give a run's folder"):
        find_model("gone")


DAMAGES = {
    "empty": b"",
    "latin": b"\xff\xfe{}",
    "deep": b"[" * 100_000,
    "null": b"null",
    "infinite": b'{"card_version": 1, "name": "x", "temperature": Infinity}',
    "digits": b'{"card_version": ' + b"1" * 500 + b"}",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_one_damaged_run_does_not_harm_the_others(
    run: Path, damage: bytes, capsys: pytest.CaptureFixture[str], plate: Path
) -> None:
    bad, same_name = shutil.copytree(run, run.parent / "bad"), shutil.copytree(run, run.parent / "x" / "mine")
    for folder in (bad, run, same_name):
        remember_run(folder)
    for folder in (bad, same_name):
        (folder / CARD).write_bytes(damage)
    assert [*known_models()] == [*shipped_models(), "mine"]
    assert [card.name for card in list_models()] == [*shipped_models(), "mine"]
    assert {*damaged_models()} == {"bad", str(same_name)}  # the one that works keeps its name
    assert find_model("mine") == run
    with pytest.raises(ModelError, match=r"bad/model\.json can't be used: it .*; copy the model's folder again"):
        load_model("bad")
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert "mine: " in listed
    assert f"\nbad: damaged: {bad / CARD} can't be used: it " in listed
    assert main(["models", "--json"]) == 0
    shown = capsys.readouterr()
    assert [card["name"] for card in json.loads(shown.out)] == [*shipped_models(), "mine"]
    assert shown.err.count(": damaged: ") == 2


def test_a_note_that_is_nested_deeply_or_names_no_folder_is_left_out(run: Path, own_home: Path) -> None:
    remember_run(run)
    notes = [
        "[" * 100_000,
        '{"folder": "a", "colour": 1}',
        '{"folder": "\\u0000"}',
        '{"folder": ""}',
        '{"folder": 1e999}',
    ]
    for number, text in enumerate(notes):
        (own_home / "runs" / f"strange{number}.json").write_text(text)
    assert [*known_models()] == [*shipped_models(), "mine"]
    assert damaged_models() == {}


def test_trainings_that_end_at_once_all_stay_in_mind(run: Path) -> None:
    folders = [shutil.copytree(run, run.parent / f"run{number}") for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(remember_run, folders * 3))
    assert {*known_models()} == {*shipped_models(), *(folder.name for folder in folders)}


def test_whoever_may_read_the_card_may_read_the_weights(model_folder: Path) -> None:
    assert len({path.stat().st_mode for path in model_folder.iterdir()}) == 1


def test_what_is_familiar_is_not_guessed_from_a_damaged_file(run: Path) -> None:
    (run / "familiarity.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=r"familiarity\.safetensors is missing or damaged"):
        load_model(run)
    shutil.copy(run / "weights.safetensors", run / "familiarity.safetensors")
    with pytest.raises(ModelError, match=r"familiarity\.safetensors holds other tensors than it should"):
        load_model(run)
