"""Where a network runs, and in which precision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from napari_cellcycle.errors import SettingError


def pick_device(name: str = "auto") -> torch.device:
    """The torch device called `name`; ``auto`` takes a GPU if there is one.

    Raises
    ------
    SettingError
        This machine has no such device.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if present[device])
    if not present.get(name, False):
        usable = ", ".join(device for device, is_present in present.items() if is_present)
        raise SettingError(f"device is {name!r}, but this machine has only {usable}; choose auto")
    return torch.device(name)


def free_gpu_memory(device: torch.device) -> None:
    """Release the memory that torch reserves on `device`, for other programs."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """Compute in bfloat16 where the hardware multiplies it faster than float32, otherwise in float32."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", torch.bfloat16)
    get_capabilities: Callable[[], dict[str, bool]] = getattr(torch.cpu, "get_capabilities", dict)  # new in torch 2.11
    if device.type == "cpu" and any(get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16")):
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()


class _Threads:
    """How many threads torch had before the first of the jobs that now compute a batch per thread."""

    lock = threading.Lock()
    n_jobs = 0
    n_threads = 1


@contextmanager
def one_thread_per_batch() -> Iterator[int]:
    """Compute each batch in one thread; yields how many batches to compute at a time.

    Threads that share a batch wait for one another after each layer, and for all of them if another program has one of
    the cores. Threads with a batch each never wait. And as a batch is always computed by one thread, its outputs are
    the same on every number of cores.
    """
    with _Threads.lock:
        if not _Threads.n_jobs:
            _Threads.n_threads = torch.get_num_threads()
        _Threads.n_jobs += 1
        n_threads = _Threads.n_threads
    torch.set_num_threads(1)  # of this thread, and of those that are started from now on
    try:
        yield n_threads + 1  # one of them reads
    finally:
        torch.set_num_threads(n_threads)
        with _Threads.lock:
            _Threads.n_jobs -= 1
