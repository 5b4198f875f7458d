"""The command line as a user meets it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from napari_cellcycle import cli
from napari_cellcycle.cli import build_parser, main
from napari_cellcycle.jobs.config import (
    AugmentSettings,
    ClassifySettings,
    EvaluateSettings,
    FinderSettings,
    ReadSettings,
    TrainSettings,
)
from napari_cellcycle.settings_base import SettingsOfRecipe, settings_in


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from napari_cellcycle.cli import build_parser as b; b().format_help(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "sklearn", "skimage", "pandas", "matplotlib", "tifffile", "scipy", "napari", "qtpy"}
    assert not set(done.stdout.split()) & heavy


@pytest.mark.parametrize("command", "demo classify train evaluate label next retrain info convert models".split())
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        build_parser().parse_args([command, "--help"])
    assert stop.value.code == 0
    assert "usage: napari-cellcycle" in capsys.readouterr().out


def test_classify_writes_the_table_the_summary_and_the_picture(
    plate: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["classify", str(plate), "-o", str(out), "--model", str(model_folder), "--json"]) == 0
    table = pd.read_csv(out / "phases.csv", keep_default_na=False)
    assert len(table) == 90
    assert table.loc[0, "source"] == "G1/cells_Ch3.tif"
    assert (table["phase"] == table["source"].str.split("/").str[0]).mean() > 0.9
    summary = json.loads((out / "summary.json").read_text())
    assert summary["n_cells"] == 90
    counted = {label: found["count"] for label, found in summary["phases"].items()}
    assert counted["G1"] == int((table["phase"] == "G1").sum())
    assert summary["phases_corrected_by_confusion"] is None  # this model was never cross-validated
    assert (out / "montage.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr()
    assert json.loads(printed.out)["n_cells"] == 90
    assert "note: Ch3 read as brightfield" in printed.err
    assert sorted(path.name for path in out.iterdir()) == ["montage.png", "phases.csv", "summary.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{plate}/none", "-o", "{out}"], "none"),
        (["{plate}", "-o", "{out}", "--model", "best"], "no model is called 'best'"),
        (["{plate}", "-o", "{out}", "--channels", "brightfield"], "must read like brightfield=Ch3,darkfield=Ch6"),
        (["{plate}", "-o", "{out}", "--channels", "brightfield=Ch9"], "has no channel 'Ch9'"),
        (["{plate}", "-o", "{out}", "--channels", "redfield=Ch3"], "'redfield'"),
        (["{plate}", "-o", "{out}", "--min-probability", "1.5"], "must lie in 0 to 1"),
        (["{plate}", "-o", "{out}", "--device", "abacus"], "must be one of auto, cpu, cuda, mps"),
        (["{plate}", "-o", "{out}", "--layout", "spiral"], "must be one of auto"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence_and_leaves_nothing(
    arguments: list[str], message: str, plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [text.format(plate=plate, out=tmp_path / "out") for text in arguments]
    assert main(["classify", *filled]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("napari-cellcycle: ")
    assert message in said
    assert not (tmp_path / "out").exists()


KINDS = {
    "info": [ReadSettings],
    "classify": [ClassifySettings],
    "evaluate": [EvaluateSettings],
    "train": [TrainSettings],
    "augment": [AugmentSettings],
    "train-finder": [FinderSettings],
}


def flags_of(command: str) -> dict[str, argparse.Action]:
    parser = build_parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {flag: action for action in commands.choices[command]._actions for flag in action.option_strings}


@pytest.mark.parametrize("command", KINDS)
def test_each_setting_has_a_flag_that_reads_its_default_and_shows_it(command: str) -> None:
    flags = flags_of(command)
    for kind in KINDS[command]:
        recipe = kind.overridable() if issubclass(kind, SettingsOfRecipe) else {}
        for item in [*settings_in(kind).values(), *recipe.values()]:
            action = flags[f"--{item.flag}"]
            text = "" if item.default is None else str(item.write(item.default))
            assert item.read(text) == item.default
            assert type(item.read(text)) is type(item.default)
            shown = {"": "not set", "False": "no", "True": "yes"}.get(text, text)
            source = "method" if command == "augment" else "model"
            assert action.help.endswith(f" (default: {f'as in --{source}' if item.name in recipe else shown})")
            if item.kind is not bool:
                start = [command, "x", *(["-o", "y"] if command != "info" else [])]
                assert getattr(build_parser().parse_args([*start, f"--{item.flag}={text}"]), item.name) == text


@pytest.mark.parametrize("command", [*KINDS, "demo", "models"])
def test_each_switch_shows_its_default(command: str) -> None:
    switches = {flag: action for flag, action in flags_of(command).items() if action.nargs == 0}
    for flag, action in switches.items():
        if action.dest not in ("help", "talk"):
            assert action.help.rstrip(")").endswith(("(default: no", "(default: yes")), flag


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rotation-degrees", "x"], "rotation-degrees is 'x', but must be a number"),
        (["--rotation-degrees", "200"], "rotation-degrees is 200.0, but must lie in 0 to 180"),
        (["--epochs", "2.5"], "epochs is '2.5', but must be a whole number"),
        (["--learning-rate", "nan"], "learning-rate is nan, but must lie in 1e-07 to 1"),
        (["--augment", "mixup+cutmix"], "augment is 'mixup+cutmix', but 'cutmix' is unknown"),
        (["--channels", "x"], "channels is 'x', but must read like brightfield=Ch3,darkfield=Ch6"),
    ],
)
def test_a_flag_is_read_before_any_file(
    flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(tmp_path / "none"), "-o", str(tmp_path / "out"), *flags]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_flag_follows_the_annotation_of_its_setting() -> None:
    options = build_parser().parse_args(["train", "x", "-o", "y", "--rotation-degrees", "22.5", "--no-flips"])
    settings = cli._settings(TrainSettings, options)
    assert settings == TrainSettings(overrides={"rotation_degrees": 22.5, "flips": False})
    assert settings.config.rotation_degrees == 22.5


def test_train_takes_each_setting_from_the_recipe_or_the_flag(plate: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert (
        main(["train", str(plate), "-o", str(out), "--model", "tiny", "--epochs", "1", "--no-flips", "--seed", "5"])
        == 0
    )
    settings = json.loads((out / "model.json").read_text())["training"]["settings"]
    assert (settings["epochs"], settings["flips"], settings["seed"], settings["cosine"]) == (1, False, 5, True)


@pytest.mark.usefixtures("without_figures")
def test_evaluate_prints_its_figures(plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", str(plate), "-o", str(tmp_path / "out"), "--cv", "2", "--epochs", "1", "--json"]
    assert main([*arguments, "--model", "tiny"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "out" / "metrics.json").read_text())


def test_models_lists_what_was_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    cards = json.loads(capsys.readouterr().out)
    assert [card["name"] for card in cards] == ["default", "default-brightfield", "duque2024"]
    assert main(["models"]) == 0
    assert "brightfield + darkfield" in capsys.readouterr().out


def test_convert_writes_what_can_be_read_again(plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(plate), "-o", str(tmp_path / "all.ome.tif")]) == 0
    assert "90 cells written" in capsys.readouterr().out
    assert main(["info", str(tmp_path / "all.ome.tif"), "--json"]) == 0
    assert "90" in capsys.readouterr().out
