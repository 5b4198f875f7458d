"""A training that was broken off goes on to the same weights, and is never taken for another one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ModelError, SettingError, WriteError
from napari_cellcycle.events import Progress, result_of
from napari_cellcycle.io.runs import CARD, WEIGHTS, load_card
from napari_cellcycle.io.unfinished import CHECKPOINT, unfinished_folder
from napari_cellcycle.jobs import resuming
from napari_cellcycle.jobs.train import TrainRun, train_cells
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.training.config import TrainConfig

SHORT = TrainConfig(epochs=4, batch_size=32, averaging=0.5)
RESUME = TrainRun(device="cpu", resume=True)


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "CHECKPOINT_SECONDS", 0.0)


def break_off(cells: Cells, output: Path, config: TrainConfig, run: TrainRun, n_steps: int) -> None:
    """Train for `n_steps` steps of three an epoch, and stop reading."""
    events = train_cells(cells, output, run, config)
    steps = (event for event in events if isinstance(event, Progress) and event.what == "training")
    assert len(list(islice(steps, n_steps))) == n_steps
    events.close()
    torch.rand(7)  # what torch's own generator does meanwhile must not matter


@pytest.mark.parametrize(
    ("breaks", "changes"),
    [
        ([4], {}),
        ([7, 4], {"optimiser": "sgd", "learning_rate": 0.05}),
        ([12], {"mixup": 0.4, "patience": 2}),
    ],
)
def test_it_goes_on_to_the_same_weights(
    made_cells: Cells, tmp_path: Path, breaks: list[int], changes: dict[str, object]
) -> None:
    config = replace(SHORT, **changes)
    result_of(train_cells(made_cells, tmp_path / "whole", TrainRun(device="cpu"), config))
    broken = tmp_path / "broken"
    for number, n_steps in enumerate(breaks):
        break_off(made_cells, broken, config, replace(RESUME, resume=number > 0), n_steps)
        assert unfinished_folder(broken).is_dir()
        assert not broken.exists()
    epochs = [e for e in train_cells(made_cells, broken, RESUME, config) if isinstance(e, EpochDone)]
    assert (broken / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert (broken / "log.csv").read_text() == (tmp_path / "whole" / "log.csv").read_text()
    assert [done.epoch for done in epochs] == list(range(1, len(epochs) + 1))  # the earlier ones are told again
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "whole"]
