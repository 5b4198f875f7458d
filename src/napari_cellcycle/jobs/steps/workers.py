"""Tasks on other processes: of this computer, or of a cluster of dask.distributed. Both run the same code.

What all tasks share is packed once and goes to each process once. If a process ends before its task is done, another
one gets that task.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from hashlib import sha256
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar

from napari_cellcycle.errors import SettingError, StoppedError
from napari_cellcycle.jobs.config import WorkerSettings
from napari_cellcycle.versions import installed_versions

Result = TypeVar("Result")
_MOST_LOSSES = 3
"""Times in a row that processes may end before any task is done."""
_WAIT_S = 60
_SURROUNDINGS = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
}
"""Each worker computes with one thread, and its C library (glibc) keeps the memory of a batch for the next one.
Otherwise the system takes it and gives it back all the time, which costs a quarter of the time. glibc takes 32 MB.
"""
NEEDS_DISTRIBUTED = "scheduler needs one more package; install it with: pip install 'napari-cellcycle[cluster]'"


class _Packed(NamedTuple):
    """What all tasks share, as it travels; every process unpacks it once."""

    content: bytes
    name: str
    versions: dict[str, str]


class _LostError(Exception):
    """Processes ended; the tasks that are not done must be given to others."""


def run_tasks(
    function: Callable[[Any, Any], Result], shared: Any, tasks: Sequence[Any], workers: WorkerSettings
) -> Iterator[tuple[int, Result]]:
    """Call ``function(shared, task)`` for each task, in other processes with one thread each.

    Parameters
    ----------
    function : callable
        At the top of a module, so that it can be sent.
    shared : object
        What all tasks need. On a cluster its files must be there under the same names.
    tasks : sequence
        What differs between them; small.
    workers : WorkerSettings
        How many processes of this computer, or which cluster.

    Yields
    ------
    tuple of (int, object)
        The index of a task that is done, and its result.

    Raises
    ------
    SettingError
        The scheduler can't be reached, or its workers have other versions.
    StoppedError
        Processes end again and again before they are done with any task.
    """
    content = pickle.dumps(shared, pickle.HIGHEST_PROTOCOL)
    packed = _Packed(content, sha256(content).hexdigest(), installed_versions())
    left, losses = dict(enumerate(tasks)), 0
    while left:
        start = _on_cluster if workers.scheduler else _on_this_computer
        try:
            for index, result in start(function, packed, dict(left), workers):
                del left[index]
                losses = 0
                yield index, result
        except _LostError as error:
            losses += 1
            if losses > _MOST_LOSSES:
                raise StoppedError(
                    f"processes ended {losses} times before they were done with a task ({error}); use fewer workers, "
                    "as there may be too little memory"
                ) from error


def _on_this_computer(
    function: Callable[[Any, Any], Result], packed: _Packed, tasks: dict[int, Any], workers: WorkerSettings
) -> Iterator[tuple[int, Result]]:
    n_processes = min(workers.workers, len(tasks))
    with _surroundings_of_workers():
        pool = ProcessPoolExecutor(n_processes, get_context("spawn"), initializer=_receive, initargs=(packed,))
        try:
            futures = {pool.submit(_run_received, function, packed.name, task): i for i, task in tasks.items()}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise _LostError(str(error)) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _on_cluster(
    function: Callable[[Any, Any], Result], packed: _Packed, tasks: dict[int, Any], workers: WorkerSettings
) -> Iterator[tuple[int, Result]]:
    try:
        from dask.distributed import Client
        from dask.distributed import as_completed as completed
        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise SettingError(NEEDS_DISTRIBUTED) from error
    address = str(workers.scheduler)
    try:
        client = Client(address, timeout=_WAIT_S, set_as_default=False)
        client.wait_for_workers(1, timeout=_WAIT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise SettingError(
            f"no scheduler with workers answers at {address}; start them with `dask scheduler` and `dask worker`"
        ) from error
    with client:
        (held,) = client.scatter([packed], broadcast=True, hash=False)
        futures = {client.submit(_run_packed, function, held, task, pure=False): i for i, task in tasks.items()}
        try:
            for future in completed(futures, loop=client.loop):
                yield futures[future], future.result()
                future.release()
        except (KilledWorker, FutureCancelledError) as error:
            raise _LostError(str(error)) from error
        except ModuleNotFoundError as error:
            raise SettingError(
                f"the workers of {address} lack {error.name}; install the same napari-cellcycle there"
            ) from error


_unpacked: dict[str, Any] = {}


def _receive(packed: _Packed) -> None:
    """Unpack what all tasks share, where that was not done before; only the newest is kept."""
    if packed.name in _unpacked:
        return
    import torch

    torch.set_num_threads(1)
    _unpacked.clear()
    _unpacked[packed.name] = pickle.loads(packed.content)


def _run_received(function: Callable[[Any, Any], Result], name: str, task: Any) -> Result:
    return function(_unpacked[name], task)


def _run_packed(function: Callable[[Any, Any], Result], packed: _Packed, task: Any) -> Result:
    own = installed_versions()
    different = [
        f"{name} {own[name]} and not {version}" for name, version in packed.versions.items() if own[name] != version
    ]
    if different:
        raise SettingError(f"a worker has {', '.join(different)}; install the same versions everywhere")
    _receive(packed)
    return _run_received(function, packed.name, task)


@contextmanager
def _surroundings_of_workers() -> Iterator[None]:
    """Give processes that are started now `_SURROUNDINGS`; those of this process are as before afterwards."""
    before = {name: os.environ.get(name) for name in _SURROUNDINGS}
    os.environ.update(_SURROUNDINGS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
