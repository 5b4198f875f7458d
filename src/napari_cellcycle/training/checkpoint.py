"""A training as tensors and JSON, so that it can go on in another process to the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from napari_cellcycle.training.classifier import EpochDone, TrainingState

Tensors = dict[str, Tensor]


def take(state: TrainingState) -> tuple[Tensors, dict[str, Any]]:
    """All of `state` that a fresh one of the same settings lacks: tensors on the CPU by name, and values for JSON."""
    tensors = {
        **named("network", state.network.state_dict()),
        **named("average", state.average.state_dict()),
        **named("best", state.best),
        **named("optimiser", moments(state.optimiser)),
        **named("random", _random_states(state)),
    }
    return tensors, {"schedule": state.schedule.state_dict(), "log": [asdict(done) for done in state.log]}


def restore(state: TrainingState, tensors: Tensors, values: Mapping[str, Any]) -> None:
    """Put a fresh `state` where the one was that `take` gave `tensors` and `values` of."""
    state.network.load_state_dict(under("network", tensors))
    state.average.load_state_dict(under("average", tensors))
    state.best.update(under("best", tensors))
    state.log.extend(EpochDone(**done) for done in values["log"])
    restore_moments(state.optimiser, under("optimiser", tensors))
    state.schedule.load_state_dict(values["schedule"])
    for group, step_size in zip(state.optimiser.param_groups, state.schedule.get_last_lr(), strict=True):
        group["lr"] = step_size
    states = under("random", tensors)
    state.random.set_state(states["lessons"])
    torch.set_rng_state(states["cpu"])
    if (device := _device_random(state)) is not None:
        device.set_rng_state(states["device"])


def moments(optimiser: torch.optim.Optimizer) -> Tensors:
    """What `optimiser` keeps of each weight, by the weight's number and its own name."""
    kept = optimiser.state_dict()["state"]
    return {f"{number}.{name}": value for number, slots in kept.items() for name, value in slots.items()}


def restore_moments(optimiser: torch.optim.Optimizer, kept: Tensors) -> None:
    """Put back what `moments` gave."""
    weights = optimiser.param_groups[0]["params"]
    for key, value in kept.items():
        number, _, name = key.partition(".")
        weight = weights[int(number)]
        # in the layout of the weight, as the optimiser would have made it: rounding may depend on it
        laid_out = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
        optimiser.state[weight][name] = laid_out


def _random_states(state: TrainingState) -> Tensors:
    states = {"lessons": state.random.get_state(), "cpu": torch.get_rng_state()}
    if (device := _device_random(state)) is not None:
        states["device"] = device.get_rng_state()
    return states


def _device_random(state: TrainingState) -> Any:
    """Where dropout draws from if the network is not on the CPU."""
    kind = next(state.network.parameters()).device.type
    return {"cuda": torch.cuda, "mps": torch.mps}.get(kind)


def named(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """`tensors` on the CPU, each with `prefix` and a dot before its name."""
    return {f"{prefix}.{name}": values.detach().cpu().contiguous() for name, values in tensors.items()}


def under(prefix: str, tensors: Tensors) -> Tensors:
    """Those of `tensors` that `named` gave `prefix`, by their names without it."""
    return {
        name.removeprefix(f"{prefix}."): values for name, values in tensors.items() if name.startswith(f"{prefix}.")
    }
