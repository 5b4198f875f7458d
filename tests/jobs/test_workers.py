"""Work is shared by processes; one that is killed loses nothing, and results are those of one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tasks
import torch

import napari_cellcycle.predict
from napari_cellcycle.cells import Cells
from napari_cellcycle.cli import main
from napari_cellcycle.errors import SettingError, StoppedError
from napari_cellcycle.events import result_of
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.jobs.config import EvaluateSettings, ReadSettings, WorkerSettings
from napari_cellcycle.jobs.protocols.cross_validation import cross_validate_cells
from napari_cellcycle.jobs.steps import workers
from napari_cellcycle.jobs.steps.fit_generator import fit_generator
from napari_cellcycle.jobs.steps.generator_plan import GeneratorPlan
from napari_cellcycle.jobs.steps.kept_chunks import KeptChunks
from napari_cellcycle.jobs.steps.workers import run_tasks

on_posix = pytest.mark.skipif(os.name != "posix", reason="a process is killed by a signal")
SMALL = ["--batch-size", "64"]
RESULTS = ("phases.csv", "summary.json", "montage.png")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(napari_cellcycle.predict, "CHUNK_CELLS", 64)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process writes that nobody disturbs."""
    out = tmp_path_factory.mktemp("unbroken") / "out"
    assert classify(out) == 0
    return results(out)


def classify(out: Path, *options: str) -> int:
    return main(["classify", str(sample_path()), "-o", str(out), *SMALL, *options])


def results(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in RESULTS}


@on_posix
def test_a_process_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    found = dict(run_tasks(tasks.double_but_die_once, tmp_path, range(5), WorkerSettings(workers=2)))
    assert found == {0: 0, 1: 2, 2: 4, 3: 6, 4: 8}
    assert (tmp_path / "died").exists()


@on_posix
def test_where_every_process_dies_the_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_MOST_LOSSES", 1)
    with pytest.raises(StoppedError, match="use fewer workers"):
        list(run_tasks(tasks.die, tmp_path, [1], WorkerSettings(workers=2)))


def test_workers_have_surroundings_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    with workers._surroundings_of_workers():
        assert os.environ["OMP_NUM_THREADS"] == "1"
        assert int(os.environ["MALLOC_TRIM_THRESHOLD_"]) > 2**26
    assert (os.environ["OMP_NUM_THREADS"], "MALLOC_TRIM_THRESHOLD_" in os.environ) == ("3", False)


def test_workers_and_scheduler_exclude_each_other() -> None:
    with pytest.raises(SettingError, match="leave one out"):
        WorkerSettings(workers=2, scheduler="tcp://10.0.0.5:8786")


@on_posix
def test_a_run_that_was_killed_goes_on_and_writes_the_same(
    tmp_path: Path, unbroken: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER_TWO_CHUNKS, "classify", str(sample_path()), "-o", str(out), *SMALL],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    assert classify(out) == 2
    assert "go on with --resume" in capsys.readouterr().err
    assert classify(out, "--resume", "--model", "duque2024") == 2
    assert "comes from other cells, another model or other settings" in capsys.readouterr().err
    computed: list[range] = []
    write = KeptChunks.write
    monkeypatch.setattr(KeptChunks, "write", lambda own, rows, found: computed.append(rows) or write(own, rows, found))
    assert classify(out, "--resume") == 0
    assert computed == [range(128, 192), range(192, 256), range(256, 320), range(320, 350)]
    assert results(out) == unbroken
    assert not out.with_name("out.unfinished").exists()


KILLED_AFTER_TWO_CHUNKS = """
import os, signal, sys
import napari_cellcycle.predict as predict
from napari_cellcycle.cli import main
from napari_cellcycle.jobs.steps.kept_chunks import KeptChunks

predict.CHUNK_CELLS, write, written = 64, KeptChunks.write, []

def write_two(own, rows, found):
    write(own, rows, found)
    written.append(rows)
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

KeptChunks.write = write_two
main(sys.argv[1:])
"""


def test_folds_trained_at_the_same_time_give_the_report_of_one_after_the_other(made_cells: Cells) -> None:
    config = EvaluateSettings(model=("duque2024",), cv=2, device="cpu", overrides={"epochs": 1})
    reading = ReadSettings()
    few = made_cells.subset(range(0, len(made_cells), 3))
    alone, _ = result_of(cross_validate_cells(few, config, reading, ["made"]))
    shared, _ = result_of(cross_validate_cells(few, config, reading, ["made"], workers=WorkerSettings(workers=2)))
    assert shared.to_dict() == alone.to_dict()


def test_generators_of_several_phases_are_trained_at_the_same_time(made_cells: Cells) -> None:
    plan = GeneratorPlan(
        method="wgan-gp",
        phases=(0, 1),
        channels=("brightfield",),
        changes={"steps": 1, "batch_size": 4, "critic_steps": 1},
        seed=0,
        device="cpu",
    )
    alone = result_of(fit_generator("made", made_cells, plan))
    shared = result_of(fit_generator("made", made_cells, plan, workers=WorkerSettings(workers=2)))
    assert shared.card == alone.card
    for part, network in alone.networks.items():
        for name, values in network.state_dict().items():
            assert torch.equal(values, shared.networks[part].state_dict()[name])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes of dask.distributed on this computer."""
    distributed = pytest.importorskip("distributed")
    import dask

    with (
        dask.config.set({"distributed.worker.daemon": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as started,
    ):
        yield started


@on_posix
@pytest.mark.filterwarnings("ignore")  # of dask, that a worker was lost
def test_a_cluster_gives_the_results_of_one_process_though_a_worker_is_killed(
    tmp_path: Path, unbroken: dict[str, bytes], cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = [worker.pid for worker in cluster.workers.values()]
    write, written = KeptChunks.write, list[range]()

    def kill_after_the_first(own: KeptChunks, rows: range, found: Any) -> None:
        write(own, rows, found)
        written.append(rows)
        if len(written) == 1:
            os.kill(pids[0], signal.SIGKILL)

    monkeypatch.setattr(KeptChunks, "write", kill_after_the_first)
    assert classify(tmp_path / "out", "--scheduler", cluster.scheduler_address) == 0
    assert sorted(rows.start for rows in written) == [0, 64, 128, 192, 256, 320]
    found = results(tmp_path / "out")
    assert found["phases.csv"] == unbroken["phases.csv"]
    assert found["montage.png"] == unbroken["montage.png"]


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "_WAIT_S", 0.2)
    with pytest.raises(SettingError, match="no scheduler with workers answers"):
        list(run_tasks(tasks.die, tmp_path, [1], WorkerSettings(scheduler="tcp://127.0.0.1:9")))
