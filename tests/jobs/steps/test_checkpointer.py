"""A training that was broken off goes on to the same weights, and is never taken for another one."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from trained import TINY, using

from napari_cellcycle.cells import Cells
from napari_cellcycle.cli import main
from napari_cellcycle.errors import ModelError, SettingError, WriteError
from napari_cellcycle.events import Progress, result_of
from napari_cellcycle.jobs.config import TrainSettings
from napari_cellcycle.jobs.steps import checkpointer
from napari_cellcycle.jobs.train import train_cells
from napari_cellcycle.store.checkpoints import (
    CHECKPOINT,
    read_identity,
    unfinished_folder,
    unfinished_runs,
    write_checkpoint,
)
from napari_cellcycle.store.models import WEIGHTS, load_card
from napari_cellcycle.training import boosting
from napari_cellcycle.training.augment_flag import parse_augment
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.training.config import TrainConfig

pytestmark = pytest.mark.usefixtures("narrow_generators")

SHORT = TrainConfig(epochs=4, batch_size=32, averaging=0.5)
RESUME = replace(TINY, resume=True)


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpointer, "CHECKPOINT_SHARE", math.inf)
    monkeypatch.setattr(boosting, "TREES_PER_EPOCH", 2)


def break_off(
    cells: Cells, output: Path, config: TrainConfig, run: TrainSettings, n_steps: int, what: str = "training"
) -> None:
    """Train for `n_steps` steps of three an epoch, or of a generator, and stop reading."""
    events = train_cells(cells, output, using(run, config))
    steps = (event for event in events if isinstance(event, Progress) and event.what == what)
    assert len(list(islice(steps, n_steps))) == n_steps
    events.close()
    torch.rand(7)  # what torch's own generator does meanwhile must not matter


@pytest.mark.parametrize(
    ("model", "breaks", "changes"),
    [
        ("default", [4], {"epochs": 2}),
        ("tiny", [7, 4], {"optimiser": "sgd", "learning_rate": 0.05}),
        ("tiny", [12], {"mixup": 0.4, "patience": 2}),
    ],
)
def test_it_goes_on_to_the_same_weights(
    made_cells: Cells, tmp_path: Path, model: str, breaks: list[int], changes: dict[str, object]
) -> None:
    config, new = replace(SHORT, **changes), replace(TINY, model=model)
    result_of(train_cells(made_cells, tmp_path / "whole", using(new, config)))
    broken = tmp_path / "broken"
    for number, n_steps in enumerate(breaks):
        break_off(made_cells, broken, config, replace(new, resume=number > 0), n_steps)
        assert unfinished_folder(broken).is_dir()
        assert not broken.exists()
    resume = replace(new, resume=True)
    epochs = [e for e in train_cells(made_cells, broken, using(resume, config)) if isinstance(e, EpochDone)]
    assert (broken / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert (broken / "log.csv").read_text() == (tmp_path / "whole" / "log.csv").read_text()
    assert [done.epoch for done in epochs] == list(range(1, len(epochs) + 1))  # the earlier ones are told again
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "whole"]


def test_a_generator_on_the_way_goes_on_too(made_cells: Cells, tmp_path: Path) -> None:
    config, what = replace(SHORT, epochs=2, augment=parse_augment("cellgan"), gan_steps=6), "training the generator"
    cells, broken = made_cells.subset(np.r_[0:30, 30:50, 60:70]), tmp_path / "broken"
    result_of(train_cells(cells, tmp_path / "whole", using(TINY, config)))
    break_off(cells, broken, config, replace(RESUME, resume=False), 4, what)
    assert unfinished_runs(tmp_path) == [broken]
    assert read_identity(broken)["augment"] == "cellgan"
    with pytest.raises(SettingError, match="gan-steps 6, not 7"):
        list(train_cells(cells, broken, using(RESUME, replace(config, gan_steps=7))))
    break_off(cells, broken, config, RESUME, 3)
    resumed = list(train_cells(cells, broken, using(RESUME, config)))
    assert len([event for event in resumed if isinstance(event, Progress) and event.what == what]) <= 1
    assert (broken / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "whole"]


SLOW_TRAINING = """
import sys, time
import tiny
from napari_cellcycle.cli import main
from napari_cellcycle.jobs.steps import checkpointer

def write_slowly(*what):
    write(*what)
    time.sleep(60)  # or the six epochs are over before the process can be killed

checkpointer.CHECKPOINT_SHARE = 9e9
write, checkpointer.write_checkpoint = checkpointer.write_checkpoint, write_slowly
sys.exit(main(sys.argv[1:]))
"""


def test_a_killed_process_goes_on_to_the_same_weights(plate: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ["train", str(plate), "--model", "tiny", "--device", "cpu", "--epochs", "6", "--batch-size", "16"]
    path = os.pathsep.join([str(Path(tiny.__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", SLOW_TRAINING, *arguments, "-o", str(out)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})
    until = time.monotonic() + 60
    while not (unfinished_folder(out) / CHECKPOINT).exists() and time.monotonic() < until:
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    assert main([*arguments, "-o", str(tmp_path / "whole")]) == 0
    assert main([*arguments, "-o", str(out)]) == 2
    assert main([*arguments, "-o", str(out), "--resume"]) == 0
    assert (out / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert not unfinished_folder(out).exists()


@pytest.fixture
def broken(made_cells: Cells, tmp_path: Path) -> Path:
    """Where a training was broken off after its first epoch."""
    break_off(made_cells, tmp_path / "run", SHORT, TINY, 4)
    return tmp_path / "run"


def test_other_settings_or_cells_are_refused(made_cells: Cells, broken: Path) -> None:
    before = (unfinished_folder(broken) / CHECKPOINT).read_bytes()
    with pytest.raises(SettingError, match=r"run\.unfinished was begun with epochs 4, not 9; use the same, or remove"):
        result_of(train_cells(made_cells, broken, using(RESUME, replace(SHORT, epochs=9))))
    with pytest.raises(SettingError, match="was begun with model tiny, not duque2024"):
        result_of(train_cells(made_cells, broken, using(replace(RESUME, model="duque2024"), SHORT)))
    phases = made_cells.phases.copy()
    phases[0] = 1
    with pytest.raises(SettingError, match="was begun with other cells; use the same"):
        result_of(train_cells(replace(made_cells, phases=phases), broken, using(RESUME, SHORT)))
    assert (unfinished_folder(broken) / CHECKPOINT).read_bytes() == before
    assert not broken.exists()


def test_what_was_broken_off_is_not_overwritten_unless_resumed(made_cells: Cells, broken: Path) -> None:
    with pytest.raises(WriteError, match=r"run\.unfinished is an unfinished training; resume it, or remove"):
        result_of(train_cells(made_cells, broken, using(TINY, SHORT)))


def test_a_finished_run_is_not_resumed(made_cells: Cells, model_folder: Path) -> None:
    with pytest.raises(WriteError, match="exists already"):
        result_of(train_cells(made_cells, model_folder, using(RESUME, SHORT)))


@pytest.mark.parametrize("damage", [b"", b"\x00" * 100, None])
def test_a_damaged_checkpoint_is_one_sentence(made_cells: Cells, broken: Path, damage: bytes | None) -> None:
    path = unfinished_folder(broken) / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-1] if damage is None else damage)
    with pytest.raises(ModelError, match=r"checkpoint\.safetensors is damaged \(.*\); remove .*unfinished"):
        result_of(train_cells(made_cells, broken, using(RESUME, SHORT)))


def test_writing_takes_a_small_share_of_the_time(
    made_cells: Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    monkeypatch.setattr(checkpointer, "CHECKPOINT_SHARE", 1e-9)
    monkeypatch.setattr(checkpointer, "write_checkpoint", lambda output, *_: written.append(output))
    result_of(train_cells(made_cells, tmp_path / "run", using(TINY, SHORT)))
    assert written == [tmp_path / "run"]  # the first epoch's


def test_nothing_to_resume_is_a_new_training(made_cells: Cells, tmp_path: Path) -> None:
    model = result_of(train_cells(made_cells, tmp_path / "run", using(RESUME, SHORT)))
    assert model.card.training["epochs_done"] == 4


@pytest.mark.parametrize(("presses", "code"), [(1, 0), (2, 130)])
def test_ctrl_c_stops_and_a_second_one_abandons(
    plate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    presses: int,
    code: int,
) -> None:
    def press(output: Path, *written: Any) -> None:
        write_checkpoint(output, *written)
        for _ in range(presses):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(checkpointer, "write_checkpoint", press)
    out, before = tmp_path / "run", signal.getsignal(signal.SIGINT)
    assert main(["train", str(plate), "-o", str(out), "--model", "tiny", "--device", "cpu", "--epochs", "50"]) == code
    said = capsys.readouterr()
    assert "stopping; press Ctrl-C again to abandon" in said.err
    assert signal.getsignal(signal.SIGINT) is before
    if code:
        assert said.err.splitlines()[-1] == ("napari-cellcycle: abandoned; the same command with --resume continues it")
        assert not out.exists()
        assert unfinished_folder(out).is_dir()
    else:
        best, n_epochs = (load_card(out).training[name] for name in ("best_epoch", "epochs_done"))
        expected = f"stopped after epoch 2; the best weights, of epoch {best}, were written to {out}"
        assert (n_epochs, expected in said.out) == (2, True)
        assert not unfinished_folder(out).exists()
