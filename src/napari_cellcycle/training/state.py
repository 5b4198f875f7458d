"""What every training shares: hooks for its caller, and a state that can be saved and loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Stop, never
from napari_cellcycle.models.device import free_gpu_memory

Tensors = dict[str, Tensor]
Checkpoint = tuple[Tensors, dict[str, Any]]
"""A training as tensors on the CPU, by name, and values for JSON."""


class TrainingState(ABC):
    """All that decides how a training continues, apart from its cells and settings.

    Attributes
    ----------
    random : torch.Generator
        Draws batches, their changes, and noise. Dropout and noise inside a network come from torch's global generators,
        which are saved too.
    """

    random: torch.Generator
    RANDOM: ClassVar[str]
    """Name of `random` in a checkpoint."""

    @property
    @abstractmethod
    def parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """Networks and optimisers by their names in a checkpoint, a network first."""

    def state_dict(self) -> Checkpoint:
        """Everything that a fresh state with the same settings lacks."""
        tensors: Tensors = {}
        for name, part in self.parts.items():
            tensors |= add_prefix(name, part.state_dict() if isinstance(part, nn.Module) else moments(part))
        states = {self.RANDOM: self.random.get_state(), "cpu": torch.get_rng_state()}
        if (gpu := self._gpu_random()) is not None:
            states["device"] = gpu.get_rng_state()
        return tensors | add_prefix("random", states), {}

    def load_state_dict(self, tensors: Tensors, values: Mapping[str, Any]) -> None:
        """Continue from a checkpoint; the state must be fresh.

        Parameters
        ----------
        tensors, values
            What `state_dict` returned for a training with the same settings.
        """
        for name, part in self.parts.items():
            found = strip_prefix(name, tensors)
            if isinstance(part, nn.Module):
                part.load_state_dict(found)
            else:
                load_moments(part, found)
        self.random.set_state(tensors[f"random.{self.RANDOM}"])
        torch.set_rng_state(tensors["random.cpu"])
        gpu = self._gpu_random()
        if gpu is not None and "random.device" in tensors:
            gpu.set_rng_state(tensors["random.device"])

    def _gpu_random(self) -> Any:
        """The module with the global generator of the networks' device; None on the CPU."""
        network = next(part for part in self.parts.values() if isinstance(part, nn.Module))
        return {"cuda": torch.cuda, "mps": torch.mps}.get(next(network.parameters()).device.type)


def _do_nothing(state: Any) -> None:
    """For a training that nobody watches."""


@dataclass(frozen=True)
class Hooks:
    """How the caller of a training steers it.

    Attributes
    ----------
    stop : callable
        Asked after each step; once it returns True, the training ends with what it has learned so far.
    begin : callable
        Gets the `TrainingState` before the first step, and may load a checkpoint into it.
    save : callable
        Gets the `TrainingState` whenever the training can be resumed from it: after each full epoch of a classifier,
        after each step of a generator.
    show_every : int
        Steps between samples of a generator's cells; 0: no samples.
    """

    stop: Stop = never
    begin: Callable[[Any], None] = _do_nothing
    save: Callable[[Any], None] = _do_nothing
    show_every: int = 0


@contextmanager
def device_memory(device: torch.device, batch_size: int) -> Iterator[None]:
    """Train on `device`, and free its memory at the end.

    Parameters
    ----------
    device : torch.device
        Where the training runs.
    batch_size : int
        For the message.

    Raises
    ------
    SettingError
        The memory of `device` is too small.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SettingError(
            f"the memory of {device} is too small for {batch_size} cells per step; lower the batch-size"
        ) from error
    finally:
        free_gpu_memory(device)


def moments(optimiser: torch.optim.Optimizer) -> Tensors:
    """What `optimiser` remembers of each weight, by the weight's number and its own name, such as ``3.exp_avg``."""
    remembered = optimiser.state_dict()["state"]
    return {f"{number}.{name}": value for number, slots in remembered.items() for name, value in slots.items()}


def load_moments(optimiser: torch.optim.Optimizer, values: Tensors) -> None:
    """Give a fresh optimiser the moments of another one.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        For weights of the same number and shapes.
    values : dict of str to Tensor
        What `moments` returned.
    """
    weights = optimiser.param_groups[0]["params"]
    for key, value in values.items():
        number, _, name = key.partition(".")
        weight = weights[int(number)]
        if value.ndim and value.shape != weight.shape:
            raise ValueError(f"{key} is of another weight")
        # in the memory layout of the weight, as the optimiser itself would create it: rounding may depend on it
        laid_out = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
        optimiser.state[weight][name] = laid_out


def add_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Name tensors for a checkpoint.

    Parameters
    ----------
    prefix : str
        Comes before each name, with a dot.
    tensors : mapping of str to Tensor
        On any device.

    Returns
    -------
    dict of str to Tensor
        The tensors on the CPU.
    """
    return {f"{prefix}.{name}": values.detach().cpu().contiguous() for name, values in tensors.items()}


def strip_prefix(prefix: str, tensors: Tensors) -> Tensors:
    """Find the tensors that `add_prefix` named.

    Parameters
    ----------
    prefix : str
        As given to `add_prefix`.
    tensors : dict of str to Tensor
        A checkpoint, with other tensors in it.

    Returns
    -------
    dict of str to Tensor
        By their names without `prefix`.
    """
    start = f"{prefix}."
    return {name.removeprefix(start): values for name, values in tensors.items() if name.startswith(start)}
