"""Cross-validation of networks that read whole tracks: no film, and no lineage of a single film, is divided."""

from __future__ import annotations

from dataclasses import replace

import torch

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.datasets.splits import Fold, make_folds
from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.jobs.config import CLEAN, EvaluateSettings
from napari_cellcycle.jobs.follow import Followed
from napari_cellcycle.jobs.steps.fit_sequences import check_for_tracks, fit_sequence_model
from napari_cellcycle.jobs.track_data import TrackData, track_data
from napari_cellcycle.jobs.train_tracks import recipe_on_tracks
from napari_cellcycle.models import Model
from napari_cellcycle.models.sequence import Places, whole_tracks
from napari_cellcycle.predict import STEPS_OF_TRACKS, PartialPrediction, predict_prepared
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.training.config import resolved


def cross_validate_tracks(
    cells: Cells, followed: Followed, config: EvaluateSettings
) -> Job[Progress | Note | EpochDone, Prediction]:
    """Train and test fold by fold, each from new weights; what each model says of the tracks of its test part.

    Folds are whole films if there are at least as many, else whole lineages, mothers and daughters together.

    Raises
    ------
    SettingError
        The model sees single frames, or a setting is one for single cells.
    TooFewCellsError
        There are fewer films or lineages than folds.
    """
    _check(config)
    recipe, features_of = recipe_on_tracks(config.model_name, config.features_of)
    settings = resolved(replace(recipe.config, **config.overrides, seed=config.seed))
    check_for_tracks(settings)
    data = yield from track_data(cells, followed, recipe.input)
    folds = make_folds(
        data.cells,
        config.cv,
        groups=data.groups,
        validation_fraction=settings.validation_fraction,
        seed=config.seed,
    )
    yield from map(Note, folds.notes)
    found = PartialPrediction.empty(len(cells), cells.phase_set)
    for number, fold in enumerate(folds):
        training, validation = (data.prepared.subset(data.rows_in(part)) for part in (fold.train, fold.validation))
        model, _ = yield from fit_sequence_model(
            f"{config.model_name}, fold {number + 1} of {len(folds)}",
            recipe,
            training,
            validation,
            replace(settings, seed=config.seed + number),
            config.device,
            features_of=features_of,
        )
        _test(model, fold, data, found)
    return replace(found.prediction(cells, config.min_probability), model=config.model_name, synthetic=None)


def _test(model: Model, fold: Fold, data: TrackData, found: PartialPrediction) -> None:
    """Fill in what the model says of the whole tracks of its test part."""
    rows = data.rows_in(fold.test)
    tracks, device = data.prepared.subset(rows), torch.device("cpu")
    for part in whole_tracks(tracks.track, tracks.step, STEPS_OF_TRACKS):
        places = Places.of(tracks.track[part], tracks.step[part], device)
        images = tracks.cells.images[part] / model.card.input.scales[:, None, None]
        found.add(data.rows[rows[part]], predict_prepared(model, images, device, places))


def _check(config: EvaluateSettings) -> None:
    """Raise `SettingError` for what a cross-validation of tracks does not have."""
    if config.protocol != CLEAN:
        raise SettingError("protocol seed knows no tracks; leave out protocol, or leave out tracks")
    for name in ("also", "group_by", "inputs", "keep_models", "prevalence"):
        if getattr(config, name):
            raise SettingError(f"{name.replace('_', '-')} is for single cells; leave it out, or leave out tracks")
