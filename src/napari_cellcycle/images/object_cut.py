"""How the maps of a finder are cut into objects; cheap to import, as it stands on cards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cut:
    """How maps become labels; chosen on a part of the training fields that was held back.

    Attributes
    ----------
    foreground : float
        Least probability of a pixel of an object.
    middle : float
        Least normalised distance in the middle of an object: each connected region above it becomes one object.
    min_area_px : float
        Smaller objects are left out.
    min_certainty : float
        Least mean probability of the pixels of an object.
    """

    foreground: float = 0.5
    middle: float = 0.4
    min_area_px: float = 30.0
    min_certainty: float = 0.0
