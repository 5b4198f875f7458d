"""An unfinished training is believed after a check: values first, then tensors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_cellcycle.errors import ModelError
from napari_cellcycle.store.checkpoints import (
    CHECKPOINT,
    read_checkpoint,
    read_identity,
    restoring,
    unfinished_folder,
    write_checkpoint,
)
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.gan.config import GanConfig

EPOCH = {"epoch": 1, "epochs": 4, "training_loss": float("nan"), "validation_loss": float("inf")}
EPOCH |= {"validation_accuracy": 0.5, "validation_macro_f1": 0.5, "is_best": True}
SCHEDULE = {"base_lrs": [0.1], "last_epoch": 3, "_step_count": 4, "_last_lr": [0.1], "lr_lambdas": [None]}
TRAINING = {
    "identity": {
        **TrainConfig().to_dict(),
        "model": "default",
        "start_from": "",
        "device": "cpu",
        "cells": ["ab", "cd"],
    },
    "seconds": 3.5,
    "schedule": SCHEDULE,
    "log": [EPOCH],
}
AUGMENTING = {
    "identity": {"method": "cellgan", "seed": 0, "phases": ["G1"], "make": ["brightfield"], "cells": "ab", "steps": 9},
    "seconds": 3,
    "part": "all",
    "course": {"step": 4},
    "steps": {},
}
TENSORS = {"network.weight": torch.arange(6.0).reshape(2, 3)}


@pytest.mark.parametrize("values", [TRAINING, AUGMENTING, {**AUGMENTING, "identity": TRAINING["identity"]}])
def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path, values: dict[str, Any]) -> None:
    write_checkpoint(tmp_path / "run", TENSORS, values)
    tensors, found = read_checkpoint(tmp_path / "run")
    assert json.dumps(found) == json.dumps(values)
    assert read_identity(tmp_path / "run") == values["identity"]
    os.truncate(unfinished_folder(tmp_path / "run") / CHECKPOINT, 0)  # in a mapped file this ends the process
    assert torch.equal(tensors["network.weight"], TENSORS["network.weight"])


@pytest.mark.parametrize(
    ("values", "key", "value", "message"),
    [
        (TRAINING, "seconds", -1, "seconds is -1, but must be greater than or equal to 0"),
        (TRAINING, "seconds", None, "seconds is null"),
        (TRAINING, "identity.epochs", "abc", "identity.train.epochs is 'abc', but must be a valid integer"),
        (TRAINING, "identity.device", ..., "it has no identity.train.device"),
        (TRAINING, "identity.colour", "red", "it has the unknown key identity.train.colour"),
        (TRAINING, "log.0.epoch", -1, r"log\[0\].epoch is -1"),
        (TRAINING, "log.0.is_best", 1, r"log\[0\].is_best is 1, but must be a valid boolean"),
        (TRAINING, "schedule.optimizer", 3, "optimizer"),
        (TRAINING, "schedule.last_epoch", ..., "schedule lacks base_lrs, last_epoch or _last_lr"),
        (TRAINING, "schedule", ..., "it has neither the schedule and log of a model nor"),
        (AUGMENTING, "course.step", -3, "course.step is -3"),
        (AUGMENTING, "identity.method", "diffusion", "identity.augment.method is 'diffusion'"),
        (AUGMENTING, "identity.phases", ["G0"], r"identity.augment.phases\[0\] is 'G0'"),
        (AUGMENTING, "identity.beta1", 1.5e400, "finite"),
        (AUGMENTING, "steps.all", "x", "steps.all is 'x'"),
    ],
)
def test_absurd_values_are_one_sentence(
    tmp_path: Path, values: dict[str, Any], key: str, value: object, message: str
) -> None:
    changed = json.loads(json.dumps(values))
    *way, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    inner = changed
    for part in way:
        inner = inner[part]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    write_checkpoint(tmp_path / "run", TENSORS, changed)
    with pytest.raises(ModelError, match=rf"checkpoint\.safetensors is damaged \(.*{message}.*\); remove .*unfinished"):
        read_identity(tmp_path / "run")


def test_the_settings_of_a_checkpoint_are_those_that_there_are(tmp_path: Path) -> None:
    identity = {**AUGMENTING["identity"], **GanConfig().to_dict()}
    write_checkpoint(tmp_path / "run", TENSORS, {**AUGMENTING, "identity": identity})
    assert read_identity(tmp_path / "run") == identity


@given(data=st.data())
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_or_missing_byte_gives_an_error_or_a_whole_checkpoint(tmp_path: Path, data: st.DataObject) -> None:
    write_checkpoint(tmp_path / "run", TENSORS, TRAINING)
    path = unfinished_folder(tmp_path / "run") / CHECKPOINT
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[position] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[position:]
    path.write_bytes(bytes(content))
    try:
        tensors, values = read_checkpoint(tmp_path / "run")
    except ModelError:
        return
    assert [values.shape for values in tensors.values()] == [(2, 3)]
    assert set(values) == set(TRAINING)


def test_tensors_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelError, match=r"checkpoint\.safetensors is damaged \(its tensors don't fit: .*\); remove "),
        restoring(tmp_path / "run"),
    ):
        torch.nn.Linear(2, 2).load_state_dict({"weight": torch.zeros(3)})
