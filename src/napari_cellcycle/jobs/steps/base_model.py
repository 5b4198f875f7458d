"""The model that a training goes on from, and what of it stays."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from napari_cellcycle.training.config import FINE_TUNING
from napari_cellcycle.training.recipes import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cellcycle.models import Model


@dataclass(frozen=True, eq=False)
class BaseModel:
    """A finished model; one that goes on from it keeps its network, its input and its scale.

    Attributes
    ----------
    model : Model
        Weights and card.
    sha256 : str
        Of the file of weights.
    fingerprints : ndarray of uint64, shape (N, 4), or None
        By what the cells that it was trained on are known again.
    """

    model: Model
    sha256: str
    fingerprints: NDArray[np.uint64] | None

    @classmethod
    def of(cls, name: str) -> BaseModel:
        """The model called `name`, or that in the folder of this name.

        Raises
        ------
        ModelError
            There is none.
        """
        from napari_cellcycle.store.models import WEIGHTS, find_model, load_model, load_training_fingerprints

        folder = find_model(name)
        model = load_model(folder)
        return cls(model, sha256((folder / WEIGHTS).read_bytes()).hexdigest(), load_training_fingerprints(folder))

    @property
    def recipe(self) -> Recipe:
        """Network and input of the model."""
        card = self.model.card
        description = f"goes on from {card.name}: {card.description}"
        return Recipe(architecture=card.architecture, description=description, input=card.input, config=FINE_TUNING)

    def facts(self) -> dict[str, Any]:
        """What the new model's card tells of it."""
        card = self.model.card
        return {"name": card.name, "weights_sha256": self.sha256, "data_sha256": card.training.get("data_sha256", "")}

    def fingerprints_with(self, fingerprints: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """`fingerprints` of new cells, and those of all cells that were learnt from before."""
        import numpy as np

        return fingerprints if self.fingerprints is None else np.concatenate([self.fingerprints, fingerprints])

    def data_licence_with(self, licence: str) -> str:
        """Licence of all data behind the new model, if its own cells have `licence`."""
        before = self.model.card.data_licence
        return "; ".join(dict.fromkeys(text for text in (licence, before) if text))
