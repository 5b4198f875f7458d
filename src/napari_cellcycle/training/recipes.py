"""The models of the table in the design: what each one's source says of its network, its input and its training."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, DNA, ROLES, Cells
from napari_cellcycle.errors import SettingError
from napari_cellcycle.images.model_input import InputSpec, Normalisation
from napari_cellcycle.phase_sets import NAMED_SETS, PhaseSet
from napari_cellcycle.training.config import TrainConfig

NO_FINE_TUNING = ("features", "narotamo2021", "jose2023", "causal", "two-sided")
"""Architectures that can't be trained further."""

ON_FEATURES = ("causal", "two-sided")
"""Architectures on the features of a finished model."""

JURKAT_PIXEL_UM = 0.5
"""ImageStream X with its 40x objective, the instrument of the Jurkat cells."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model of the table in the design: network, input and training.

    `window` is the number of cells of a track that are trained on together; 0 for networks of single frames.
    """

    architecture: str
    description: str
    input: InputSpec
    config: TrainConfig
    window: int = 0
    phases: PhaseSet | None = None
    """The only ones that it tells; None: any."""

    @property
    def reads_tracks(self) -> bool:
        """Whether the network reads whole tracks."""
        return self.window > 0

    @property
    def is_on_features(self) -> bool:
        """Whether it learns from what another model, whose input it takes, has of each frame."""
        return self.architecture in ON_FEATURES

    def own_phases(self, cells: Cells) -> Cells:
        """The same cells with the phases that the model tells.

        Raises
        ------
        SettingError
            The phases of the cells can't be added up to these.
        """
        if self.phases is None:
            return cells
        if set(range(len(self.phases))) <= set(cells.phase_set.numbers_in(self.phases).tolist()):
            return cells.in_phases(self.phases)
        raise SettingError(
            f"the model {self.architecture} tells {self.phases}, but the phases of these cells are {cells.phase_set}; "
            "choose another model, or other phases"
        )


# Contrast of brightfield tells thickness, so only its gain is taken out. The strength of darkfield tells little here,
# and by its own spread neither gain nor offset nor bit depth matters.
_NORMALISATION = {
    BRIGHTFIELD: Normalisation("ratio"),
    DARKFIELD: Normalisation("spread"),
    DNA: Normalisation("offset"),
}
_CROP_40 = InputSpec(
    (BRIGHTFIELD, DARKFIELD), 40, JURKAT_PIXEL_UM, (_NORMALISATION[BRIGHTFIELD], _NORMALISATION[DARKFIELD])
)
_CROP_64 = replace(_CROP_40, size_px=64)

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

_RESIDUAL = replace(
    _AS_RECORDED, batch_size=32, learning_rate=0.02, optimiser="sgd", weight_decay=5e-4, warm_up=0.1, cosine=True
)
"""Of this nothing is known to us for the residual networks: SGD as in He et al. 2016, its step scaled to the small
batches. It took ``rana2022`` to a validation loss of 0.62 in 10 epochs, Adam with 1e-3 to 0.83 at best in 18."""

PROFILE_TREES = replace(_AS_RECORDED, epochs=40, learning_rate=0.05, patience=6, dna_weight=1.0)
"""The trees of `default`, some hundred a phase; how often rare phases count, `default` says."""

_ON_FEATURES = replace(
    _AS_RECORDED, epochs=60, batch_size=8, learning_rate=3e-3, weight_decay=0.01, warm_up=0.1, cosine=True, patience=60
)
"""Batches of whole tracks, so there are few."""
_WHOLE_TRACK = 1000
"""Cells of a track that are trained on together: all of them in films of a usual length."""

_DEFAULT = Recipe(
    architecture="paired",
    description="small residual network taught by the DNA stain, and trees; needs brightfield and darkfield only",
    input=_CROP_40,
    config=TrainConfig(),
)


def with_channels(recipe: Recipe, channels: Sequence[str]) -> Recipe:
    """`recipe` with a network that sees `channels`, in this order, instead of its own.

    Parameters
    ----------
    recipe : Recipe
        What is trained, and how.
    channels : sequence of str
        Some of ``brightfield``, ``darkfield`` and ``dna``.

    Returns
    -------
    Recipe
        The same with another input.

    Raises
    ------
    SettingError
        There is none, or one is no role of a channel, or there twice; or the model takes its own ones only.
    """
    if recipe.input.compares_nuclei:
        raise SettingError(f"inputs can't be changed for {recipe.architecture}, which sees the stain only")
    if not channels or len(set(channels)) < len(channels) or not set(channels) <= set(ROLES):
        raise SettingError(f"inputs is {','.join(channels)!r}, but must name some of {', '.join(ROLES)}, each once")
    kinds = tuple(_NORMALISATION[name] for name in channels)
    return replace(recipe, input=replace(recipe.input, channels=tuple(channels), normalisation=kinds))


RECIPES = {
    "default": _DEFAULT,
    "default-brightfield": replace(
        _DEFAULT,
        description="default for cells without a darkfield channel",
        input=with_channels(_DEFAULT, (BRIGHTFIELD,)).input,
    ),
    "default-dna": replace(
        _DEFAULT,
        description="default with the DNA stain as a third channel: what a label-free model can reach at most",
        input=with_channels(_DEFAULT, (BRIGHTFIELD, DARKFIELD, DNA)).input,
    ),
    "duque2024": Recipe(
        architecture="duque2024",
        description="the network of Duque-Vazquez et al., trained as their text says",
        input=_CROP_64,
        config=replace(_AS_RECORDED, epochs=40, batch_size=32, learning_rate=1e-4, patience=6),
    ),
    "jin2021": Recipe(
        architecture="jin2021",
        description="the residual network of 41 layers of Jin et al.; their generator by augment=wgan-gp+undersample",
        input=_CROP_64,
        config=replace(_RESIDUAL, epochs=12, undersample=True),
    ),
    "rana2022": Recipe(
        architecture="rana2022",
        description="the residual network and mixup of Rana et al.; their generator by augment=wgan-div+mixup",
        input=_CROP_64,
        config=replace(_RESIDUAL, epochs=20, mixup=0.2),
    ),
    "eulenberg2017": Recipe(
        architecture="eulenberg2017",
        description="DeepFlow, the network of Eulenberg et al., turned and flipped as they did",
        input=_CROP_40,
        config=replace(
            _AS_RECORDED,
            epochs=12,
            batch_size=32,
            learning_rate=0.01,
            optimiser="sgd",
            momentum=0.9,
            weight_decay=5e-4,
            cosine=True,
            flips=True,
            rotation_degrees=180.0,
            shift=1 / 40,
        ),
    ),
    "features": Recipe(
        architecture="features",
        description="hand-made features and boosted trees, the way of Blasi et al.; tells the DNA content too",
        input=_CROP_40,
        config=replace(_AS_RECORDED, epochs=60, learning_rate=0.05, patience=8, rare_phases=0.5, dna_weight=1.0),
    ),
    "narotamo2021": Recipe(
        architecture="narotamo2021",
        description="area and total stain of each nucleus among those of its image, and a support vector machine",
        input=InputSpec((DNA,), 64, JURKAT_PIXEL_UM, (Normalisation("nuclei"),)),
        config=replace(_AS_RECORDED, epochs=1),
        phases=NAMED_SETS["g1-sg2m"],
    ),
    "jose2023": Recipe(
        architecture="jose2023",
        description="the recurrent network of Jose et al. on the images of a track; learns from tracks",
        input=_CROP_40,
        config=replace(
            _AS_RECORDED,
            epochs=20,
            batch_size=4,
            learning_rate=1e-3,
            optimiser="adam",
            weight_decay=1e-5,
            cosine=True,
            flips=True,
            rotation_degrees=180.0,
        ),
        window=40,
    ),
    "causal": Recipe(
        architecture="causal",
        description="recurrent network on another model's features of the frames so far; learns from tracks",
        input=_CROP_40,
        config=_ON_FEATURES,
        window=_WHOLE_TRACK,
    ),
    "two-sided": Recipe(
        architecture="two-sided",
        description="recurrent network on another model's features of the frames before and after; learns from tracks",
        input=_CROP_40,
        config=_ON_FEATURES,
        window=_WHOLE_TRACK,
    ),
}


def recipe_called(name: str) -> Recipe:
    """The recipe of that name.

    Raises
    ------
    SettingError
        There is none.
    """
    if name not in RECIPES:
        raise SettingError(f"no kind of network is called {name!r}; choose one of {', '.join(RECIPES)}")
    return RECIPES[name]


def networks_for_channels(channels: Collection[str]) -> list[str]:
    """Names of the recipes that can be trained from scratch with single cells that have these channels."""
    known = {name: recipe for name, recipe in RECIPES.items() if not recipe.reads_tracks}
    return [name for name, recipe in known.items() if set(recipe.input.channels) <= set(channels)]
