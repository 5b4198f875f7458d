"""How a generator is trained: one set of settings, and for each method those that its source says."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_cellcycle.errors import SettingError
from napari_cellcycle.phases import Phase
from napari_cellcycle.settings import Checked, setting

CELLGAN, WGAN_GP, WGAN_DIV = "cellgan", "wgan-gp", "wgan-div"
METHODS = (CELLGAN, WGAN_GP, WGAN_DIV)


@dataclass(frozen=True, kw_only=True)
class GanConfig(Checked):
    """How a generator is trained."""

    steps: int = setting(5000, "updates of the generator; 0: as many as epochs say", 0, 100_000_000)
    epochs: int = setting(0, "passes over the cells, where steps is 0", 0, 1_000_000, more=True)
    batch_size: int = setting(32, "real cells per update of the critic", 4, 4096, more=True)
    learning_rate: float = setting(2e-4, "step size of the generator", 1e-8, 1, more=True)
    critic_learning_rate: float = setting(1e-3, "step size of the critic", 1e-8, 1, more=True)
    beta1: float = setting(0.5, "share of the mean gradient that Adam keeps", 0, 0.999, more=True)
    beta2: float = setting(0.99, "share of the mean squared gradient that Adam keeps", 0, 0.99999, more=True)
    critic_steps: int = setting(1, "updates of the critic for one of the generator", 1, 100, more=True)
    penalty: float = setting(0.02, "weight of the penalty on the critic's gradient", 0, 1000, more=True)
    penalty_power: float = setting(2.0, "power of the gradient's norm in the penalty of wgan-div", 1, 20, more=True)
    penalty_every: int = setting(8, "updates of the critic from one penalty to the next", 1, 1000, more=True)
    rare_phases: float = setting(
        0.5, "with cellgan, draw rare phases more often: 0 as they are, 1 all equally often", 0, 1, more=True
    )
    unlabelled: bool = setting(
        False,
        "with cellgan, learn from cells of unknown phase too what cells look like; in our one test they did no good",
        more=True,
    )
    averaging: float = setting(
        0.998,
        "share of the running average of the weights that each step keeps (0: no averaging)",
        0,
        0.99999,
        more=True,
    )
    seed: int = setting(0, "same seed, same cells, same machine: same generator", 0, 2**31 - 1)

    def n_steps(self, n_cells: int) -> int:
        """Updates of the generator in all, for so many cells."""
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
    """Settings that the source of `method` says; those of a Wasserstein GAN, one a phase, are for `phase`.

    Where the source names a phase's setting, phases that it did not make get that of the most alike in number.

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
