"""Growing the trees of the `features` model round by round, as a generator like the training of a network.

References
----------
.. [1] Friedman (2001), "Greedy function approximation: a gradient boosting machine", :doi:`10.1214/aos/1013203451`
.. [2] Friedman (2002), "Stochastic gradient boosting", :doi:`10.1016/S0167-9473(01)00065-2`
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Progress
from napari_cellcycle.models.feature_trees import DEPTH, DNA, FeatureTrees, Trees
from napari_cellcycle.phases import N_PHASES, UNKNOWN
from napari_cellcycle.training.classifier import EpochDone, Hooks, judge
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.training_set import TrainingSet

if TYPE_CHECKING:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.tree._tree import Tree

TREES_PER_EPOCH = 10
"""Trees for each answer that an epoch adds."""
SHOWN = 0.5
"""Share of the cells that each round is shown [2]_."""
MIN_PROBABILITY = 1e-6
"""Probability of a phase that has no training cells."""
MEASURED_AT_ONCE = 256


def grow_trees(
    network: FeatureTrees,
    training_set: TrainingSet,
    validation: tuple[Tensor, Tensor],
    config: TrainConfig,
    hooks: Hooks | None = None,
) -> Iterator[Progress | EpochDone]:
    """Fit the trees of `network` by gradient boosting [1]_.

    An epoch adds `TREES_PER_EPOCH` trees for each phase, and as many for the DNA content where cells are stained. However it
    ends, `network` is left with the trees of the best epoch, that of the lowest validation loss. Of `config` these
    settings count: epochs, learning_rate, patience, seed, rare_phases and undersample (both through `training_set`), and
    dna_weight, where 0 grows no trees for the DNA content.

    Parameters
    ----------
    network : FeatureTrees
        Fresh, without trees.
    training_set : Lessons
        Training cells.
    validation : tuple of Tensor
        Images (M, C, S, S), scaled like those of `training_set`, and phases (M,), all known.
    config : TrainConfig
        How.
    hooks : Hooks, optional
        How it is stopped. Nothing is written down on the way: the same seed grows the same trees again in a minute.

    Raises
    ------
    SettingError
        `network` has trees already.
    """
    if network.is_grown:
        raise SettingError("trees can't go on from those of another model; train features without start-from")
    stop = (hooks or Hooks()).stop
    features = yield from _measured(network, training_set.images)
    tested = yield from _measured(network, validation[0])
    boosters = _boosters(features.numpy(), training_set, config)
    network.start = _start(training_set, config)
    weights = training_set.draw_weights  # 0 where the phase is unknown
    answers, tested_answers = (network.start.expand(len(cells), -1) for cells in (features, tested))
    grown: list[Trees] = []
    log: list[EpochDone] = []
    best = 0
    try:
        while len(log) < config.epochs and len(log) - best < config.patience and not (log and stop()):
            grown.append(_grow(boosters))
            answers = answers + grown[-1].outputs(features)
            tested_answers = tested_answers + grown[-1].outputs(tested)
            losses = cross_entropy(answers[:, :DNA], training_set.phases, ignore_index=UNKNOWN, reduction="none")
            loss = float((losses * weights).sum() / weights.sum())
            log.append(judge(tested_answers[:, :DNA], validation[1], log, config, loss))
            best = len(log) if log[-1].is_best else best
            yield Progress(len(log), config.epochs, "growing trees")
            yield log[-1]
    finally:
        if best:
            network.trees = Trees(*(torch.cat(parts) for parts in zip(*grown[:best], strict=True)))
        network.eval()


@dataclass(frozen=True, eq=False)
class Booster:
    """One of scikit-learn's boosters and what it learns.

    Attributes
    ----------
    model
        Goes on where it was at each fit.
    features, truth, weights : ndarray, shapes (N, F), (N,), (N,)
        Training cells.
    places : sequence of int
        Where its answers stand among all answers of `FeatureTrees`.
    """

    model: GradientBoostingClassifier | GradientBoostingRegressor
    features: NDArray[np.float32]
    truth: NDArray[np.generic]
    weights: NDArray[np.float64]
    places: Sequence[int]

    def grow(self) -> NDArray[np.object_]:
        """Add `TREES_PER_EPOCH` rounds; returns their trees, shape (ROUNDS, answers)."""
        self.model.set_params(n_estimators=self.model.n_estimators + TREES_PER_EPOCH)
        self.model.fit(self.features, self.truth, self.weights)
        return self.model.estimators_[-TREES_PER_EPOCH:]


def _boosters(features: NDArray[np.float32], training_set: TrainingSet, config: TrainConfig) -> list[Booster]:
    """For the phases, and for the DNA content where it is asked for and known."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    how: dict[str, Any] = {
        "n_estimators": 0,
        "learning_rate": config.learning_rate,
        "max_depth": DEPTH,
        "max_features": "sqrt",
        "subsample": SHOWN,
        "random_state": config.seed,
        "warm_start": True,
    }
    weights = training_set.draw_weights.numpy()
    known = weights > 0
    phases = training_set.phases.numpy()[known]
    found = np.unique(phases).tolist()
    places = found[1:] if len(found) == 2 else found  # of two phases, one's odds tell both
    boosters = [Booster(GradientBoostingClassifier(**how), features[known], phases, weights[known], places)]
    stained = _stained(training_set, config)
    if stained.any():
        truth = training_set.log2_dna.numpy()[stained]
        boosters.append(
            Booster(GradientBoostingRegressor(**how), features[stained], truth, np.ones(len(truth)), (DNA,))
        )
    return boosters


def _stained(training_set: TrainingSet, config: TrainConfig) -> NDArray[np.bool_]:
    """Which cells teach DNA content, shape (N,)."""
    return np.isfinite(training_set.log2_dna.numpy()) & (config.dna_weight > 0)


def _start(training_set: TrainingSet, config: TrainConfig) -> Tensor:
    """Answers before the first tree, shape (8,): log shares of the phases, mean DNA content or NaN."""
    weights = training_set.draw_weights.numpy()
    known = weights > 0
    sums = np.bincount(training_set.phases.numpy()[known], weights[known], minlength=N_PHASES)
    contents = training_set.log2_dna.numpy()[_stained(training_set, config)]
    dna = contents.mean() if len(contents) else np.nan
    return torch.from_numpy(np.r_[np.log(np.maximum(sums / sums.sum(), MIN_PROBABILITY)), dna]).float()


def _grow(boosters: Sequence[Booster]) -> Trees:
    """The next `TREES_PER_EPOCH` rounds of all boosters."""
    n_nodes = 2**DEPTH - 1
    feature = np.zeros((TREES_PER_EPOCH, DNA + 1, n_nodes), np.int16)
    threshold = np.full(feature.shape, np.inf, np.float32)
    answer = np.zeros((TREES_PER_EPOCH, DNA + 1, n_nodes + 1), np.float32)
    for booster in boosters:
        for number, trees in enumerate(booster.grow()):
            for place, tree in zip(booster.places, trees, strict=True):
                spot = number, place
                feature[spot], threshold[spot], answer[spot] = _as_arrays(tree.tree_)
                answer[spot] *= booster.model.learning_rate
    return Trees(*map(torch.from_numpy, (feature, threshold, answer)))


def _as_arrays(tree: Tree) -> tuple[NDArray[np.int16], NDArray[np.float32], NDArray[np.float64]]:
    """Feature, threshold and answer of `tree`, made complete: a leaf that comes early stands for all below it."""
    n_nodes = 2**DEPTH - 1
    node = np.zeros(2 * n_nodes + 1, np.intp)  # of `tree`, at each place of the complete one
    for level in range(DEPTH):
        places = np.arange(2**level - 1, 2 ** (level + 1) - 1)
        here = node[places]
        is_leaf = tree.children_left[here] < 0
        node[2 * places + 1] = np.where(is_leaf, here, tree.children_left[here])
        node[2 * places + 2] = np.where(is_leaf, here, tree.children_right[here])
    asking = node[:n_nodes]
    is_leaf = tree.children_left[asking] < 0
    feature = np.where(is_leaf, 0, tree.feature[asking]).astype(np.int16)
    exact = np.where(is_leaf, np.inf, tree.threshold[asking])
    threshold = exact.astype(np.float32)
    # features are float32: the next number below cuts them as the exact threshold does
    threshold = np.where(threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    return feature, threshold, tree.value[node[n_nodes:], 0, 0]


def _measured(network: FeatureTrees, images: Tensor) -> Generator[Progress, None, Tensor]:
    """Features (N, F) of `images` (N, C, S, S)."""
    parts = []
    for number, batch in enumerate(images.split(MEASURED_AT_ONCE)):
        parts.append(network.measure(batch))
        yield Progress(min((number + 1) * MEASURED_AT_ONCE, len(images)), len(images), "measuring cells")
    return torch.cat(parts)
