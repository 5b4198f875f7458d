"""The training loop, as a generator: the caller owns it, shows what it yields, and may stop reading."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, smooth_l1_loss
from torch.optim.swa_utils import AveragedModel

from napari_cellcycle.events import Progress, Stop, never
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.models.outputs import Outputs, PhaseNetwork
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.lessons import Lesson, Lessons

VALIDATION_BATCH = 512


@dataclass(frozen=True)
class EpochDone:
    """What one pass over the cells came to; losses are mean cross-entropies in nats."""

    epoch: int
    epochs: int
    training_loss: float
    validation_loss: float
    validation_accuracy: float
    validation_macro_f1: float
    is_best: bool


def train_classifier(
    network: PhaseNetwork,
    lessons: Lessons,
    validation: tuple[Tensor, Tensor],
    config: TrainConfig,
    device: torch.device,
    stop: Stop = never,
) -> Iterator[Progress | EpochDone]:
    """Train `network` in place.

    However it ends, `network` is left with the best weights seen, in evaluation mode, on the CPU.
    Best is the lowest validation loss; with `averaging` the running average of the weights is what
    is measured and kept (Polyak and Juditsky 1992, :doi:`10.1137/0330046`).

    Parameters
    ----------
    network : PhaseNetwork
        With the weights to start from.
    lessons : Lessons
        Training cells.
    validation : tuple of Tensor
        Images (M, C, S, S), scaled like those of `lessons`, and phases (M,), all known.
    config : TrainConfig
        How.
    device : torch.device
        Where.
    stop : callable
        Asked after each step; once true, the epoch is cut short, measured, and the last one.
    """
    random = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)  # dropout
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    average = AveragedModel(network, avg_fn=_running_average(config.averaging), use_buffers=True)
    steps_per_epoch = len(lessons.batches(config, torch.Generator()))
    optimiser = make_optimiser(network, config)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _step_size(config, config.epochs * steps_per_epoch))
    lowest, best, waited, step = math.inf, copy.deepcopy(average.module.state_dict()), 0, 0
    try:
        for epoch in range(1, config.epochs + 1):
            network.train()
            losses, stopped = [], False
            for batch in lessons.batches(config, random):
                lesson = lessons.draw(batch, config, random, device)
                losses.append(_learn(network, lesson, optimiser, config))
                schedule.step()
                average.update_parameters(network)
                step += 1
                yield Progress(step, config.epochs * steps_per_epoch, "training")
                if stopped := stop():
                    break
            done = _validate(average.module, validation, device, epoch, config.epochs, float(np.mean(losses)), lowest)
            waited = 0 if done.is_best else waited + 1
            if done.is_best:
                lowest, best = done.validation_loss, copy.deepcopy(average.module.state_dict())
            yield done
            if stopped or waited >= config.patience:
                break
    finally:
        network.load_state_dict(best)
        network.to("cpu").eval()


def make_optimiser(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser that `config` names, for all weights of `network`."""
    weights, step_size, decay = network.parameters(), config.learning_rate, config.weight_decay
    if config.optimiser == "sgd":
        return torch.optim.SGD(weights, lr=step_size, momentum=config.momentum, weight_decay=decay)
    kind = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    return kind(weights, lr=step_size, weight_decay=decay)


def _running_average(most: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential average that forgets the first, untrained weights sooner."""

    def mix(average: Tensor, current: Tensor, n_averaged: Tensor | int) -> Tensor:
        kept = min(most, (1 + int(n_averaged)) / (10 + int(n_averaged)))
        return average * kept + current * (1 - kept)

    return mix


def _step_size(config: TrainConfig, n_steps: int) -> Callable[[int], float]:
    warm = max(1, round(config.warm_up * n_steps))

    def factor(step: int) -> float:
        if config.warm_up and step < warm:
            return (step + 1) / warm
        if not config.cosine:
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, n_steps - warm)))

    return factor


def _learn(network: PhaseNetwork, lesson: Lesson, optimiser: torch.optim.Optimizer, config: TrainConfig) -> float:
    """One step; returns the loss of the phases alone."""
    images = lesson.images.contiguous(memory_format=torch.channels_last)
    with mixed_precision(images.device):
        outputs = network(images)
    phase_loss = _phase_loss(outputs.logits.float(), lesson.phases, config.label_smoothing)
    loss = phase_loss + _teachers_loss(outputs, lesson, config)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return phase_loss.item()


def _phase_loss(logits: Tensor, phases: Tensor, label_smoothing: float) -> Tensor:
    """Mean cross-entropy over the cells of known phase, or of known shares of phases."""
    if phases.ndim == 1:
        return cross_entropy(logits, phases, ignore_index=UNKNOWN, label_smoothing=label_smoothing)
    known = phases.any(1)
    return cross_entropy(logits[known], phases[known], label_smoothing=label_smoothing)


def _teachers_loss(outputs: Outputs, lesson: Lesson, config: TrainConfig) -> Tensor:
    stained = ~lesson.log2_dna.isnan()
    loss = torch.zeros((), device=lesson.images.device)
    if not stained.any():
        return loss
    if outputs.log2_dna is not None and config.dna_weight:
        loss = loss + config.dna_weight * smooth_l1_loss(
            outputs.log2_dna.float()[stained], lesson.log2_dna[stained], beta=0.2
        )
    if outputs.stain is not None and config.stain_weight:
        loss = loss + config.stain_weight * mse_loss(outputs.stain.float()[stained], lesson.stain[stained])
    return loss


def _validate(
    network: nn.Module,
    validation: tuple[Tensor, Tensor],
    device: torch.device,
    epoch: int,
    epochs: int,
    training_loss: float,
    lowest: float,
) -> EpochDone:
    from sklearn.metrics import accuracy_score, f1_score

    images, phases = validation
    logits = predict_logits(network, images, device)
    loss = cross_entropy(logits, phases).item()
    truth, called = phases.numpy(), logits.argmax(1).numpy()
    macro_f1 = f1_score(truth, called, average="macro", zero_division=0)
    return EpochDone(
        epoch, epochs, training_loss, loss, float(accuracy_score(truth, called)), float(macro_f1), loss < lowest
    )


@torch.inference_mode()
def predict_logits(network: nn.Module, images: Tensor, device: torch.device) -> Tensor:
    """Logits (N, 7) in float32 on the CPU, of prepared and scaled images (N, C, S, S)."""
    network.eval()
    logits = []
    for batch in images.split(VALIDATION_BATCH):
        batch = batch.to(device).contiguous(memory_format=torch.channels_last)
        with mixed_precision(device):
            logits.append(network(batch).logits.float().cpu())
    return torch.cat(logits)
