"""Training tracks in, a fitted model that reads whole tracks out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cellcycle.datasets.training_cells import TrainingCells
from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.contrast_match import match_contrast
from napari_cellcycle.jobs.steps.fit_classifier import MIN_CALIBRATION_CELLS, fit_input
from napari_cellcycle.jobs.steps.shared_settings import shared_settings
from napari_cellcycle.models import Model, ModelCard, build
from napari_cellcycle.models.device import mixed_precision, pick_device
from napari_cellcycle.models.heads import phase_option
from napari_cellcycle.models.out_of_distribution import MahalanobisDetector, descriptors, fit_detector
from napari_cellcycle.models.sequence import FeatureSequence, SequenceNetwork, frame_features
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.classifier import VALIDATION_BATCH, EpochDone, train_classifier
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import Recipe
from napari_cellcycle.training.state import Hooks
from napari_cellcycle.training.temperature import fit_temperature
from napari_cellcycle.training.track_set import TrackSet


@dataclass(frozen=True, eq=False)
class PreparedTracks:
    """N prepared cells by track and frame, with their phases where these are known.

    Attributes
    ----------
    cells : TrainingCells
        Of known phase or not.
    track, step : ndarray of int, shape (N,)
        Number of the track of each cell, rising, and its step from the start of the track.
    """

    cells: TrainingCells
    track: NDArray[np.int64]
    step: NDArray[np.int64]

    def subset(self, rows: NDArray[np.intp]) -> PreparedTracks:
        """The cells at `rows`, which are those of whole tracks."""
        return PreparedTracks(self.cells.subset(rows), self.track[rows], self.step[rows])


def fit_sequence_model(
    name: str,
    recipe: Recipe,
    training: PreparedTracks,
    validation: PreparedTracks,
    config: TrainConfig,
    device: str,
    *,
    features_of: Model | None = None,
    hooks: Hooks | None = None,
) -> Job[Progress | Note | EpochDone, tuple[Model, list[EpochDone]]]:
    """Fit the model `name` on whole tracks: its scale, weights, temperature, and detector of unfamiliar cells.

    Parameters
    ----------
    name : str
        Of the new model.
    recipe : Recipe
        Its network and input, which are those of `features_of`, if given.
    training, validation : PreparedTracks
        Without common tracks; the second ones choose the best epoch and the temperature.
    config : TrainConfig
        Settings.
    device : str
        Where to compute.
    features_of : Model, optional
        Finished model, which stays as it is, for a recipe on its features.
    hooks : Hooks, optional
        How to stop, save and resume the training.

    Raises
    ------
    SettingError
        `config` asks for what is done with single cells.
    """
    check_for_tracks(config)
    torch_device, phases = pick_device(device), training.cells.phase_set
    spec = fit_input(recipe.input, training.cells)
    options: dict[str, Any] = {"n_channels": len(spec.channels), **phase_option(phases)}
    if features_of is not None:
        spec, _ = match_contrast(features_of.card.input, training.cells.images)
        options |= _frozen_options(features_of)
    torch.manual_seed(config.seed)  # for the initial weights
    network = build(recipe.architecture, **options)
    assert isinstance(network, SequenceNetwork)
    if features_of is not None and isinstance(network, FeatureSequence):
        network.frozen.load_state_dict(features_of.network.state_dict())

    yield Note("looking at the frames one by one")
    lessons, held_back = (
        _track_set(network, tracks, spec.scales, recipe.window, torch_device) for tracks in (training, validation)
    )
    log = yield from train_classifier(network, lessons, held_back, config, torch_device, hooks)
    logits, truth = held_back.known_logits(network, torch.device("cpu"))
    temperature = 1.0
    if len(truth) >= MIN_CALIBRATION_CELLS:
        temperature = fit_temperature(logits.softmax(1).numpy(), truth.numpy())
    scale = spec.scales[:, None, None]
    card = ModelCard(
        name=name,
        architecture=recipe.architecture,
        options=options,
        phase_set=phases,
        description=recipe.description,
        input=spec,
        temperature=temperature,
        tells_dna=features_of is not None and features_of.card.tells_dna,
        training={
            "n_cells": len(training.track) + len(validation.track),
            "n_validation": len(validation.track),
            "n_synthetic": 0,
            "n_tracks": len(np.unique(training.track)) + len(np.unique(validation.track)),
            "settings": shared_settings(config.to_dict()),
        },
    )
    detector = _fit_detector(training, validation, scale) if features_of is None else features_of.familiarity
    return Model(network, card, detector), log


def check_for_tracks(config: TrainConfig) -> None:
    """Raise `SettingError` if settings are for single cells."""
    if config.mixup or config.nonlinear_mixup or config.undersample or config.augment.generator:
        raise SettingError(
            "augment asks for mixup, undersample or synthetic cells, which tracks don't have; leave it empty, or none"
        )


def _frozen_options(model: Model) -> dict[str, Any]:
    """Options of a network on the features of `model`."""
    spec = model.card.input
    with torch.inference_mode():
        blank = frame_features(model.network(torch.zeros(1, len(spec.channels), spec.size_px, spec.size_px)))
    frozen = {"architecture": model.card.architecture, **model.card.options}
    return {"n_inputs": blank.shape[1], "frozen": frozen}


def _track_set(
    network: SequenceNetwork, tracks: PreparedTracks, scales: NDArray[np.float32], window: int, device: torch.device
) -> TrackSet:
    images = torch.from_numpy(tracks.cells.images / scales[:, None, None])
    return TrackSet(
        encoded=_encode(network, images, device),
        phases=torch.from_numpy(tracks.cells.phases.astype(np.int64)),
        track=tracks.track,
        step=tracks.step,
        n_phases=len(tracks.cells.phase_set),
        window=window,
    )


@torch.no_grad()
def _encode(network: SequenceNetwork, images: Tensor, device: torch.device) -> Tensor:
    """What training does not change, computed once."""
    network.to(device).eval()
    parts = []
    for batch in images.split(VALIDATION_BATCH):
        with mixed_precision(device):
            parts.append(network.encode(batch.to(device)).cpu())
    return torch.cat(parts)


def _fit_detector(
    training: PreparedTracks, validation: PreparedTracks, scale: NDArray[np.float32]
) -> MahalanobisDetector | None:
    """Detector by plain statistics of the images, for a network without features of single frames."""
    known = training.cells.subset(np.flatnonzero(training.cells.phases != UNKNOWN))
    found = (descriptors(torch.from_numpy(cells.images / scale), None) for cells in (known, validation.cells))
    return fit_detector(next(found), known.phases, next(found))
