"""One step of training: what is lost on a batch, how the weights follow, and how far."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, smooth_l1_loss

from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.training_set import Batch


def make_optimiser(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser that `config` names, for all weights of `network`."""
    weights, step_size, decay = network.parameters(), config.learning_rate, config.weight_decay
    if config.optimiser == "sgd":
        return torch.optim.SGD(weights, lr=step_size, momentum=config.momentum, weight_decay=decay)
    kind = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    return kind(weights, lr=step_size, weight_decay=decay)


def ema_update(most: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential average that forgets the first, untrained weights sooner."""

    def mix(average: Tensor, current: Tensor, n_averaged: Tensor | int) -> Tensor:
        kept = min(most, (1 + int(n_averaged)) / (10 + int(n_averaged)))
        return average * kept + current * (1 - kept)

    return mix


def step_size(config: TrainConfig, n_steps: int) -> Callable[[int], float]:
    warm = max(1, round(config.warm_up * n_steps))

    def factor(step: int) -> float:
        if config.warm_up and step < warm:
            return (step + 1) / warm
        if not config.cosine:
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, n_steps - warm)))

    return factor


def train_step(network: PhaseNetwork, lesson: Batch, optimiser: torch.optim.Optimizer, config: TrainConfig) -> float:
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


def _teachers_loss(outputs: Outputs, lesson: Batch, config: TrainConfig) -> Tensor:
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
