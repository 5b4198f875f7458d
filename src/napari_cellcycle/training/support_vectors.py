"""Fit the support vector machine of `narotamo2021`, as a generator of events like the training of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor
from torch.nn.functional import cross_entropy

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.classifier import EpochDone, score_epoch

if TYPE_CHECKING:
    from napari_cellcycle.models.support_vectors import SupportVectors
    from napari_cellcycle.training.config import TrainConfig
    from napari_cellcycle.training.training_set import TrainingSet


def fit_support_vectors(
    network: SupportVectors, training_set: TrainingSet, validation: tuple[Tensor, Tensor], config: TrainConfig
) -> Job[Progress | EpochDone, list[EpochDone]]:
    """Fit the machine in one step.

    Parameters
    ----------
    network : SupportVectors
        Gets the vectors that are found.
    training_set : TrainingSet
        Training nuclei, (N, 1, 1, 2).
    validation : tuple of Tensor
        Nuclei (M, 1, 1, 2), and their phases (M,), all known; they are scored only.
    config : TrainConfig
        No setting of it counts.

    Returns
    -------
    list of EpochDone
        One.

    Raises
    ------
    TooFewCellsError
        All training nuclei are of one phase.
    """
    known = training_set.phases != UNKNOWN
    figures, phases = training_set.images[known].flatten(1), training_set.phases[known]
    if len(phases.unique()) < 2:
        raise TooFewCellsError("all nuclei to train on are of one phase; label more nuclei of the other one")
    yield Progress(0, 1, "fitting support vectors")
    machine = SVC(kernel="rbf", C=1.0, gamma="scale").fit(figures.double().numpy(), phases.numpy())
    take_machine(network, machine)
    network.eval()
    loss = float(cross_entropy(network(figures[:, None, None]).logits, phases))
    done = score_epoch(network(validation[0]).logits, validation[1], [], config, loss)
    yield Progress(1, 1, "fitting support vectors")
    yield done
    return [done]


def take_machine(network: SupportVectors, machine: SVC) -> None:
    """Copy a fitted machine into `network`.

    Parameters
    ----------
    network : SupportVectors
        Decides as the machine does afterwards.
    machine : SVC
        Of two classes, with a Gaussian kernel.
    """
    network.vectors = torch.from_numpy(np.array(machine.support_vectors_, np.float64))
    network.weights = torch.from_numpy(np.array(machine.dual_coef_[0], np.float64))
    network.intercept = torch.tensor(float(machine.intercept_[0]), dtype=torch.float64)
    network.gamma = torch.tensor(float(machine._gamma), dtype=torch.float64)
