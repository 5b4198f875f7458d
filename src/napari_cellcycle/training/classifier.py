"""The training loop, as a generator: the caller owns it, shows what it yields, and may stop reading."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, smooth_l1_loss
from torch.optim.swa_utils import AveragedModel

from napari_cellcycle.data import TrainingCells, labelled
from napari_cellcycle.events import Progress
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.models.outputs import Outputs, PhaseNetwork
from napari_cellcycle.phases import N_PHASES, UNKNOWN
from napari_cellcycle.training.augment import augment, change_gain
from napari_cellcycle.training.config import TrainConfig

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


@dataclass(frozen=True, eq=False)
class Lesson:
    """A batch of B cells and what is to be learnt of them; NaN and `UNKNOWN` where nothing is known."""

    images: Tensor
    phases: Tensor
    log2_dna: Tensor
    stain: Tensor


@dataclass(frozen=True, eq=False)
class Lessons:
    """All training cells as tensors, scaled by what was fitted on them and on nothing else.

    Attributes
    ----------
    images, phases, log2_dna, stain : Tensor
        (N, C, S, S); (N,); (N,); (N, 1, S, S), the last two NaN where a cell has no stain.
    draw_weights : Tensor, shape (N,)
        How often a cell is drawn, relative to others; 0 for cells of unknown phase.
    """

    images: Tensor
    phases: Tensor
    log2_dna: Tensor
    stain: Tensor
    draw_weights: Tensor

    @classmethod
    def of(cls, cells: TrainingCells, scale: NDArray[np.float32], g1_dna: float | None, config: TrainConfig) -> Lessons:
        """Scale images by `scale` (C,), and the stain by its own spread."""
        n_cells, _, size, _ = cells.images.shape
        stain = np.full((n_cells, size, size), np.nan, np.float32)
        log2_dna = np.full(n_cells, np.nan, np.float32)
        if cells.stain is not None and g1_dna is not None:
            stain = cells.stain / np.nanstd(cells.stain)
            log2_dna = np.log2(np.maximum(cells.total_dna, 0.1 * g1_dna) / g1_dna)
        counts = np.bincount(cells.phases[labelled(cells)], minlength=N_PHASES)
        weights = np.where(
            cells.phases == UNKNOWN, 0.0, 1.0 / np.maximum(counts, 1)[cells.phases] ** config.rare_phases
        )
        return cls(
            images=torch.from_numpy(cells.images / scale[:, None, None]),
            phases=torch.from_numpy(cells.phases.astype(np.int64)),
            log2_dna=torch.from_numpy(log2_dna.astype(np.float32)),
            stain=torch.from_numpy(stain.astype(np.float32))[:, None],
            draw_weights=torch.from_numpy(weights),
        )

    def batches(self, config: TrainConfig, random: torch.Generator) -> list[Tensor]:
        """Indices of one epoch's batches: labelled cells as `draw_weights` says, others beside them."""
        known = torch.nonzero(self.draw_weights)[:, 0]
        if config.rare_phases == 0:
            order = known[torch.randperm(len(known), generator=random)]
        else:
            order = torch.multinomial(self.draw_weights, len(known), replacement=True, generator=random)
        unknown = torch.nonzero(self.draw_weights == 0)[:, 0]
        batches = [batch for batch in order.split(config.batch_size) if len(batch) > 1]  # batch norm needs two
        if not len(unknown):
            return batches
        beside = unknown[torch.randint(len(unknown), (len(batches), config.batch_size // 2), generator=random)]
        return [torch.cat([batch, extra]) for batch, extra in zip(batches, beside, strict=True)]

    def draw(self, batch: Tensor, config: TrainConfig, random: torch.Generator, device: torch.device) -> Lesson:
        """The cells of `batch`, changed as `config` says."""
        planes = torch.cat([self.images[batch], self.stain[batch].nan_to_num()], 1).to(device)
        if config.flips or config.rotation_degrees or config.shift:
            planes = augment(planes, config, random)
        images, stain = planes[:, :-1], planes[:, -1:]
        if config.gain:
            images = change_gain(images, config, random)
        without_stain = self.log2_dna[batch].isnan().to(device)
        stain = stain.masked_fill(without_stain[:, None, None, None], float("nan"))
        return Lesson(images, self.phases[batch].to(device), self.log2_dna[batch].to(device), stain)


def fit_scale(cells: TrainingCells) -> NDArray[np.float32]:
    """Spread of each channel over the training cells, shape (C,)."""
    spread = cells.images.std(axis=(0, 2, 3), dtype=np.float64)
    return np.where(spread > 0, spread, 1.0).astype(np.float32)


def train_classifier(
    network: PhaseNetwork,
    lessons: Lessons,
    validation: tuple[Tensor, Tensor],
    config: TrainConfig,
    device: torch.device,
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
    """
    random = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)  # dropout
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    average = AveragedModel(network, avg_fn=_running_average(config.averaging), use_buffers=True)
    steps_per_epoch = len(lessons.batches(config, torch.Generator()))
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _step_size(config, config.epochs * steps_per_epoch))
    lowest, best, waited, step = math.inf, copy.deepcopy(average.module.state_dict()), 0, 0
    try:
        for epoch in range(1, config.epochs + 1):
            network.train()
            losses = []
            for batch in lessons.batches(config, random):
                lesson = lessons.draw(batch, config, random, device)
                losses.append(_learn(network, lesson, optimiser, config))
                schedule.step()
                average.update_parameters(network)
                step += 1
                yield Progress(step, config.epochs * steps_per_epoch, "training")
            done = _validate(average.module, validation, device, epoch, config.epochs, float(np.mean(losses)), lowest)
            waited = 0 if done.is_best else waited + 1
            if done.is_best:
                lowest, best = done.validation_loss, copy.deepcopy(average.module.state_dict())
            yield done
            if waited >= config.patience:
                break
    finally:
        network.load_state_dict(best)
        network.to("cpu").eval()


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
    phase_loss = cross_entropy(
        outputs.logits.float(), lesson.phases, ignore_index=UNKNOWN, label_smoothing=config.label_smoothing
    )
    loss = phase_loss + _teachers_loss(outputs, lesson, config)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return phase_loss.item()


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
