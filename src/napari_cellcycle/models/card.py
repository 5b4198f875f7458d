"""The model card: what a model needs, where it comes from, and what it can do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from napari_cellcycle.images.model_input import InputSpec
from napari_cellcycle.phase_sets import SEVEN, PhaseSet

CARD_VERSION = 1
_KEYS = {"fallbacks": "stand_ins"}
"""Names in ``model.json`` that differ from those here; they stay as they are on users' disks."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Everything about a model but its weights; ``model.json`` in the model's folder, which `store.cards` reads.

    Attributes
    ----------
    name, description : str
        What users call it, and one sentence on what it is.
    architecture : str
        A name in `models.ARCHITECTURES`.
    options : dict
        What `models.build` needs besides to build the network.
    input : InputSpec
        Channels in order, crop, pixel size, normalisation.
    phase_set : PhaseSet
        The outputs in order. In ``model.json`` they are ``phases``, the names, and for other phases than the seven
        ``phase_parts``, which of the seven each one stands for.
    temperature : float
        Logits are divided by it, so that probabilities mean what they say (Guo et al. 2017).
    training : dict
        Data by hash, settings, seed, command, duration.
    figures : dict
        Measured quality, each with the protocol that it was measured by.
    confusion : list of list of int, or None
        Counts of the cross-validation behind `figures`, shape (P, P): rows are true phases, columns predicted ones,
        without a minimum probability. Phase fractions of a sample are corrected by it.
    fallbacks : dict of str to str
        For a channel, the model that takes over where cells lack that channel: a name or folder as `load_model` takes.
        In ``model.json`` the key is ``stand_ins``.
    tells_dna : bool
        Whether it was trained on the DNA content of stained cells. If not, its DNA content means nothing and is not
        reported.
    versions : dict of str to str
        Versions of the libraries that it was trained with.
    licence, data_licence : str
        Of the weights, and of the data behind them.
    """

    name: str
    architecture: str
    input: InputSpec
    description: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    phase_set: PhaseSet = SEVEN
    temperature: float = 1.0
    training: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    confusion: list[list[int]] | None = None
    fallbacks: dict[str, str] = field(default_factory=dict)
    tells_dna: bool = True
    versions: dict[str, str] = field(default_factory=dict)
    licence: str = ""
    data_licence: str = ""

    def to_json(self) -> str:
        """The card as text."""
        values: dict[str, Any] = {}
        for name, value in {**asdict(self), "phase_set": self.phase_set}.items():
            if name != "phase_set":
                values[_KEYS.get(name, name)] = value
                continue
            written = self.phase_set.to_dict()
            values["phases"] = written["names"]
            if not self.phase_set.is_seven:
                values["phase_parts"] = written["parts"]
        return json.dumps({"card_version": CARD_VERSION, **values}, indent=2) + "\n"

    def fallback_for(self, channels: Sequence[str]) -> str | None:
        """The model that takes over for cells with `channels`; None if this one works, or no other does."""
        missing = [name for name in self.input.channels if name not in channels]
        return self.fallbacks.get(missing[0]) if len(missing) == 1 else None

    @property
    def untrained_phases(self) -> tuple[int, ...]:
        """Phases that no training cell had, so that the model must not call them; none if the card does not say.

        A fine-tuned model keeps what the model that it started from was trained on.
        """
        names, start = self.phase_set.names, self.training.get("start_from")
        phases = start.get("phases", names) if isinstance(start, dict) else ()
        before = phases if isinstance(phases, list | tuple) else names  # an odd card forbids nothing
        counts = self.training.get("cells_per_phase")
        if not isinstance(counts, dict) or not any(counts.get(name) for name in names):
            return ()
        return tuple(n for n, name in enumerate(names) if not counts.get(name) and name not in before)

    def to_text(self) -> str:
        """The card as a person reads it."""
        spec, training = self.input, self.training
        crop = f"{spec.size_px} x {spec.size_px} px of {spec.pixel_size_um:g} um"
        crop = "figures of nuclei in the same image" if spec.compares_nuclei else crop
        lines = [
            f"{self.name}: {self.description}",
            f"  needs      {' + '.join(spec.channels)}, {crop}",
            f"  trained on {training.get('n_cells', 'an unknown number of')} cells",
            *([] if self.phase_set.is_seven else [f"  tells      {self.phase_set}"]),
        ]
        lines += [f"  {name:<10} {value}" for name, value in self.figures.items()]
        lines.append(f"  licence    {self.licence or 'not stated'}; data: {self.data_licence or 'not stated'}")
        return "\n".join(lines)
