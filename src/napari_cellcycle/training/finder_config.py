"""How a finder is trained; cheap to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from napari_cellcycle.settings_base import Settings, more, setting


@dataclass(frozen=True, kw_only=True)
class FinderConfig(Settings):
    """How a finder of cells or nuclei is trained."""

    steps: Annotated[int, setting("updates of the weights", 1, 1_000_000)] = 900
    batch_size: Annotated[int, more("patches per step", 1, 1024)] = 16
    patch_px: Annotated[int, more("edge of a patch in pixels, a multiple of 8", 32, 1024)] = 128
    learning_rate: Annotated[float, more("highest step size of the optimiser", 1e-7, 1)] = 3e-3
    weight_decay: Annotated[float, more("pull of the weights towards zero", 0, 10)] = 0.02
    averaging: Annotated[float, more("share of the running average that each step keeps", 0, 0.99999)] = 0.99
    seed: Annotated[int, setting("the same seed, fields and machine give the same weights", 0, 2**31 - 1)] = 0
    held_out: Annotated[
        float, more("share of the fields that is held back, to choose thresholds and to test", 0.05, 0.5)
    ] = 0.25
    zoom: Annotated[float, more("zoom patches by up to this share", 0, 0.5)] = 0.15
    gain: Annotated[float, more("change the contrast of patches by up to this share", 0, 0.9)] = 0.3
    noise: Annotated[float, more("most noise that is added, as a share of the contrast of the field", 0, 2)] = 0.1
    foreground_weight: Annotated[
        float, more("how often objects count as much as background: 0 as they are, 1 alike", 0, 1)
    ] = 0.5
    distance_weight: Annotated[float, more("weight of the distance map against the foreground", 0, 100)] = 2.0


FINE_TUNING = FinderConfig(steps=300, learning_rate=1e-3)
"""For a finder that is trained further."""
