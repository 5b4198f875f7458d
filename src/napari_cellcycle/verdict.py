"""Whether a model fits the cells that it is used on, in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Answer = Literal["fits", "label and fine-tune", "does not fit"]
FITS: Answer = "fits"
FINE_TUNE: Answer = "label and fine-tune"
DOES_NOT_FIT: Answer = "does not fit"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a model fits some cells.

    Attributes
    ----------
    answer : {"fits", "label and fine-tune", "does not fit"}
        What to do with the model.
    share_unlike : float
        Share of the cells that are unlike the cells that the model was trained on, from 0 to 1.
    reliable : bool
        False if most cells are unlike: their phases mean nothing, and shares of phases are withheld.
    reason : str
        What weighs most, such as ``inverted`` or ``size``; empty if the model fits.
    text : str
        The verdict as a sentence for the user: what was found and what to do.
    n_to_label : int
        About how many cells to label for fine-tuning; 0 where that would not help, or is not needed.
    """

    answer: Answer
    share_unlike: float
    reliable: bool
    reason: str
    text: str
    n_to_label: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, for ``summary.json``."""
        return asdict(self)
