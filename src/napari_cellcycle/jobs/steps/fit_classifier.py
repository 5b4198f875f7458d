"""One model from one training part: all that is fitted is fitted here, on those cells and no others."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cellcycle.datasets.training_cells import TrainingCells, g1_dna
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.images.contrast import fit_contrast, match_contrast
from napari_cellcycle.images.model_input import InputSpec
from napari_cellcycle.models import Model, ModelCard, build
from napari_cellcycle.models.base import PhaseNetwork
from napari_cellcycle.models.device import mixed_precision, pick_device
from napari_cellcycle.models.ensemble import PairedNetwork
from napari_cellcycle.models.feature_trees import FeatureTrees
from napari_cellcycle.models.out_of_distribution import MahalanobisDetector, descriptors, fit_detector
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.boosting import grow_trees
from napari_cellcycle.training.classifier import VALIDATION_BATCH, EpochDone, Hooks, predict_logits, train_classifier
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import PROFILE_TREES, Recipe
from napari_cellcycle.training.temperature import fit_temperature
from napari_cellcycle.training.training_set import TrainingSet, fit_scale

ENOUGH_TO_CALIBRATE = 50
"""Of fewer validation cells all may be called rightly by chance, which would make any model sure of everything."""


def fit_model(
    name: str,
    recipe: Recipe,
    training: TrainingCells,
    validation: TrainingCells,
    config: TrainConfig,
    device: str,
    *,
    start: Model | None = None,
    hooks: Hooks | None = None,
) -> Job[Progress | EpochDone, Model]:
    """Fit scale, weights and temperature; the last event carries the `Model`.

    Parameters
    ----------
    name : str
        What the model will be called.
    recipe : Recipe
        Network and input.
    training, validation : TrainingCells
        Disjoint; the second chooses the best epoch and the temperature.
    config : TrainConfig
        How to train.
    device : str
        Where to compute.
    start : Model, optional
        To go on from, with `recipe` its own; its scale stays but for the contrast of the new cells, and its
        temperature where there are too few of them to fit another.
    hooks : Hooks, optional
        How it is stopped, and written down on the way.
    """
    place = pick_device(device)
    network, options = _fresh(recipe, config.seed) if start is None else (deepcopy(start.network), start.card.options)
    spec = _fit_input(recipe.input, training) if start is None else match_contrast(start.card.input, training.images)[0]
    scale = spec.scales
    images = torch.from_numpy(validation.images / scale[:, None, None])
    phases = torch.from_numpy(validation.phases.astype(np.int64))
    training_set = TrainingSet.of(training, scale, g1_dna(training), config)
    yield from _taught(network, training_set, (images, phases), config, place, hooks, from_scratch=start is None)
    if start is not None and len(validation) < ENOUGH_TO_CALIBRATE:
        temperature = start.card.temperature
    else:
        probabilities = predict_logits(network, images, torch.device("cpu")).softmax(1).numpy()
        temperature = fit_temperature(probabilities, validation.phases)
    card = ModelCard(
        name=name,
        architecture=recipe.architecture,
        options=options,
        description=recipe.description,
        input=spec,
        temperature=temperature,
        tells_dna=_taught_dna(training_set, config) or (start is not None and start.card.tells_dna),
        training=_training_facts(training, validation, config),
    )
    return Model(network, card, _familiarity(network, training, scale, images))


def _taught(
    network: PhaseNetwork,
    training_set: TrainingSet,
    validation: tuple[Tensor, Tensor],
    config: TrainConfig,
    device: torch.device,
    hooks: Hooks | None,
    *,
    from_scratch: bool,
) -> Iterator[Progress | EpochDone]:
    """Teach `network` in the way of its kind."""
    if isinstance(network, FeatureTrees):
        yield from grow_trees(network, training_set, validation, config, hooks)
        return
    if isinstance(network, PairedNetwork):
        network.remove_trees()
    yield from train_classifier(network, training_set, validation, config, device, hooks)
    if isinstance(network, PairedNetwork) and from_scratch:  # a few cells more would make poor trees
        growing = grow_trees(network.trees, training_set, validation, replace(PROFILE_TREES, seed=config.seed))
        yield from (event for event in growing if isinstance(event, Progress))  # epochs are those of the network


def _taught_dna(training_set: TrainingSet, config: TrainConfig) -> bool:
    return config.dna_weight > 0 and bool(training_set.log2_dna.isfinite().any())


def _familiarity(
    network: PhaseNetwork, training: TrainingCells, scale: NDArray[np.float32], held_back: Tensor
) -> MahalanobisDetector | None:
    """What cells are like that the network was fitted on, the real ones of known phase."""
    known = training.subset(np.flatnonzero(~training.synthetic & (training.phases != UNKNOWN)))
    if not len(known):
        return None
    learnt = _described(network, torch.from_numpy(known.images / scale[:, None, None]))
    return fit_detector(learnt, known.phases, _described(network, held_back))


@torch.inference_mode()
def _described(network: PhaseNetwork, images: Tensor) -> Tensor:
    described = []
    for batch in images.split(VALIDATION_BATCH):
        with mixed_precision(batch.device):
            outputs = network(batch)
        described.append(descriptors(batch, outputs.features))
    return torch.cat(described)


def _fresh(recipe: Recipe, seed: int) -> tuple[PhaseNetwork, dict[str, Any]]:
    """A network with fresh weights, and what `build` made it from."""
    torch.manual_seed(seed)
    options = {"n_channels": len(recipe.input.channels)}
    return build(recipe.architecture, **options), options


def _fit_input(spec: InputSpec, training: TrainingCells) -> InputSpec:
    """Scale and contrast of the real cells, where there are any."""
    if not training.synthetic.all():
        training = training.subset(np.flatnonzero(~training.synthetic))
    return fit_contrast(spec, training.images).with_scales(fit_scale(training).tolist())


def _training_facts(training: TrainingCells, validation: TrainingCells, config: TrainConfig) -> dict[str, Any]:
    return {
        "n_cells": len(training) + len(validation),
        "n_validation": len(validation),
        "n_synthetic": int(training.synthetic.sum()),
        "settings": config.to_dict(),
    }
