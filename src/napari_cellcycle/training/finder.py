"""How a finder learns: patches in, the averaged weights out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Job, Progress, Stop, never
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.models.finder import DISTANCE as DISTANCE_MAP
from napari_cellcycle.models.finder import FOREGROUND as FOREGROUND_MAP
from napari_cellcycle.models.finder import FinderNetwork
from napari_cellcycle.training.finder_config import FinderConfig
from napari_cellcycle.training.finder_patches import DISTANCE, FOREGROUND, IMAGE, WEIGHT, Patches, TrainingField
from napari_cellcycle.training.state import device_memory

_WARM_UP = 0.1
_SHOWN_EVERY = 20


@dataclass(frozen=True)
class FinderStep:
    """Steps done so far, and the mean loss of the last ones."""

    step: int
    loss: float

    def __str__(self) -> str:
        return f"loss {self.loss:.3f}"


def train_finder(
    network: FinderNetwork,
    fields: Sequence[TrainingField],
    config: FinderConfig,
    device: torch.device,
    stop: Stop = never,
) -> Job[Progress | FinderStep, int]:
    """Train `network` in place.

    However it ends, `network` has the running average of its weights and is left on the CPU in evaluation mode.

    Parameters
    ----------
    network : FinderNetwork
        With its initial weights.
    fields : sequence of TrainingField
        What to learn from.
    config : FinderConfig
        Settings.
    device : torch.device
        Where to train.
    stop : callable
        Ends the training early, with what was learned so far, when it returns True.

    Returns
    -------
    int
        Steps that were done.

    Raises
    ------
    SettingError
        The loss is not a number any more, or the device's memory is too small.
    """
    random = torch.Generator().manual_seed(config.seed)
    patches = Patches([field.planes() for field in fields], config)
    network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    average = AveragedModel(network, avg_fn=get_ema_avg_fn(config.averaging), use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = LambdaLR(optimiser, lambda step: _learning_rate(step, config.steps))
    objects = _object_weight(patches.fields, config)
    done, losses = 0, list[float]()
    with device_memory(device, config.batch_size):
        try:
            while done < config.steps and not stop():
                losses.append(_step(network, patches.draw(random).to(device), optimiser, objects, config))
                schedule.step()
                average.update_parameters(network)
                done += 1
                yield Progress(done, config.steps, "training the finder")
                if done % _SHOWN_EVERY == 0 or done == config.steps:
                    yield FinderStep(done, sum(losses) / len(losses))
                    losses.clear()
            return done
        finally:
            network.load_state_dict(average.module.state_dict())
            network.zero_grad()
            network.to("cpu").eval()


def _step(
    network: nn.Module, batch: Tensor, optimiser: torch.optim.Optimizer, objects: float, config: FinderConfig
) -> float:
    """Update the weights once; return the loss."""
    images = batch[:, IMAGE, None].contiguous(memory_format=torch.channels_last)
    with mixed_precision(images.device):
        maps = network(images)
    maps, truth = maps.float(), batch[:, FOREGROUND]
    weight = batch[:, WEIGHT] * (1 + (objects - 1) * truth)
    total = weight.sum().clamp_min(1)
    crossed = binary_cross_entropy_with_logits(maps[:, FOREGROUND_MAP], truth, weight, reduction="sum") / total
    apart = (weight * (maps[:, DISTANCE_MAP] - batch[:, DISTANCE]).square()).sum() / total
    loss = crossed + config.distance_weight * apart
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    value = float(loss.item())
    if not math.isfinite(value):
        raise SettingError("the loss is not a number any more; train with a lower learning-rate")
    return value


def _object_weight(fields: Sequence[Tensor], config: FinderConfig) -> float:
    """Weight of a pixel of an object, where one of background has 1."""
    learned = sum(float(field[WEIGHT].sum()) for field in fields)
    objects = sum(float((field[FOREGROUND] * field[WEIGHT]).sum()) for field in fields)
    return float((max(learned - objects, 1) / max(objects, 1)) ** config.foreground_weight)


def _learning_rate(step: int, n_steps: int) -> float:
    """Factor of the learning rate: a linear warm-up, then a cosine to 0."""
    warm_up = max(1, round(_WARM_UP * n_steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, n_steps - warm_up)))
