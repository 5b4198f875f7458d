"""The training loop, as a generator: the caller owns it, shows what it yields, and may stop reading."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Job, Progress, Result, Stop, map_events, never
from napari_cellcycle.models.base import PhaseNetwork
from napari_cellcycle.models.device import free_gpu_memory, mixed_precision
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.optimisation import ema_update, make_optimiser, step_size, train_step
from napari_cellcycle.training.training_set import TrainingSet

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
class TrainingState:
    """A training between two epochs: all that decides how it goes on, beside cells and settings.

    Attributes
    ----------
    network, average : nn.Module
        What is trained, and the running average of its weights.
    optimiser, schedule
        Of the network's weights.
    random : torch.Generator
        Decides what is drawn, and how it is changed; dropout draws from torch's own.
    best : dict of str to Tensor
        Weights of the best epoch so far, at first those to start from.
    log : list of EpochDone
        All epochs so far.
    """

    network: PhaseNetwork
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    schedule: LambdaLR
    random: torch.Generator
    best: dict[str, Tensor]
    log: list[EpochDone] = field(default_factory=list)

    @classmethod
    def begin(cls, network: PhaseNetwork, config: TrainConfig, n_steps: int) -> TrainingState:
        """Before the first of `n_steps` steps."""
        average = AveragedModel(network, avg_fn=ema_update(config.averaging), use_buffers=True)
        optimiser = make_optimiser(network, config)
        schedule = LambdaLR(optimiser, step_size(config, n_steps))
        random = torch.Generator().manual_seed(config.seed)
        return cls(network, average, optimiser, schedule, random, copy.deepcopy(average.module.state_dict()))

    @property
    def best_epoch(self) -> int:
        """Number of the best epoch so far, from 1; 0 if there is none."""
        return max((done.epoch for done in self.log if done.is_best), default=0)

    def is_over(self, config: TrainConfig) -> bool:
        """Whether all epochs are done, or too many without a better one."""
        return len(self.log) >= config.epochs or len(self.log) - self.best_epoch >= config.patience

    def measure(self, validation: tuple[Tensor, Tensor], config: TrainConfig, losses: list[float]) -> EpochDone:
        """End an epoch of the training `losses`: validate, and keep the weights if they are the best."""
        images, phases = validation
        logits = predict_logits(self.average.module, images, next(self.network.parameters()).device)
        done = judge(logits, phases, self.log, config, float(np.mean(losses)))
        self.log.append(done)
        if done.is_best:
            self.best.update(copy.deepcopy(self.average.module.state_dict()))
        return done


def judge(logits: Tensor, phases: Tensor, log: list[EpochDone], config: TrainConfig, training_loss: float) -> EpochDone:
    """What the epoch after those in `log` came to, from the `logits` (M, 7) of validation cells and their `phases`."""
    from sklearn.metrics import accuracy_score, f1_score

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


def _nothing(state: TrainingState) -> None:
    """For a training that nobody watches."""


@dataclass(frozen=True)
class Hooks:
    """How a training is steered from outside.

    Attributes
    ----------
    stop : callable
        Asked after each step; once true, the epoch is cut short, measured, and the last one.
    begin : callable
        Gets the `TrainingState` before its first step, and may put it where another one was.
    after_epoch : callable
        Gets the `TrainingState` after each full epoch, to write it down.
    """

    stop: Stop = never
    begin: Callable[[TrainingState], None] = _nothing
    after_epoch: Callable[[TrainingState], None] = _nothing


def train_classifier(
    network: PhaseNetwork,
    training_set: TrainingSet,
    validation: tuple[Tensor, Tensor],
    config: TrainConfig,
    device: torch.device,
    hooks: Hooks | None = None,
) -> Iterator[Progress | EpochDone]:
    """Train `network` in place.

    However it ends, `network` is left with the best weights seen, in evaluation mode, on the CPU, and the
    device's memory is given back. Best is the lowest validation loss; with `averaging` the running average of the
    weights is what is measured and kept (Polyak and Juditsky 1992, :doi:`10.1137/0330046`). A training that goes on
    from another one says that one's epochs again first.

    Parameters
    ----------
    network : PhaseNetwork
        With the weights to start from.
    training_set : Lessons
        Training cells.
    validation : tuple of Tensor
        Images (M, C, S, S), scaled like those of `training_set`, and phases (M,), all known.
    config : TrainConfig
        How.
    device : torch.device
        Where.
    hooks : Hooks, optional
        How it is stopped, and written down on the way.

    Raises
    ------
    SettingError
        The loss was never a finite number, or the device's memory is too small.
    """
    hooks = hooks or Hooks()
    torch.manual_seed(config.seed)  # dropout
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    steps_per_epoch = len(training_set.batches(config, torch.Generator()))
    state = TrainingState.begin(network, config, config.epochs * steps_per_epoch)
    try:
        hooks.begin(state)
        yield from tuple(state.log)
        stopped = False
        while not (stopped or state.is_over(config)):
            losses, stopped = yield from _epoch(state, training_set, config, device, hooks.stop)
            done = state.measure(validation, config, losses)
            if not stopped:
                hooks.after_epoch(state)
            yield done
        if not state.best_epoch:
            raise SettingError("the loss was not a number after any epoch; train with a lower learning-rate")
    except torch.OutOfMemoryError as error:
        raise SettingError(
            f"the memory of {device} is too small for {config.batch_size} cells a step; lower the batch-size"
        ) from error
    finally:
        network.load_state_dict(state.best)
        network.zero_grad()
        network.to("cpu").eval()
        del state
        free_gpu_memory(device)


def _epoch(
    state: TrainingState, training_set: TrainingSet, config: TrainConfig, device: torch.device, stop: Stop
) -> Generator[Progress, None, tuple[list[float], bool]]:
    """One pass over the cells; returns the losses of its steps, and whether it was stopped."""
    state.network.train()
    batches, losses = training_set.batches(config, state.random), list[float]()
    for batch in batches:
        lesson = training_set.draw(batch, config, state.random, device)
        losses.append(train_step(state.network, lesson, state.optimiser, config))
        state.schedule.step()
        state.average.update_parameters(state.network)
        yield Progress(len(state.log) * len(batches) + len(losses), config.epochs * len(batches), "training")
        if stop():
            return losses, True
    return losses, False


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


def record_epochs(job: Job[Any, Result], log: list[EpochDone]) -> Job[Any, Result]:
    """The same job; the events of its epochs are kept in `log` too."""

    def record(event: object) -> tuple[object]:
        if isinstance(event, EpochDone):
            log.append(event)
        return (event,)

    return map_events(job, record)
