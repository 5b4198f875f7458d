"""Cells unlike the training cells are told, cells like them are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made import made_pixels
from scipy.spatial.distance import mahalanobis

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD
from napari_cellcycle.images.model_input import InputSpec, Normalisation, prepare
from napari_cellcycle.models.out_of_distribution import FALSE_ALARM_RATE, MIN_HELD_BACK, descriptors, fit_detector

COVARIANCE = np.array([[4.0, 1.5, 0.0], [1.5, 1.0, 0.2], [0.0, 0.2, 0.25]])
CENTRES = np.array([[0.0, 0.0, 0.0], [20.0, 0.0, 5.0]])


def drawn(n_cells: int, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    random = np.random.default_rng(seed)
    phases = random.integers(0, 2, n_cells)
    noise = random.multivariate_normal(np.zeros(3), COVARIANCE, n_cells)
    return torch.from_numpy(CENTRES[phases] + noise).float(), phases * 3  # phases between them have no cells


def test_distances_are_mahalanobis_from_each_phase() -> None:
    familiarity = fit_detector(*drawn(20_000, seed=0), drawn(200, seed=1)[0])
    assert familiarity is not None
    points = np.array([[1.0, 2.0, -1.0], [19.0, 1.0, 5.5], [10.0, 10.0, 10.0]])
    precision = np.linalg.inv(COVARIANCE)
    truth = [[mahalanobis(point, centre, precision) for centre in CENTRES] for point in points]
    np.testing.assert_allclose(familiarity.distances(torch.from_numpy(points).float()).numpy(), truth, rtol=0.03)


def test_few_cells_of_the_same_kind_are_flagged_and_all_of_another() -> None:
    familiarity = fit_detector(*drawn(2000, seed=0), drawn(2000, seed=1)[0])
    assert familiarity is not None
    new, _ = drawn(20_000, seed=2)
    assert familiarity.is_unfamiliar(new).float().mean().item() == pytest.approx(FALSE_ALARM_RATE, abs=0.01)
    between = (new - new.mean(0)) * 0.1 + torch.tensor([10.0, 0.0, 2.5])
    assert familiarity.is_unfamiliar(between).all()


def test_a_rare_phase_that_is_more_diverse_is_not_flagged_for_that() -> None:
    def with_rare(n_rare: int, seed: int) -> tuple[torch.Tensor, np.ndarray]:
        (cells, phases), random = drawn(2000, seed), np.random.default_rng(seed + 100)
        noise = random.multivariate_normal([0, 40, 0], 9 * COVARIANCE, n_rare)
        return torch.cat([cells, torch.from_numpy(noise).float()]), np.r_[phases, [6] * n_rare]

    familiarity = fit_detector(*with_rare(20, seed=0), with_rare(20, seed=1)[0])
    assert familiarity is not None
    new, phases = with_rare(2000, seed=2)
    flagged = familiarity.is_unfamiliar(new).numpy()
    assert flagged[phases == 6].mean() < 0.1
    assert flagged[phases != 6].mean() < 0.03


def test_nothing_is_said_with_too_few_cells_to_set_the_limit() -> None:
    assert fit_detector(*drawn(200, seed=0), drawn(MIN_HELD_BACK - 1, seed=1)[0]) is None


def described(pixels: np.ndarray) -> torch.Tensor:
    spec = InputSpec((BRIGHTFIELD, DARKFIELD), 40, 0.5, (Normalisation("spread"), Normalisation("spread")))
    return descriptors(torch.from_numpy(prepare([CellImage(planes) for planes in pixels], spec)), None)


def test_images_that_are_no_such_cells_are_flagged_without_any_network() -> None:
    phases = np.repeat([0, 1, 2], 100)
    known, held_back, new = (made_pixels(phases, seed)[:, :2] for seed in (0, 1, 2))
    familiarity = fit_detector(described(known), phases, described(held_back))
    assert familiarity is not None
    assert familiarity.is_unfamiliar(described(new)).float().mean() < 0.05
    random = np.random.default_rng(0)
    shuffled = random.permuted(new.reshape(300, 2, -1), axis=2).reshape(new.shape)
    two = np.concatenate([new[:, :, :, 8:28], new[::-1, :, :, 8:28]], axis=3)
    others = {"shuffled": shuffled, "swapped": new[:, ::-1], "blank": new[..., :1, :1] * np.ones((40, 40)), "two": two}
    for name, pixels in others.items():
        assert familiarity.is_unfamiliar(described(pixels)).all(), name


def test_what_the_network_sees_counts_beside_plain_statistics() -> None:
    images, features = torch.zeros(5, 2, 40, 40), torch.arange(15.0).reshape(5, 3)
    assert torch.equal(descriptors(images, features)[:, :3], features)
    assert torch.equal(descriptors(images, features)[:, 3:], descriptors(images, None))
