"""Another last layer for a network whose phases change: made from the old one as far as that goes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from napari_cellcycle.models.base import PhaseNetwork
from napari_cellcycle.phase_sets import SEVEN, PhaseSet


def phase_option(phases: PhaseSet) -> dict[str, int]:
    """The option of `models.build` for these phases; none for the seven, so that cards of before stay the same."""
    return {} if len(phases) == len(SEVEN) else {"n_phases": len(phases)}


def with_phases(
    network: PhaseNetwork, fresh: PhaseNetwork, old: PhaseSet, new: PhaseSet, counts: Mapping[str, int] | None = None
) -> PhaseNetwork:
    """Carry the weights of a network over to one with other phases.

    The body is kept. Of the last layer, the output of a new phase is the mean of those of the old phases inside it,
    weighted by their cells, plus the entropy of these weights. That is the largest output that is nowhere above the
    logarithm of their summed probabilities, for cells in these proportions (Jensen's inequality). A phase with none of
    the old ones inside keeps its fresh weights, and so do trees.

    Parameters
    ----------
    network : PhaseNetwork
        With outputs for `old`.
    fresh : PhaseNetwork
        Of the same kind, with outputs for `new`; it is changed and returned.
    old, new : PhaseSet
        The phases.
    counts : mapping of str to int, optional
        Cells of each old phase that `network` was trained on; by default as many of each.

    Returns
    -------
    PhaseNetwork
    """
    n_cells = np.array([(counts or {}).get(name, 0) for name in old.names], float)
    inside = old.numbers_in(new)[: len(old), None] == np.arange(len(new))  # (old, new)
    shares = torch.from_numpy(inside * (n_cells if n_cells.any() else np.ones(len(old)))[:, None]).float()
    known = shares.sum(0) > 0
    shares = shares / shares.sum(0).clamp(min=1e-12)
    before, weights = network.state_dict(), fresh.state_dict()
    for name, values in before.items():
        if not name.startswith((f"{network.head}.", "trees.")):
            weights[name] = values
    own = {name: f"{network.head}.{name}" for name in ("weight", "bias")}
    weights[own["weight"]][known] = (shares.T @ before[own["weight"]])[known]
    weights[own["bias"]][known] = (shares.T @ before[own["bias"]] + torch.special.entr(shares).sum(0))[known]
    fresh.load_state_dict(weights)
    return fresh
