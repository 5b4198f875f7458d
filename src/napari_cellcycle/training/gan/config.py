"""How a generator is trained: one set of settings, and for each method the values of its source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from napari_cellcycle.errors import SettingError
from napari_cellcycle.phases import Phase
from napari_cellcycle.settings_base import Settings, more, setting

CELLGAN, WGAN_GP, WGAN_DIV = "cellgan", "wgan-gp", "wgan-div"
METHODS = (CELLGAN, WGAN_GP, WGAN_DIV)


@dataclass(frozen=True, kw_only=True)
class GanConfig(Settings):
    """How a generator is trained."""

    steps: Annotated[int, setting("updates of the generator; 0: as many as epochs gives", 0, 100_000_000)] = 5000
    epochs: Annotated[int, more("passes over the cells, where steps is 0", 0, 1_000_000)] = 0
    batch_size: Annotated[int, more("real cells per update of the critic", 4, 4096)] = 32
    learning_rate: Annotated[float, more("step size of the generator", 1e-8, 1)] = 2e-4
    critic_learning_rate: Annotated[float, more("step size of the critic", 1e-8, 1)] = 1e-3
    beta1: Annotated[float, more("share of the mean gradient that Adam keeps", 0, 0.999)] = 0.5
    beta2: Annotated[float, more("share of the mean squared gradient that Adam keeps", 0, 0.99999)] = 0.99
    critic_steps: Annotated[int, more("updates of the critic for one of the generator", 1, 100)] = 1
    penalty: Annotated[float, more("weight of the penalty on the critic's gradient", 0, 1000)] = 0.02
    penalty_power: Annotated[float, more("power of the gradient's norm in the penalty of wgan-div", 1, 20)] = 2.0
    penalty_every: Annotated[int, more("updates of the critic from one penalty to the next", 1, 1000)] = 8
    rare_phases: Annotated[
        float, more("with cellgan, draw rare phases more often: 0 as they are, 1 all alike", 0, 1)
    ] = 0.5
    unlabelled: Annotated[bool, more("with cellgan, train on cells of unknown phase too; no help in our one test")] = (
        False
    )
    averaging: Annotated[
        float,
        more("share of the weights' running average that a step keeps; 0: none", 0, 0.99999, title="Mean of weights"),
    ] = 0.998
    seed: Annotated[int, setting("the same seed, cells and machine give the same generator", 0, 2**31 - 1)] = 0

    def n_steps(self, n_cells: int) -> int:
        """Return the total number of updates of the generator, for so many cells."""
        return self.steps or max(1, self.epochs * -(-n_cells // self.batch_size))


_WASSERSTEIN = GanConfig(
    steps=0,
    epochs=7000,
    learning_rate=1e-5,
    critic_learning_rate=1e-5,
    beta1=0.01,
    beta2=0.999,
    critic_steps=5,
    penalty=10.0,
    penalty_every=1,
    averaging=0.0,
)
"""What Duque-Vazquez et al. took over from Jin et al.; critic steps and penalty are Gulrajani et al.'s."""

_DIVERGENCE = replace(
    _WASSERSTEIN,
    batch_size=64,
    learning_rate=1e-4,
    critic_learning_rate=1e-4,
    critic_steps=4,
    penalty=2.0,
    penalty_power=6.0,
)
"""What they took over from Rana et al.; k = 2 and p = 6 are those of Wu et al. (2018), ECCV, :arxiv:`1712.01026`."""

_SMALL_BATCH, _BATCH = 4, 16


def preset(method: str, phase: Phase | None = None) -> GanConfig:
    """Return the settings that the source of a method gives.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    phase : Phase, optional
        For the Wasserstein GANs, of which there is one for each phase. Where the source gives a value for each phase,
        a phase that it did not generate gets the value of the phase that is most alike in number of cells.

    Returns
    -------
    GanConfig
        With seed 0.

    Raises
    ------
    SettingError
        No method has this name.
    """
    if method == CELLGAN:
        return GanConfig()
    if method == WGAN_GP:
        few = phase in (Phase.ANAPHASE, Phase.TELOPHASE)
        return replace(_WASSERSTEIN, batch_size=_SMALL_BATCH if few else _BATCH)
    if method == WGAN_DIV:
        if phase is Phase.TELOPHASE:
            return replace(_DIVERGENCE, learning_rate=1e-5, critic_learning_rate=1e-5)
        few = phase in (Phase.METAPHASE, Phase.ANAPHASE)
        return _DIVERGENCE if few else replace(_DIVERGENCE, critic_steps=10)
    raise SettingError(f"method is {method!r}, but must be one of {', '.join(METHODS)}")
