"""The model card: what a model wants, where it comes from, what it can do."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from napari_cellcycle.errors import ModelError
from napari_cellcycle.images.model_input import InputSpec, Normalisation
from napari_cellcycle.phases import PHASE_LABELS

CARD_VERSION = 1

_Card = TypeVar("_Card")


def parse_card(text: str, version: int, build: Callable[[dict[str, Any]], _Card], what: str) -> _Card:
    """The card that `build` makes of the values in a text.

    Raises
    ------
    ModelError
        The text is not `what` it should be, or of a later version.
    """
    try:
        values = json.loads(text)
        if values.pop("card_version") != version:
            raise ModelError("it was written by another version of napari-cellcycle; update the plugin")
        return build(values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"it is no {what} ({error})") from error


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Everything about a model but its weights; written beside them as ``model.json``.

    Attributes
    ----------
    name, description : str
        What users call it, and one sentence on what it is.
    architecture, options
        What `models.build` needs to make the network.
    input : InputSpec
        Channels in order, crop, pixel size, normalisation.
    phases : tuple of str
        Names of the outputs in order.
    temperature : float
        Logits are divided by it, so that probabilities mean what they say (Guo et al. 2017).
    training : dict
        Data by hash, settings, seed, command, duration.
    figures : dict
        Measured quality, each with the protocol that it was measured by.
    confusion : list of list of int, or None
        Counts of the cross-validation behind `figures`, rows true, columns called, without a minimum
        probability; phase fractions of a sample are corrected by it.
    stand_ins : dict of str to str
        By channel, the model that takes over where cells lack that channel: a name or folder as `load_model` takes.
    tells_dna : bool
        Whether stained cells taught it the DNA content; without them its answer means nothing, and is not given.
    versions : dict of str to str
        Of the libraries it was trained with.
    licence, data_licence : str
        Of the weights, and of the data behind them.
    """

    name: str
    architecture: str
    input: InputSpec
    description: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    phases: tuple[str, ...] = PHASE_LABELS
    temperature: float = 1.0
    training: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    confusion: list[list[int]] | None = None
    stand_ins: dict[str, str] = field(default_factory=dict)
    tells_dna: bool = True
    versions: dict[str, str] = field(default_factory=dict)
    licence: str = ""
    data_licence: str = ""

    def to_json(self) -> str:
        """The card as text."""
        return json.dumps({"card_version": CARD_VERSION, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card.

        Raises
        ------
        ModelError
            The text is no card, or one of a later version.
        """
        return parse_card(text, CARD_VERSION, cls._from_values, "model card")

    @classmethod
    def _from_values(cls, values: dict[str, Any]) -> ModelCard:
        spec = values.pop("input")
        kinds = tuple(Normalisation(**how) for how in spec.pop("normalisation"))
        spec["channels"] = tuple(spec["channels"])
        values["phases"] = tuple(values["phases"])
        return cls(input=InputSpec(normalisation=kinds, **spec), **values)

    def fallback_for(self, channels: Sequence[str]) -> str | None:
        """The model that takes over for cells with these `channels`; None if this one does, or there is no other."""
        missing = [name for name in self.input.channels if name not in channels]
        return self.stand_ins.get(missing[0]) if len(missing) == 1 else None

    def to_text(self) -> str:
        """The card as a person reads it."""
        spec, training = self.input, self.training
        crop = f"{spec.size_px} x {spec.size_px} px of {spec.pixel_size_um:g} um"
        lines = [
            f"{self.name}: {self.description}",
            f"  wants      {' + '.join(spec.channels)}, {crop}",
            f"  trained on {training.get('n_cells', 'an unknown number of')} cells",
        ]
        lines += [f"  {name:<10} {value}" for name, value in self.figures.items()]
        lines.append(f"  licence    {self.licence or 'not stated'}; data: {self.data_licence or 'not stated'}")
        return "\n".join(lines)
