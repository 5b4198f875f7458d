"""Generators: repeatable, resumable, true to their papers, and better for training."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Progress
from napari_cellcycle.models.cellgan import ANY_PHASE, GROUP, CellCritic
from napari_cellcycle.models.trained_generator import build_pair, generate, noise_size, size_of
from napari_cellcycle.phases import UNKNOWN, Phase
from napari_cellcycle.training.gan import loop
from napari_cellcycle.training.gan.config import METHODS, WGAN_DIV, WGAN_GP, GanConfig, preset
from napari_cellcycle.training.gan.loop import GanStep, Samples, train_gan
from napari_cellcycle.training.gan.state import GanState
from napari_cellcycle.training.gan.steps import GanLosses, conditional_step, gradient_penalty, wasserstein_step
from napari_cellcycle.training.state import Hooks

CPU = torch.device("cpu")
QUICK = GanConfig(steps=4, batch_size=8, penalty_every=2)


def discs(n_cells: int, size: int) -> tuple[torch.Tensor, np.ndarray]:
    """Small discs of phase 0 and large ones of phase 2."""
    phases = np.tile([0, 2], n_cells // 2).astype(np.int8)
    y, x = np.mgrid[:size, :size]
    cells = (np.hypot(y - size / 2, x - size / 2) < (6 + 4 * phases)[:, None, None]).astype(np.float32)
    return torch.from_numpy(np.stack([cells, -cells], 1)), phases


def begin(method: str, config: GanConfig = QUICK) -> GanState:
    return GanState.begin(method, 2, config, CPU)


def train(method: str, state: GanState, config: GanConfig = QUICK, hooks: Hooks | None = None) -> list[object]:
    return list(train_gan(state, method, *discs(16, size_of(method)), config, CPU, hooks))


@pytest.mark.usefixtures("narrow_generators")
@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_cells(method: str) -> None:
    made = []
    for _ in range(2):
        torch.rand(5)  # disturb torch's own numbers between the runs
        state = begin(method)
        train(method, state)
        made.append(generate(state.average, method, phase=0, n_cells=2, seed=1))
    np.testing.assert_array_equal(made[0], made[1])
    assert made[0].shape == (2, 2, size_of(method), size_of(method))
    assert not np.array_equal(made[0], generate(state.average, method, phase=0, n_cells=2, seed=2))


@pytest.mark.usefixtures("narrow_generators")
@pytest.mark.parametrize("method", METHODS)
def test_a_training_is_resumed_to_the_same_weights(method: str) -> None:
    whole, broken, resumed = begin(method), begin(method), begin(method)
    train(method, whole)
    events = train_gan(broken, method, *discs(16, size_of(method)), QUICK, CPU)
    assert len([event for event in islice(events, 3) if isinstance(event, Progress)]) == 3
    saved = broken.state_dict()
    events.close()
    torch.rand(7)
    train(method, resumed, hooks=Hooks(begin=lambda state: state.load_state_dict(*saved)))
    assert resumed.step == whole.step == QUICK.steps
    for name, weights in whole.average.state_dict().items():
        torch.testing.assert_close(resumed.average.state_dict()[name], weights, rtol=0, atol=0)


@pytest.mark.usefixtures("narrow_generators")
@pytest.mark.parametrize("method", METHODS)
def test_looking_at_cells_changes_nothing(method: str) -> None:
    watched, alone = begin(method), begin(method)
    events = train(method, watched, hooks=Hooks(show_every=1))
    train(method, alone)
    shown = [event for event in events if isinstance(event, Samples)]
    assert [samples.step for samples in shown] == [1, 2, 3, 4]
    assert {phase: cells.shape[0] for phase, cells in shown[0].images.items()} == {
        0: loop.SAMPLES_PER_PHASE,
        2: loop.SAMPLES_PER_PHASE,
    }
    for name, weights in alone.average.state_dict().items():
        torch.testing.assert_close(watched.average.state_dict()[name], weights, rtol=0, atol=0)


def test_the_phase_changes_the_cell() -> None:
    generator = begin("cellgan").average
    assert not np.allclose(generate(generator, "cellgan", 0, 1, seed=0), generate(generator, "cellgan", 2, 1, seed=0))


def test_the_critic_of_cellgan_learns_to_tell_real_from_synthetic() -> None:
    state, (cells, phases) = begin("cellgan"), discs(16, 40)
    state.generator_optimiser.param_groups[0]["lr"] = 0.0  # an opponent that stands still
    known = torch.from_numpy(phases.astype(np.int64))
    noise = torch.randn(16, noise_size(state.generator), generator=state.random)
    losses = [conditional_step(state, cells, known, known, noise, QUICK) for _ in range(10)]
    assert losses[-1].critic < 0.5 * losses[0].critic
    assert losses[-1].critic_gap > losses[0].critic_gap


@pytest.mark.parametrize("method", [WGAN_GP, WGAN_DIV])
def test_a_wasserstein_critic_scores_real_cells_higher(method: str) -> None:
    config = replace(preset(method, Phase.METAPHASE), critic_learning_rate=1e-3, learning_rate=1e-8, batch_size=8)
    state, (cells, _) = begin(method, config), discs(8, 64)
    noise = torch.randn(8, noise_size(state.generator), generator=state.random)
    gaps = [wasserstein_step(state, [cells], [noise, noise], method, config).critic_gap for _ in range(20)]
    assert gaps[-1] > gaps[0] + 0.1


@pytest.mark.parametrize("method", [WGAN_GP, WGAN_DIV])
def test_the_critic_is_updated_as_often_as_the_source_says(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def spy(state: GanState, batches: list, noises: list, method: str, config: GanConfig) -> GanLosses:
        seen.append((len(batches), len(batches[0])))
        return GanLosses(0.0, 0.0, 0.0)

    monkeypatch.setattr(loop, "wasserstein_step", spy)
    config = replace(preset(method, Phase.PROPHASE), epochs=1)
    cells = torch.zeros(100, 2, 64, 64)
    list(train_gan(begin(method), method, cells, np.full(100, Phase.PROPHASE, np.int8), config, CPU))
    # 100 cells in batches of 16 and of 64
    assert seen == ([(5, 16)] * 7 if method == WGAN_GP else [(10, 64)] * 2)


class Plane(nn.Module):
    """f(x) = w . x, whose slope is w everywhere."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        return (self.weight * cells).sum((1, 2, 3))


@pytest.mark.parametrize(("method", "expected"), [(WGAN_GP, 10 * (3 - 1) ** 2), (WGAN_DIV, 2 * 3**6)])
def test_penalties_are_those_of_the_papers(method: str, expected: float) -> None:
    weight = torch.randn(1, 2, 8, 8)
    critic = Plane(weight * 3 / weight.norm())
    cells = torch.randn(5, 2, 8, 8, requires_grad=True)
    penalty = gradient_penalty(critic, cells, method, preset(method, Phase.METAPHASE))
    assert penalty.item() == pytest.approx(expected, rel=1e-5)


def test_presets_are_those_of_the_paper() -> None:
    """Duque-Vazquez et al., section 2.4."""
    gp = {phase: preset(WGAN_GP, phase) for phase in Phase}
    assert [gp[phase].batch_size for phase in list(Phase)[3:]] == [16, 16, 4, 4]
    assert {(c.epochs, c.learning_rate, c.critic_learning_rate, c.beta1, c.beta2) for c in gp.values()} == {
        (7000, 1e-5, 1e-5, 0.01, 0.999)
    }
    div = {phase: preset(WGAN_DIV, phase) for phase in Phase}
    assert [div[phase].learning_rate for phase in list(Phase)[3:]] == [1e-4, 1e-4, 1e-4, 1e-5]
    assert [div[phase].critic_steps for phase in list(Phase)[3:]] == [10, 4, 4, 4]
    assert {(c.batch_size, c.beta1, c.penalty, c.penalty_power) for c in div.values()} == {(64, 0.01, 2.0, 6.0)}
    assert size_of(WGAN_GP) == size_of(WGAN_DIV) == 64


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(SettingError, match="method is 'wgan'"):
        preset("wgan")


def test_cells_of_unknown_phase_are_judged_without_their_phase() -> None:
    critic = CellCritic()
    cells = torch.randn(GROUP, 2, 40, 40)
    of_any = critic(cells, torch.full((GROUP,), ANY_PHASE))
    features = critic.features(cells).flatten(1)
    variety = (features.var(0) + 1e-8).sqrt().mean().expand(GROUP, 1)
    torch.testing.assert_close(of_any, critic.real(torch.cat([features, variety], 1))[:, 0])


def test_unlabelled_cells_are_trained_on_and_their_phases_never_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    all_critic_phases, all_generator_phases = [], []

    def spy(
        state: GanState, real: object, critic_phases: torch.Tensor, generator_phases: torch.Tensor, *_: object
    ) -> GanLosses:
        all_critic_phases.append(critic_phases)
        all_generator_phases.append(generator_phases)
        return GanLosses(0.0, 0.0, 0.0)

    monkeypatch.setattr(loop, "conditional_step", spy)
    cells, phases = discs(16, 40)
    phases[::4] = UNKNOWN
    list(train_gan(begin("cellgan"), "cellgan", cells, phases, replace(QUICK, steps=20), CPU))
    critic_phases, generator_phases = torch.cat(all_critic_phases), torch.cat(all_generator_phases)
    assert set(critic_phases.tolist()) == {0, 2, ANY_PHASE}
    assert set(generator_phases.tolist()) == {0, 2}
    known = critic_phases != ANY_PHASE
    assert (critic_phases[known] == generator_phases[known]).all()


def test_stopping_keeps_the_generator_as_it_is() -> None:
    state = begin("cellgan")
    steps = train("cellgan", state, hooks=Hooks(stop=lambda: state.step >= 2))
    assert state.step == 2
    assert len([event for event in steps if isinstance(event, Progress)]) == 2
    assert not state.average.training


def test_losses_are_reported() -> None:
    events = train("cellgan", begin("cellgan"))
    (done,) = [event for event in events if isinstance(event, GanStep)]
    assert (done.step, done.steps) == (4, 4)
    assert np.isfinite([done.critic_loss, done.generator_loss, done.critic_gap]).all()


def test_a_loss_that_is_no_number_says_what_to_do() -> None:
    cells, phases = discs(16, 40)
    with pytest.raises(SettingError, match="lower learning-rate"):
        list(train_gan(begin("cellgan"), "cellgan", cells * torch.inf, phases, QUICK, CPU))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test_any_number_of_channels(method: str, n_channels: int) -> None:
    generator, critic = build_pair(method, n_channels)
    size = size_of(method)
    made = torch.from_numpy(generate(generator, method, 6, GROUP, seed=0))
    assert made.shape == (GROUP, n_channels, size, size)
    phases = (torch.full((GROUP,), 6),) if method == "cellgan" else ()
    assert critic(made, *phases).shape == (GROUP,)


def test_cellgan_learns_to_make_what_it_is_asked_for() -> None:
    """Phase 0 is dark and phase 2 bright; a few steps are enough to tell them apart."""
    cells, phases = discs(32, 40)
    bright = torch.from_numpy(phases - 1.0).float()[:, None, None, None].expand_as(cells)
    config = GanConfig(steps=20, batch_size=8, learning_rate=2e-3, averaging=0.9)
    state = GanState.begin("cellgan", 2, config, CPU)
    list(train_gan(state, "cellgan", bright.contiguous(), phases, config, CPU))
    dark, light = (generate(state.average, "cellgan", phase, 16, seed=0).mean() for phase in (0, 2))
    assert light - dark > 0.5
