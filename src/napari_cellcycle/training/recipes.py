"""The models of the table in the design: what each one's source says of its network, its input and its training."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD
from napari_cellcycle.images.prepare import InputSpec, Normalisation
from napari_cellcycle.training.config import TrainConfig

JURKAT_PIXEL_UM = 0.5
"""ImageStream X with its 40x objective, the instrument of the Jurkat cells."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model of the table in the design: network, input and training."""

    architecture: str
    description: str
    input: InputSpec
    config: TrainConfig


# Contrast of brightfield tells thickness, so only its gain is taken out. The strength of darkfield tells little here,
# and by its own spread neither gain nor offset nor bit depth matters.
_NORMALISATION = (Normalisation("ratio"), Normalisation("spread"))
_CROP_40 = InputSpec((BRIGHTFIELD, DARKFIELD), 40, JURKAT_PIXEL_UM, _NORMALISATION)

_AS_RECORDED = TrainConfig(
    rare_phases=0.0,
    weight_decay=0.0,
    warm_up=0.0,
    cosine=False,
    averaging=0.0,
    label_smoothing=0.0,
    flips=False,
    rotation_degrees=0.0,
    shift=0.0,
    gain=0.0,
    dna_weight=0.0,
    stain_weight=0.0,
)
"""Settings of a paper that says nothing of augmentation, sampling or other teachers."""

RECIPES = {
    "default": Recipe(
        architecture="compact",
        description="small residual network taught by the DNA stain too; needs brightfield and darkfield only",
        input=_CROP_40,
        config=TrainConfig(),
    ),
    "duque2024": Recipe(
        architecture="duque2024",
        description="the network of Duque-Vazquez et al., trained as their text says",
        input=replace(_CROP_40, size_px=64),
        config=replace(_AS_RECORDED, epochs=40, batch_size=32, learning_rate=1e-4, patience=6),
    ),
}
