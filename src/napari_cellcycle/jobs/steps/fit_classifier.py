"""Training cells in, a fitted model out. Everything that is fitted is fitted here, on these cells and no others."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cellcycle.datasets.training_cells import TrainingCells, g1_dna
from napari_cellcycle.events import Job, Progress, map_events
from napari_cellcycle.images.contrast_match import fit_contrast, match_contrast
from napari_cellcycle.images.model_input import InputSpec
from napari_cellcycle.jobs.steps.shared_settings import shared_settings
from napari_cellcycle.models import Model, ModelCard, build
from napari_cellcycle.models.base import PhaseNetwork
from napari_cellcycle.models.device import mixed_precision, pick_device
from napari_cellcycle.models.ensemble import PairedNetwork
from napari_cellcycle.models.feature_trees import FeatureTrees
from napari_cellcycle.models.heads import phase_option, with_phases
from napari_cellcycle.models.out_of_distribution import MahalanobisDetector, descriptors, fit_detector
from napari_cellcycle.models.support_vectors import SupportVectors
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.boosting import grow_trees
from napari_cellcycle.training.classifier import VALIDATION_BATCH, EpochDone, predict_logits, train_classifier
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import PROFILE_TREES, Recipe
from napari_cellcycle.training.state import Hooks
from napari_cellcycle.training.support_vectors import fit_support_vectors
from napari_cellcycle.training.temperature import fit_temperature
from napari_cellcycle.training.training_set import TrainingSet, fit_scale

MIN_CALIBRATION_CELLS = 50
"""Fewer validation cells may all be called rightly by chance, and would make any model too sure of its calls."""


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
) -> Job[Progress | EpochDone, tuple[Model, list[EpochDone]]]:
    """Fit the model `name`: its scale, its weights, its temperature, and its detector of unfamiliar cells.

    Parameters
    ----------
    name : str
        Of the new model.
    recipe : Recipe
        Its network and input.
    training, validation : TrainingCells
        Without common cells; the second ones choose the best epoch and the temperature.
    config : TrainConfig
        Settings.
    device : str
        Where to compute.
    start : Model, optional
        Pretrained model, with `recipe` its own. Its input is kept apart from the contrast of the new cells, and its
        temperature where there are too few cells to fit another one. If the cells have other phases, its last layer is
        made anew from it; see `models.heads`.
    hooks : Hooks, optional
        How to stop, save and resume the training.
    """
    torch_device, phases = pick_device(device), training.phase_set
    if start is None:
        torch.manual_seed(config.seed)  # for the initial weights
        options: dict[str, Any] = {"n_channels": len(recipe.input.channels), **phase_option(phases)}
        network, spec = build(recipe.architecture, **options), fit_input(recipe.input, training)
    else:
        network, options = deepcopy(start.network), start.card.options
        spec, _ = match_contrast(start.card.input, training.images)
        if phases != start.card.phase_set:
            torch.manual_seed(config.seed)  # for phases that the model does not know
            others = {name: value for name, value in options.items() if name != "n_phases"}
            options = {**others, **phase_option(phases)}
            fresh, counts = build(recipe.architecture, **options), start.card.training.get("cells_per_phase")
            network = with_phases(network, fresh, start.card.phase_set, phases, counts)

    scale = spec.scales
    training_set = TrainingSet.from_cells(training, scale, g1_dna(training), config)
    images = torch.from_numpy(validation.images / scale[:, None, None])
    truth = torch.from_numpy(validation.phases.astype(np.int64))
    log = yield from _train(
        network, training_set, (images, truth), config, torch_device, hooks, from_scratch=start is None
    )

    if start is not None and len(validation) < MIN_CALIBRATION_CELLS:
        temperature = start.card.temperature
    else:
        probabilities = predict_logits(network, images, torch.device("cpu")).softmax(1).numpy()
        temperature = fit_temperature(probabilities, validation.phases)
    detector = _fit_detector(network, training, scale, images)

    learned_dna = config.dna_weight > 0 and bool(training_set.log2_dna.isfinite().any())
    card = ModelCard(
        name=name,
        architecture=recipe.architecture,
        options=options,
        phase_set=phases,
        description=recipe.description,
        input=spec,
        temperature=temperature,
        tells_dna=learned_dna or (start is not None and start.card.tells_dna),
        training={
            "n_cells": len(training) + len(validation),
            "n_validation": len(validation),
            "n_synthetic": int(training.synthetic.sum()),
            "settings": shared_settings(config.to_dict()),
        },
    )
    return Model(network, card, detector), log


def fit_input(spec: InputSpec, training: TrainingCells) -> InputSpec:
    """`spec` with the scale and contrast of the real training cells, where there are any."""
    if spec.compares_nuclei:
        return spec
    if not training.synthetic.all():
        training = training.subset(np.flatnonzero(~training.synthetic))
    return fit_contrast(spec, training.images).with_scales(fit_scale(training).tolist())


def _train(
    network: PhaseNetwork,
    training_set: TrainingSet,
    validation: tuple[Tensor, Tensor],
    config: TrainConfig,
    device: torch.device,
    hooks: Hooks | None,
    *,
    from_scratch: bool,
) -> Job[Progress | EpochDone, list[EpochDone]]:
    """Train `network` as its kind needs it."""
    if isinstance(network, SupportVectors):
        return (yield from fit_support_vectors(network, training_set, validation, config))
    if isinstance(network, FeatureTrees):
        return (yield from grow_trees(network, training_set, validation, config, hooks))
    if not isinstance(network, PairedNetwork):
        return (yield from train_classifier(network, training_set, validation, config, device, hooks))
    network.remove_trees()
    log = yield from train_classifier(network, training_set, validation, config, device, hooks)
    if from_scratch:  # fine-tuning has too few cells for good trees
        growing = grow_trees(network.trees, training_set, validation, replace(PROFILE_TREES, seed=config.seed))
        # the epochs of the model are those of its network
        yield from map_events(growing, lambda event: [event] if isinstance(event, Progress) else [])
    return log


def _fit_detector(
    network: PhaseNetwork, training: TrainingCells, scale: NDArray[np.float32], held_back: Tensor
) -> MahalanobisDetector | None:
    """Detector of cells unlike the real training cells of known phase; None without such cells, or without images."""
    known = training.subset(np.flatnonzero(~training.synthetic & (training.phases != UNKNOWN)))
    if not len(known) or isinstance(network, SupportVectors):
        return None
    images = torch.from_numpy(known.images / scale[:, None, None])
    return fit_detector(_descriptors(network, images), known.phases, _descriptors(network, held_back))


@torch.inference_mode()
def _descriptors(network: PhaseNetwork, images: Tensor) -> Tensor:
    parts = []
    for batch in images.split(VALIDATION_BATCH):
        with mixed_precision(batch.device):
            outputs = network(batch)
        parts.append(descriptors(batch, outputs.features))
    return torch.cat(parts)
