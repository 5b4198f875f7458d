"""The settings of the jobs: what files keep of them, and what the user may change of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_cellcycle.errors import SettingError
from napari_cellcycle.jobs.config import (
    AugmentSettings,
    ClassifySettings,
    EvaluateSettings,
    FinderSettings,
    ReadSettings,
    TrainSettings,
    parse_channels,
    parse_phase_numbers,
)
from napari_cellcycle.phases import Phase
from napari_cellcycle.settings_base import Settings, settings_in
from napari_cellcycle.training.augment_flag import parse_augment
from napari_cellcycle.training.config import FINE_TUNING, TrainConfig
from napari_cellcycle.training.finder_config import FinderConfig
from napari_cellcycle.training.gan.config import GanConfig
from napari_cellcycle.training.recipes import RECIPES

KINDS = [
    ReadSettings,
    ClassifySettings,
    EvaluateSettings,
    TrainSettings,
    AugmentSettings,
    FinderSettings,
    TrainConfig,
    GanConfig,
    FinderConfig,
]

# Literal texts of the version before settings held values, so that files of before and after are read alike
WRITTEN: list[tuple[Settings, dict[str, Any]]] = [
    (
        ReadSettings(),
        {
            "channels": "",
            "layout": "auto",
            "labels": "",
            "pixel_size_um": None,
            "plane": None,
            "population": "",
            "cell_diameter_px": None,
            "finder": "",
            "phases": "",
        },
    ),
    (
        ReadSettings(channels={"brightfield": "Ch3", "darkfield": "Ch6"}, labels=Path("masks.tif"), pixel_size_um=0.5),
        {
            "channels": "brightfield=Ch3,darkfield=Ch6",
            "layout": "auto",
            "labels": "masks.tif",
            "pixel_size_um": 0.5,
            "plane": None,
            "population": "",
            "cell_diameter_px": None,
            "finder": "",
            "phases": "",
        },
    ),
    (
        ClassifySettings(),
        {
            "model": "default",
            "device": "auto",
            "min_probability": 0.0,
            "batch_size": 256,
            "export": "",
            "cycle_position": False,
            "force": False,
            "min_purity": "",
            "held_out": "",
        },
    ),
    (
        EvaluateSettings(
            cv=5,
            group_by="folder1",
            prevalence={"G1": 50, "S": 30.5, "G2": 20},
            inputs=("brightfield", "dna"),
            also=Path("cells"),
        ),
        {
            "model": "default",
            "cv": 5,
            "protocol": "clean",
            "group_by": "folder1",
            "prevalence": "G1=50,S=30.5,G2=20",
            "min_probability": 0.0,
            "inputs": "brightfield,dna",
            "also": "cells",
            "features_of": "default",
            "keep_models": False,
            "quoted_fold": 3,
            "clean_beside": True,
            "device": "auto",
            "seed": 0,
        },
    ),
    (
        EvaluateSettings(prevalence="bbbc048"),
        {
            "model": "default",
            "cv": 0,
            "protocol": "clean",
            "group_by": "",
            "prevalence": "bbbc048",
            "min_probability": 0.0,
            "inputs": "",
            "also": "",
            "features_of": "default",
            "keep_models": False,
            "quoted_fold": 3,
            "clean_beside": True,
            "device": "auto",
            "seed": 0,
        },
    ),
    (
        TrainSettings(start_from="quick", overrides={"epochs": 3}),
        {
            "model": "default",
            "start_from": "quick",
            "features_of": "default",
            "resume": False,
            "also": "",
            "device": "auto",
            "licence": "",
            "data_licence": "",
        },
    ),
    (
        AugmentSettings(phase={Phase.ANAPHASE: 500, Phase.TELOPHASE: 0}, make=("brightfield", "darkfield")),
        {
            "method": "cellgan",
            "generator": "",
            "phase": "Anaphase=500,Telophase",
            "n_cells": 0,
            "make": "brightfield,darkfield",
            "judge": "default",
            "resume": False,
            "device": "auto",
            "seed": 0,
            "licence": "",
            "data_licence": "",
        },
    ),
    (
        TrainConfig(augment=parse_augment("Mixup + wgan-div"), generator="made/g"),
        {
            "epochs": 80,
            "batch_size": 128,
            "learning_rate": 0.002,
            "seed": 0,
            "patience": 80,
            "validation_fraction": 0.1,
            "rare_phases": 0.5,
            "undersample": False,
            "optimiser": "adamw",
            "momentum": 0.9,
            "weight_decay": 0.05,
            "warm_up": 0.1,
            "cosine": True,
            "averaging": 0.98,
            "label_smoothing": 0.05,
            "augment": "Mixup + wgan-div",
            "fill_to": 0,
            "generator": "made/g",
            "gan_steps": 0,
            "flips": True,
            "rotation_degrees": 30,
            "shift": 0.08,
            "gain": 0.1,
            "mixup": 0.0,
            "nonlinear_mixup": 0.0,
            "dna_weight": 1.0,
            "stain_weight": 1.0,
        },
    ),
    (
        GanConfig(),
        {
            "steps": 5000,
            "epochs": 0,
            "batch_size": 32,
            "learning_rate": 0.0002,
            "critic_learning_rate": 0.001,
            "beta1": 0.5,
            "beta2": 0.99,
            "critic_steps": 1,
            "penalty": 0.02,
            "penalty_power": 2.0,
            "penalty_every": 8,
            "rare_phases": 0.5,
            "unlabelled": False,
            "averaging": 0.998,
            "seed": 0,
        },
    ),
]


@pytest.mark.parametrize(("settings", "written"), WRITTEN)
def test_files_keep_the_same_keys_and_texts_as_ever(settings: Settings, written: dict[str, Any]) -> None:
    assert list(settings.to_dict().items()) == list(written.items())
    assert type(settings).from_dict(written).to_dict() == written


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_has_a_default_that_it_takes_and_one_line_of_help(kind: type[Settings]) -> None:
    for item in settings_in(kind).values():
        assert item.check(item.default) == item.default
        assert item.options["tooltip"]
        assert "\n" not in item.options["tooltip"]


@pytest.mark.parametrize("text", ["brightfield", "brightfield=", "=Ch3", "brightfield=Ch3,", "a=b,,c=d"])
def test_what_names_no_channels_is_one_sentence(text: str) -> None:
    with pytest.raises(SettingError, match="must read like brightfield=Ch3,darkfield=Ch6"):
        parse_channels(text)


def test_phases_and_channels_are_read_with_blanks() -> None:
    assert parse_channels(" brightfield = Ch3, dna=Ch 7") == {"brightfield": "Ch3", "dna": "Ch 7"}
    assert parse_phase_numbers("anafase = 5, S_phase") == {Phase.ANAPHASE: 5, Phase.S: 0}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"prevalence": "bbbc047"}, "neither a phase with a number nor a known name"),
        ({"prevalence": {"Q": 1.0}}, "neither a phase with a number nor a known name"),
        ({"prevalence": {"G1": 0.0}}, "every phase the share 0"),
        ({"prevalence": {"G1": float("nan")}}, "of G1 is 'nan'"),
    ],
)
def test_shares_are_checked_where_the_settings_are_built(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        EvaluateSettings(**given)


def test_numbers_of_cells_are_checked_where_the_settings_are_built() -> None:
    with pytest.raises(SettingError, match="phase asks for '-5' cells of G2"):
        AugmentSettings(phase={Phase.G2: -5})


def test_overrides_change_the_recipe_and_nothing_else() -> None:
    settings = TrainSettings(model="duque2024", overrides={"rotation_degrees": 5})
    assert settings.default_config == RECIPES["duque2024"].config
    assert settings.config.rotation_degrees == 5.0
    assert isinstance(settings.overrides["rotation_degrees"], float)
    assert settings.config.epochs == RECIPES["duque2024"].config.epochs
    assert TrainSettings(start_from="mine").config == FINE_TUNING


@pytest.mark.parametrize(
    ("kind", "overrides", "reason"),
    [
        (TrainSettings, {"epoch": 3}, "overrides names 'epoch', but must name some of epochs, batch_size"),
        (TrainSettings, {"epochs": 0}, "epochs is 0, but must lie in 1 to 10000"),
        (TrainSettings, {"augment": "mixup"}, "augment is 'mixup', but must be of type Augmentation"),
        (EvaluateSettings, {"seed": 3}, "overrides names 'seed'"),
        (AugmentSettings, {"seed": 3}, "overrides names 'seed'"),
        (AugmentSettings, {"steps": 1.5}, "steps is 1.5, but must be a whole number"),
    ],
)
def test_overrides_are_checked(kind: type[Settings], overrides: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        kind(overrides=overrides)  # type: ignore[call-arg]
