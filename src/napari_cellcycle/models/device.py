"""Where a network runs, and in which precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from napari_cellcycle.errors import SettingError


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; ``auto`` takes a GPU where there is one.

    Raises
    ------
    SettingError
        This machine has no such device.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if there[device])
    if not there.get(name, False):
        usable = ", ".join(device for device, is_there in there.items() if is_there)
        raise SettingError(f"device is {name!r}, but this machine has only {usable}; choose auto")
    return torch.device(name)


def free_gpu_memory(device: torch.device) -> None:
    """Let other programs have the memory that torch keeps on `device` for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """Compute in bfloat16 where the hardware multiplies it faster than float32, else as usual."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", torch.bfloat16)
    if device.type == "cpu" and _cpu_multiplies_bfloat16():
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()


def _cpu_multiplies_bfloat16() -> bool:
    asked = getattr(torch.cpu, "get_capabilities", None)  # from torch 2.11 on
    capabilities = asked() if asked else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
