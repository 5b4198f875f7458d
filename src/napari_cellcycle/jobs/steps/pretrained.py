"""The pretrained model that a training starts from, and what the new model takes over from it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import SettingError
from napari_cellcycle.models import Model
from napari_cellcycle.phase_sets import PhaseSet
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.store.models import WEIGHTS, find_model, load_model, load_training_fingerprints
from napari_cellcycle.training.config import FINE_TUNING
from napari_cellcycle.training.recipes import NO_FINE_TUNING, Recipe


@dataclass(frozen=True, eq=False)
class PretrainedModel:
    """A finished model; the new model takes over its network, its input and its scale.

    Attributes
    ----------
    model : Model
        Weights and card.
    sha256 : str
        Hash of the file of weights.
    fingerprints : ndarray of uint64, shape (N, 4), or None
        Of the cells that it was trained on.
    """

    model: Model
    sha256: str
    fingerprints: NDArray[np.uint64] | None

    @classmethod
    def load(cls, name: str) -> PretrainedModel:
        """Load a model by its name or its folder.

        Raises
        ------
        ModelError
            There is none.
        SettingError
            It is of a kind that can't be trained further.
        """
        folder = find_model(name)
        model = load_model(folder)
        if model.card.architecture in NO_FINE_TUNING:
            kinds = {"features": "trees", "narotamo2021": "support vectors"}
            kind = kinds.get(model.card.architecture, "networks that read tracks")
            raise SettingError(f"start-from is {name}, but {kind} can't be trained further; choose another model")
        return cls(model, sha256((folder / WEIGHTS).read_bytes()).hexdigest(), load_training_fingerprints(folder))

    @property
    def recipe(self) -> Recipe:
        """Network and input of the model."""
        card = self.model.card
        description = f"starts from {card.name}: {card.description}"
        return Recipe(architecture=card.architecture, description=description, input=card.input, config=FINE_TUNING)

    def provenance(self, phases: PhaseSet) -> dict[str, Any]:
        """What the card of a new model, which tells `phases`, says about this one."""
        card, places = self.model.card, self.model.card.phase_set.numbers_in(phases)
        trained = {int(places[n]) for n in range(len(card.phase_set)) if n not in card.untrained_phases} - {UNKNOWN}
        unknown = len(trained) < len(phases)
        # all phases are the rule, and not written
        names = [name for number, name in enumerate(phases.names) if number in trained]
        return {
            "name": card.name,
            "weights_sha256": self.sha256,
            "data_sha256": card.training.get("data_sha256", ""),
            **({"phases": names} if unknown else {}),
        }

    def fingerprints_with(self, fingerprints: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Fingerprints of all cells behind the new model: `fingerprints` of the new cells, and its own."""
        return fingerprints if self.fingerprints is None else np.concatenate([self.fingerprints, fingerprints])

    def data_licence_with(self, licence: str) -> str:
        """Licence of all data behind the new model, where the new cells have `licence`."""
        before = self.model.card.data_licence
        return "; ".join(dict.fromkeys(text for text in (licence, before) if text))
