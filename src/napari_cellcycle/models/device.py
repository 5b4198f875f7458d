"""Where a network runs, and in which precision."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

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
