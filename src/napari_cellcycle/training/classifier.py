"""How a network learns the phases of cells: batches in, the best weights out, all on this page.

`train_classifier` is a generator of events: the caller owns the loop, shows the events, and may stop reading.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, smooth_l1_loss
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Job, Progress, Stop
from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.state import (
    Checkpoint,
    Hooks,
    Tensors,
    TrainingState,
    add_prefix,
    device_memory,
    strip_prefix,
)
from napari_cellcycle.training.track_set import TrackSet
from napari_cellcycle.training.training_set import TrainingSet
from napari_cellcycle.training.transforms import Batch

VALIDATION_BATCH = 512


@dataclass(frozen=True)
class EpochDone:
    """The result of one epoch; losses are mean cross-entropies in nats."""

    epoch: int
    epochs: int
    training_loss: float
    validation_loss: float
    validation_accuracy: float
    validation_macro_f1: float
    is_best: bool


def train_classifier(
    network: PhaseNetwork,
    training_set: TrainingSet | TrackSet,
    validation: tuple[Tensor, Tensor] | TrackSet,
    config: TrainConfig,
    device: torch.device,
    hooks: Hooks | None = None,
) -> Job[Progress | EpochDone, list[EpochDone]]:
    """Train `network` in place.

    However it ends, `network` keeps the best weights so far and is left on the CPU in evaluation mode. The best weights
    are those with the lowest validation loss; with `averaging`, the running average of the weights is validated and
    kept (Polyak and Juditsky 1992, :doi:`10.1137/0330046`). A resumed training repeats the events of earlier epochs.

    Parameters
    ----------
    network : PhaseNetwork
        With its initial weights.
    training_set : TrainingSet or TrackSet
        Training cells, or tracks for a `SequenceNetwork`.
    validation : tuple of Tensor or TrackSet
        Images (M, C, S, S), scaled like those of `training_set`, and their phases (M,), all known; or other tracks.
    config : TrainConfig
        Settings.
    device : torch.device
        Where to train.
    hooks : Hooks, optional
        How to stop, save and resume the training.

    Returns
    -------
    list of EpochDone
        All epochs, in order.

    Raises
    ------
    SettingError
        The loss was never a finite number, or the device's memory is too small.
    """
    hooks = hooks or Hooks()
    torch.manual_seed(config.seed)  # for dropout
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    n_batches = len(training_set.batch_indices(config, torch.Generator()))
    state = ClassifierState.begin(network, config, config.epochs * n_batches)
    with device_memory(device, config.batch_size):
        try:
            hooks.begin(state)
            yield from tuple(state.log)
            stopped = False
            while not (stopped or state.is_over(config)):
                losses, stopped = yield from _epoch(state, training_set, config, device, hooks.stop)
                done = state.end_epoch(validation, config, losses)
                if not stopped:  # a part of an epoch can't be resumed from
                    hooks.save(state)
                yield done
            if not state.best_epoch:
                raise SettingError("the loss was not a number after any epoch; train with a lower learning-rate")
            return state.log
        finally:
            network.load_state_dict(state.best)
            network.zero_grad()
            network.to("cpu").eval()
            del state  # its memory is on the device


def _epoch(
    state: ClassifierState, training_set: TrainingSet | TrackSet, config: TrainConfig, device: torch.device, stop: Stop
) -> Generator[Progress, None, tuple[list[float], bool]]:
    """Train on each batch once; return the loss of each step, and whether the epoch was stopped."""
    state.network.train()
    all_indices, losses = training_set.batch_indices(config, state.random), list[float]()
    for indices in all_indices:
        batch = training_set.batch(indices, config, state.random, device)
        losses.append(_train_step(state.network, batch, state.optimiser, config))
        state.schedule.step()
        state.average.update_parameters(state.network)
        yield Progress(len(state.log) * len(all_indices) + len(losses), config.epochs * len(all_indices), "training")
        if stop():
            return losses, True
    return losses, False


def _train_step(network: PhaseNetwork, batch: Batch, optimiser: torch.optim.Optimizer, config: TrainConfig) -> float:
    """Update the weights once; return the loss of the phases alone."""
    with mixed_precision(batch.images.device):
        outputs = batch.outputs(network)
    phase_loss = _phase_loss(outputs.logits.float(), batch, config.label_smoothing)
    loss = phase_loss + _stain_loss(outputs, batch, config)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return phase_loss.item()


def _phase_loss(logits: Tensor, batch: Batch, label_smoothing: float) -> Tensor:
    """Mean cross-entropy over the cells whose phase, or whose share of each phase, is known."""
    if batch.phases.ndim == 1:
        known, weight = batch.phases != UNKNOWN, batch.phase_weights
    else:
        known, weight = batch.phases.any(1), None
    if not known.any():  # a part of a track without labels
        return logits.sum() * 0
    return cross_entropy(logits[known], batch.phases[known], weight, label_smoothing=label_smoothing)


def _stain_loss(outputs: Outputs, batch: Batch, config: TrainConfig) -> Tensor:
    """Loss of the DNA content and of the image of the stain, over the stained cells."""
    stained = ~batch.log2_dna.isnan()
    loss = torch.zeros((), device=batch.images.device)
    if not stained.any():
        return loss
    if outputs.log2_dna is not None and config.dna_weight:
        dna_loss = smooth_l1_loss(outputs.log2_dna.float()[stained], batch.log2_dna[stained], beta=0.2)
        loss = loss + config.dna_weight * dna_loss
    if outputs.stain is not None and config.stain_weight:
        loss = loss + config.stain_weight * mse_loss(outputs.stain.float()[stained], batch.stain[stained])
    return loss


@dataclass(frozen=True, eq=False)
class ClassifierState(TrainingState):
    """A training of a classifier between two epochs.

    Attributes
    ----------
    network, average : nn.Module
        The trained network, and the running average of its weights.
    optimiser, schedule
        Of the network's weights, and of its learning rate.
    random : torch.Generator
        Draws batches and their changes.
    best : dict of str to Tensor
        Weights of the best epoch so far; before the first one, the initial weights.
    log : list of EpochDone
        All epochs so far.
    """

    RANDOM: ClassVar[str] = "lessons"
    network: PhaseNetwork
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    schedule: LambdaLR
    random: torch.Generator
    best: Tensors
    log: list[EpochDone] = field(default_factory=list)

    @classmethod
    def begin(cls, network: PhaseNetwork, config: TrainConfig, n_steps: int) -> ClassifierState:
        """The state before the first of `n_steps` steps.

        Parameters
        ----------
        network : PhaseNetwork
            With its initial weights.
        config : TrainConfig
            Settings.
        n_steps : int
            Steps of the whole training.
        """
        average = AveragedModel(network, avg_fn=_ema_update(config.averaging), use_buffers=True)
        optimiser = _make_optimiser(network, config)
        schedule = LambdaLR(optimiser, _learning_rate_schedule(config, n_steps))
        random = torch.Generator().manual_seed(config.seed)
        return cls(network, average, optimiser, schedule, random, copy.deepcopy(average.module.state_dict()))

    @property
    def parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """Networks and optimiser, by their names in a checkpoint."""
        return {"network": self.network, "average": self.average, "optimiser": self.optimiser}

    def state_dict(self) -> Checkpoint:
        """Everything that a fresh state with the same settings lacks."""
        tensors, _ = super().state_dict()
        values = {"schedule": self.schedule.state_dict(), "log": [asdict(done) for done in self.log]}
        return tensors | add_prefix("best", self.best), values

    def load_state_dict(self, tensors: Tensors, values: Mapping[str, Any]) -> None:
        """Continue from a checkpoint; see `TrainingState.load_state_dict`."""
        super().load_state_dict(tensors, values)
        best = strip_prefix("best", tensors)
        if {name: value.shape for name, value in best.items()} != {name: v.shape for name, v in self.best.items()}:
            raise ValueError("its best weights are of another network")
        self.best.update(best)
        self.log.extend(EpochDone(**done) for done in values["log"])
        self.schedule.load_state_dict(values["schedule"])
        for group, rate in zip(self.optimiser.param_groups, self.schedule.get_last_lr(), strict=True):
            group["lr"] = rate

    @property
    def best_epoch(self) -> int:
        """Number of the best epoch so far, from 1; 0 if there is none."""
        return max((done.epoch for done in self.log if done.is_best), default=0)

    def is_over(self, config: TrainConfig) -> bool:
        """Whether all epochs are done, or too many without a better one."""
        return len(self.log) >= config.epochs or len(self.log) - self.best_epoch >= config.patience

    def end_epoch(
        self, validation: tuple[Tensor, Tensor] | TrackSet, config: TrainConfig, losses: list[float]
    ) -> EpochDone:
        """Validate the network, log the epoch, and keep the weights if they are the best so far.

        Parameters
        ----------
        validation : tuple of Tensor or TrackSet
            Images (M, C, S, S) and phases (M,), or tracks.
        config : TrainConfig
            Settings.
        losses : list of float
            Training loss of each step of the epoch.
        """
        device = next(self.network.parameters()).device
        if isinstance(validation, TrackSet):
            logits, phases = validation.known_logits(self.average.module, device)
        else:
            images, phases = validation
            logits = predict_logits(self.average.module, images, device)
        done = score_epoch(logits, phases, self.log, config, float(np.mean(losses)))
        self.log.append(done)
        if done.is_best:
            self.best.update(copy.deepcopy(self.average.module.state_dict()))
        return done


def _make_optimiser(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser that `config` names, for all weights of `network`."""
    weights, rate, decay = network.parameters(), config.learning_rate, config.weight_decay
    if config.optimiser == "sgd":
        return torch.optim.SGD(weights, lr=rate, momentum=config.momentum, weight_decay=decay)
    kind = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    return kind(weights, lr=rate, weight_decay=decay)


def _ema_update(max_decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Update rule of an exponential moving average, of which each step keeps the share `max_decay`."""

    def update(average: Tensor, current: Tensor, n_averaged: Tensor | int) -> Tensor:
        # less in the first steps, so that the untrained weights are soon forgotten
        decay = min(max_decay, (1 + int(n_averaged)) / (10 + int(n_averaged)))
        return average * decay + current * (1 - decay)

    return update


def _learning_rate_schedule(config: TrainConfig, n_steps: int) -> Callable[[int], float]:
    """Factor of the learning rate by the number of the step: a linear warm-up, then a cosine to 0."""
    n_warm_up = max(1, round(config.warm_up * n_steps))

    def factor(step: int) -> float:
        if config.warm_up and step < n_warm_up:
            return (step + 1) / n_warm_up
        if not config.cosine:
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - n_warm_up) / max(1, n_steps - n_warm_up)))

    return factor


@torch.inference_mode()
def predict_logits(network: nn.Module, images: Tensor, device: torch.device) -> Tensor:
    """Classify prepared cells.

    Parameters
    ----------
    network : PhaseNetwork
        On `device`; left in evaluation mode.
    images : Tensor, shape (N, C, S, S)
        Prepared and scaled.
    device : torch.device
        Where to compute.

    Returns
    -------
    Tensor of float32, shape (N, 7)
        Logits on the CPU, in phase order.
    """
    network.eval()
    logits = []
    for batch in images.split(VALIDATION_BATCH):
        batch = batch.to(device).contiguous(memory_format=torch.channels_last)
        with mixed_precision(device):
            logits.append(network(batch).logits.float().cpu())
    return torch.cat(logits)


def score_epoch(
    logits: Tensor, phases: Tensor, log: list[EpochDone], config: TrainConfig, training_loss: float
) -> EpochDone:
    """Score an epoch on the validation cells.

    Parameters
    ----------
    logits : Tensor, shape (M, 7)
        Of the validation cells after the epoch.
    phases : Tensor, shape (M,)
        True phases of these cells.
    log : list of EpochDone
        The epochs before this one.
    config : TrainConfig
        Says how many epochs there are in all.
    training_loss : float
        Mean over the epoch.
    """
    loss = cross_entropy(logits, phases).item()
    truth, called = phases.numpy(), logits.argmax(1).numpy()
    return EpochDone(
        epoch=len(log) + 1,
        epochs=config.epochs,
        training_loss=training_loss,
        validation_loss=loss,
        validation_accuracy=float(accuracy_score(truth, called)),
        validation_macro_f1=float(f1_score(truth, called, average="macro", zero_division=0)),
        is_best=loss < min((done.validation_loss for done in log if done.is_best), default=math.inf),
    )
