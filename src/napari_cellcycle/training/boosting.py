"""Gradient boosting of the trees of the `features` model, as a generator of events like the training of a network.

References
----------
.. [1] Friedman (2001), "Greedy function approximation: a gradient boosting machine", :doi:`10.1214/aos/1013203451`
.. [2] Friedman (2002), "Stochastic gradient boosting", :doi:`10.1016/S0167-9473(01)00065-2`
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from torch import Tensor
from torch.nn.functional import cross_entropy

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.models.feature_trees import DEPTH, DNA, FeatureTrees, Trees
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.classifier import EpochDone, score_epoch
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.state import Hooks
from napari_cellcycle.training.training_set import TrainingSet

if TYPE_CHECKING:
    from sklearn.tree._tree import Tree

TREES_PER_EPOCH = 10
"""Trees that an epoch adds for each output."""
SUBSAMPLE = 0.5
"""Share of the cells that each tree is fitted on [2]_."""
MIN_PROBABILITY = 1e-6
"""Probability of a phase without training cells."""
MEASURE_BATCH = 256


def grow_trees(
    network: FeatureTrees,
    training_set: TrainingSet,
    validation: tuple[Tensor, Tensor],
    config: TrainConfig,
    hooks: Hooks | None = None,
) -> Job[Progress | EpochDone, list[EpochDone]]:
    """Fit the trees of `network` by gradient boosting [1]_.

    An epoch adds `TREES_PER_EPOCH` trees for each phase, and as many for the DNA content if there are stained cells.
    However it ends, `network` keeps the trees of the best epoch, which is the one with the lowest validation loss.

    Parameters
    ----------
    network : FeatureTrees
        Without trees.
    training_set : TrainingSet
        Training cells.
    validation : tuple of Tensor
        Images (M, C, S, S), scaled like those of `training_set`, and their phases (M,), all known.
    config : TrainConfig
        Only these settings count: epochs, learning_rate, patience, seed, rare_phases and undersample (both through
        `training_set`), and dna_weight, where 0 grows no trees for the DNA content.
    hooks : Hooks, optional
        How to stop it. Nothing is saved on the way, because the same trees grow again within a minute.

    Returns
    -------
    list of EpochDone
        All epochs, in order.

    Raises
    ------
    SettingError
        `network` has trees already.
    """
    if network.is_grown:
        raise SettingError("trees can't be trained further; train features without start-from")
    stop = (hooks or Hooks()).stop
    features = yield from _measured(network, training_set.images)
    validation_features = yield from _measured(network, validation[0])
    boosters = _boosters(features.numpy(), training_set, config)
    network.start = _initial_outputs(training_set, config)
    weights = training_set.draw_weights  # 0 where the phase is unknown
    outputs, validation_outputs = (network.start.expand(len(cells), -1) for cells in (features, validation_features))
    grown: list[Trees] = []
    log: list[EpochDone] = []
    best = 0
    try:
        while len(log) < config.epochs and len(log) - best < config.patience and not (log and stop()):
            grown.append(_grow(boosters, len(network.start)))
            outputs = outputs + grown[-1].outputs(features)
            validation_outputs = validation_outputs + grown[-1].outputs(validation_features)
            losses = cross_entropy(outputs[:, :DNA], training_set.phases, ignore_index=UNKNOWN, reduction="none")
            loss = float((losses * weights).sum() / weights.sum())
            log.append(score_epoch(validation_outputs[:, :DNA], validation[1], log, config, loss))
            best = len(log) if log[-1].is_best else best
            yield Progress(len(log), config.epochs, "growing trees")
            yield log[-1]
        return log
    finally:
        if best:
            network.trees = Trees(*(torch.cat(parts) for parts in zip(*grown[:best], strict=True)))
        network.eval()


@dataclass(frozen=True, eq=False)
class _Booster:
    """One of scikit-learn's boosters and what it is fitted to.

    Attributes
    ----------
    model
        Each fit adds trees to those that it has.
    features, truth, weights : ndarray, shapes (N, F), (N,), (N,)
        Training cells.
    outputs : sequence of int
        Which outputs of `FeatureTrees` are its own.
    """

    model: GradientBoostingClassifier | GradientBoostingRegressor
    features: NDArray[np.float32]
    truth: NDArray[np.generic]
    weights: NDArray[np.float64]
    outputs: Sequence[int]

    def grow(self) -> NDArray[np.object_]:
        """Add trees; returns them, shape (TREES_PER_EPOCH, outputs)."""
        self.model.set_params(n_estimators=self.model.n_estimators + TREES_PER_EPOCH)
        self.model.fit(self.features, self.truth, self.weights)
        return self.model.estimators_[-TREES_PER_EPOCH:]


def _boosters(features: NDArray[np.float32], training_set: TrainingSet, config: TrainConfig) -> list[_Booster]:
    """One for the phases, and one for the DNA content where it is asked for and known."""
    options: dict[str, Any] = {
        "n_estimators": 0,
        "learning_rate": config.learning_rate,
        "max_depth": DEPTH,
        "max_features": "sqrt",
        "subsample": SUBSAMPLE,
        "random_state": config.seed,
        "warm_start": True,
    }
    weights = training_set.draw_weights.numpy()
    known = weights > 0
    phases = training_set.phases.numpy()[known]
    found = np.unique(phases).tolist()
    outputs = found[1:] if len(found) == 2 else found  # scikit-learn fits two classes by the odds of the second
    boosters = [_Booster(GradientBoostingClassifier(**options), features[known], phases, weights[known], outputs)]
    stained = _stained(training_set, config)
    if stained.any():
        truth = training_set.log2_dna.numpy()[stained]
        model = GradientBoostingRegressor(**options)
        boosters.append(_Booster(model, features[stained], truth, np.ones(len(truth)), (DNA,)))
    return boosters


def _stained(training_set: TrainingSet, config: TrainConfig) -> NDArray[np.bool_]:
    """Which cells the DNA content is learned from, shape (N,)."""
    return np.isfinite(training_set.log2_dna.numpy()) & (config.dna_weight > 0)


def _initial_outputs(training_set: TrainingSet, config: TrainConfig) -> Tensor:
    """Outputs before the first tree, shape (K,): log share of each phase, and mean DNA content or NaN."""
    weights = training_set.draw_weights.numpy()
    known = weights > 0
    sums = np.bincount(training_set.phases.numpy()[known], weights[known], minlength=training_set.n_phases)
    contents = training_set.log2_dna.numpy()[_stained(training_set, config)]
    dna = contents.mean() if len(contents) else np.nan
    return torch.from_numpy(np.r_[np.log(np.maximum(sums / sums.sum(), MIN_PROBABILITY)), dna]).float()


def _grow(boosters: Sequence[_Booster], n_outputs: int) -> Trees:
    """The next `TREES_PER_EPOCH` trees for each output."""
    n_nodes = 2**DEPTH - 1
    feature = np.zeros((TREES_PER_EPOCH, n_outputs, n_nodes), np.int16)
    threshold = np.full(feature.shape, np.inf, np.float32)
    leaf_outputs = np.zeros((TREES_PER_EPOCH, n_outputs, n_nodes + 1), np.float32)
    for booster in boosters:
        for number, trees in enumerate(booster.grow()):
            for output, tree in zip(booster.outputs, trees, strict=True):
                at = number, output
                feature[at], threshold[at], leaf_outputs[at] = _as_arrays(tree.tree_)
                leaf_outputs[at] *= booster.model.learning_rate
    return Trees(*map(torch.from_numpy, (feature, threshold, leaf_outputs)))


def _as_arrays(tree: Tree) -> tuple[NDArray[np.int16], NDArray[np.float32], NDArray[np.float64]]:
    """Feature, threshold and leaf values of `tree` as a complete tree: an early leaf stands for all nodes below it."""
    n_nodes = 2**DEPTH - 1
    node = np.zeros(2 * n_nodes + 1, np.intp)  # node of `tree` at each node of the complete one
    for level in range(DEPTH):
        indices = np.arange(2**level - 1, 2 ** (level + 1) - 1)
        here = node[indices]
        is_leaf = tree.children_left[here] < 0
        node[2 * indices + 1] = np.where(is_leaf, here, tree.children_left[here])
        node[2 * indices + 2] = np.where(is_leaf, here, tree.children_right[here])
    inner = node[:n_nodes]
    is_leaf = tree.children_left[inner] < 0
    feature = np.where(is_leaf, 0, tree.feature[inner]).astype(np.int16)
    exact = np.where(is_leaf, np.inf, tree.threshold[inner])
    threshold = exact.astype(np.float32)
    # features are float32, so the next number below separates them exactly as the float64 threshold does
    threshold = np.where(threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    return feature, threshold, tree.value[node[n_nodes:], 0, 0]


def _measured(network: FeatureTrees, images: Tensor) -> Generator[Progress, None, Tensor]:
    """Features (N, F) of images (N, C, S, S)."""
    parts = []
    for number, batch in enumerate(images.split(MEASURE_BATCH)):
        parts.append(network.measure(batch))
        yield Progress(min((number + 1) * MEASURE_BATCH, len(images)), len(images), "measuring cells")
    return torch.cat(parts)
