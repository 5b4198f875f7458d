"""Quality of synthetic cells: against closed forms, counts by hand, and generators whose faults are known."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter

import napari_cellcycle as cc
from napari_cellcycle.datasets.duplicates import drop_duplicates
from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.synthetic import cell_distances, fidelity
from napari_cellcycle.evaluation.synthetic.cell_distances import feature_distances, nearest, pixel_distances
from napari_cellcycle.evaluation.synthetic.fidelity import compare_distributions, frechet_distance, precision_recall
from napari_cellcycle.evaluation.synthetic.memorization import Memorization, memorization
from napari_cellcycle.evaluation.synthetic.quality import SyntheticQuality, score_synthetic
from napari_cellcycle.events import result_of
from napari_cellcycle.images.model_input import prepare
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.predict import extract_features
from napari_cellcycle.store.models import load_model

Array = NDArray[np.float64]


# --- the Fréchet distance ---


def test_distance_of_moved_cells_is_the_square_of_the_way() -> None:
    cells = np.random.default_rng(0).normal(size=(50, 6))
    way = np.arange(6.0)
    assert frechet_distance(cells, cells + way) == pytest.approx(np.sum(way**2))
    assert frechet_distance(cells, cells) == pytest.approx(0, abs=1e-9)


def test_distance_of_normal_samples_nears_the_closed_form() -> None:
    """With covariances that share their axes, it is the way plus the squared differences of the spreads."""
    random = np.random.default_rng(0)
    turn, _ = np.linalg.qr(random.normal(size=(4, 4)))
    spreads, way = np.array([[1.0, 2.0, 0.5, 3.0], [2.0, 2.0, 1.5, 1.0]]), np.array([1.0, 0.0, -2.0, 0.5])
    first, second = (random.normal(size=(200_000, 4)) * spread @ turn.T for spread in spreads)
    expected = np.sum(way**2) + np.sum((spreads[0] - spreads[1]) ** 2)
    assert frechet_distance(first, second + way) == pytest.approx(expected, rel=0.01)


def test_distance_is_that_of_scipys_root_where_that_is_well_conditioned() -> None:
    random = np.random.default_rng(1)
    first, second = (random.normal(size=(200, 5)) @ random.normal(size=(5, 5)) + random.normal(size=5) for _ in "ab")
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    expected = np.sum((first.mean(0) - second.mean(0)) ** 2) + np.trace(one + other - 2 * sqrtm(one @ other).real)
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(second, first) == pytest.approx(expected)


def test_distance_of_fewer_cells_than_features_is_exact() -> None:
    """Two cells a set: the covariances are a a^T / 2 and b b^T / 2, and the root's trace is |a b| / 2."""
    a, b = np.random.default_rng(2).normal(size=(2, 300))
    expected = np.sum((a - b) ** 2) / 4 + (a @ a + b @ b) / 2 - abs(a @ b)
    assert frechet_distance([0 * a, a], [0 * b, b]) == pytest.approx(expected)
    assert frechet_distance([[0.0], [2.0]], [[0.0], [4.0]]) == pytest.approx(1 + 2 * (2 - 1) ** 2)


def test_distance_wants_two_cells() -> None:
    with pytest.raises(TooFewCellsError, match="1 and 5 cells are too few to measure their spread"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))


# --- precision and recall ---


def test_precision_and_recall_counted_by_hand() -> None:
    real = [[0.0], [1.0], [3.0], [10.0]]  # balls of one neighbour reach 1, 1, 2 and 7
    synthetic = [[-0.5], [-0.8], [6.5], [8.5], [30.0], [31.5]]  # 0.3, 0.3, 2, 2, 1.5 and 1.5
    assert precision_recall(real, synthetic, k=1) == (4 / 6, 1 / 4)


def by_loops(cells: Array, others: Array, k: int) -> float:
    within = 0
    for cell in cells:
        for i, other in enumerate(others):
            radius = sorted(np.linalg.norm(other - x) for j, x in enumerate(others) if j != i)[k - 1]
            if np.linalg.norm(cell - other) <= radius:
                within += 1
                break
    return within / len(cells)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_and_recall_are_those_of_plain_loops(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(k)
    real, synthetic = random.normal(size=(40, 3)), random.normal(0.5, 0.7, size=(30, 3))
    expected = by_loops(synthetic, real, k), by_loops(real, synthetic, k)
    assert 0 < min(expected) < 1
    assert precision_recall(real, synthetic, k) == pytest.approx(expected)
    monkeypatch.setattr(cell_distances, "BLOCK", 7)
    monkeypatch.setattr(fidelity, "BLOCK", 7)
    assert precision_recall(real, synthetic, k) == pytest.approx(expected)


def test_a_collapsed_generator_is_precise_and_recalls_nothing() -> None:
    random = np.random.default_rng(0)
    real = random.normal(size=(300, 4))
    precision, recall = precision_recall(real, random.normal(0, 0.05, size=(300, 4)))
    assert precision > 0.95
    assert recall < 0.05


def test_precision_and_recall_want_more_cells_than_neighbours() -> None:
    with pytest.raises(TooFewCellsError, match="give at least 4 of both"):
        precision_recall(np.zeros((3, 2)), np.zeros((9, 2)))


# --- comparing sets ---


def test_held_out_cells_come_as_near_as_the_yardstick() -> None:
    random = np.random.default_rng(0)
    found = compare_distributions([random.normal(size=(300, 8))], [random.normal(size=(500, 8))])
    assert found is not None
    assert found.n_cells == 150
    assert found.synthetic.frechet_distance == pytest.approx(found.real.frechet_distance, rel=0.25)
    assert found.synthetic.precision == pytest.approx(found.real.precision, abs=0.06)
    assert found.synthetic.recall == pytest.approx(found.real.recall, abs=0.06)


def test_mixture_of_phases_does_not_matter() -> None:
    """Real cells are mostly of one phase, synthetic ones of another far away: cells of each phase are alike."""
    random = np.random.default_rng(0)
    real = [random.normal(0, 1, (300, 4)), random.normal(20, 1, (40, 4))]
    synthetic = [random.normal(0, 1, (30, 4)), random.normal(20, 1, (400, 4))]
    found = compare_distributions(real, synthetic)
    assert found is not None
    assert found.n_cells == 30 + 20
    assert found.synthetic.frechet_distance < 3 * found.real.frechet_distance
    assert frechet_distance(np.concatenate(real), np.concatenate(synthetic)) > 100


def test_too_few_cells_are_not_compared() -> None:
    cells = np.random.default_rng(0).normal(size=(20, 2))
    assert compare_distributions([cells[:19]], [cells]) is None
    assert compare_distributions([cells], [cells[:9]]) is None
    assert compare_distributions([cells], [cells[:10]]) is not None


# --- distances in pixels ---


def test_pixel_distances_are_those_of_plain_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell_distances, "BLOCK", 3)
    random = np.random.default_rng(0)
    cells, others = (random.normal(size=(n, 2, 9, 9)).astype(np.float32) for n in (4, 8))
    expected = np.full((4, 8), np.inf)
    for i, j in np.ndindex(4, 8):
        for turned in (others[j], others[j, :, ::-1]):
            for y, x in np.ndindex(3, 3):
                way = np.linalg.norm(cells[i, :, 1:8, 1:8] - turned[:, y : y + 7, x : x + 7])
                expected[i, j] = min(expected[i, j], way)
    np.testing.assert_allclose(pixel_distances(cells, others, shift_px=1), expected, rtol=1e-4)


def test_a_moved_and_flipped_cell_is_near_and_a_mirrored_one_is_not() -> None:
    cell = np.random.default_rng(0).normal(size=(1, 2, 20, 20)).astype(np.float32)
    moved = np.roll(cell, (2, -1), (2, 3))[:, :, ::-1]
    assert pixel_distances(moved, cell, 2)[0, 0] < 0.1
    assert pixel_distances(cell[..., ::-1], cell, 2)[0, 0] > 10
    assert pixel_distances(np.roll(cell, 3, 3), cell, 2)[0, 0] > 10


def test_nearest_leaves_a_cell_itself_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell_distances, "BLOCK", 2)
    line = np.array([[0.0], [1.0], [3.0], [7.0]])
    own = np.array([2, 0, 3])
    found = nearest(feature_distances, line[own], line, 2, own=own)
    np.testing.assert_allclose(found, [[2, 3], [1, 3], [4, 6]])
    np.testing.assert_allclose(nearest(feature_distances, line[own], line, 1), [[0], [0], [0]], atol=1e-6)


# --- copies ---


@dataclass(frozen=True)
class Sample:
    """Images, and what a network that moves and flips leave unmoved would see of them."""

    images: NDArray[np.float32]

    @property
    def features(self) -> Array:
        """Logarithm of the power in bands of frequency, for both channels; shape (N, 24)."""
        power = np.abs(np.fft.fft2(self.images)) ** 2
        frequencies = np.abs(np.fft.fftfreq(self.images.shape[-1]))
        band = np.minimum(np.hypot(frequencies[:, None], frequencies) * 24, 11).astype(int)
        bands = [power[:, :, band == number].mean(axis=2) for number in range(12)]
        return np.log(np.concatenate(bands, axis=1) + 1e-9)


def real_cells(n: int, seed: int = 0) -> Sample:
    """Round cells with a structure of their own, and noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:24, :24] - 11.5
    inside = np.hypot(y, x) < random.uniform(6, 9, (n, 1, 1, 1))
    structure = gaussian_filter(random.normal(size=(n, 2, 24, 24)), (0, 0, 1.5, 1.5)) * 6
    return Sample((inside * (1 + structure) + random.normal(0, 0.2, (n, 2, 24, 24))).astype(np.float32))


def copies(cells: Sample, n: int, noise: float = 0.2, seed: int = 0) -> Sample:
    """Cells moved by up to 2 px, every other one flipped, with noise."""
    random = np.random.default_rng(seed)
    images = cells.images[random.integers(0, len(cells.images), n)]
    images = np.stack([np.roll(image, random.integers(-2, 3, 2), (1, 2)) for image in images])
    images[::2] = images[::2, :, ::-1]
    return Sample((images + random.normal(0, noise, images.shape)).astype(np.float32))


def found_in(synthetic: Sample, training: Sample, **options: int) -> Memorization:
    return memorization(training.features, synthetic.features, training.images, synthetic.images, **options)


@pytest.mark.parametrize("n_training", [3, 12, 150])
@pytest.mark.parametrize("noise", [0.0, 0.2, 0.5])
def test_a_generator_that_copies_is_found_out(n_training: int, noise: float) -> None:
    training = real_cells(n_training)
    found = found_in(copies(training, 60, noise), training)
    assert found.only_copies
    assert found.copy_rate > 0.9
    assert found.pixels.ratio < 0.7


@pytest.mark.parametrize("n_training", [3, 12, 150])
def test_new_cells_of_the_same_kind_are_no_copies(n_training: int) -> None:
    training = real_cells(n_training)
    found = found_in(real_cells(60, seed=1), training)
    assert not found.many_copies
    assert not found.only_copies
    assert found.pixels.ratio == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(
    ("n_training", "copied", "closer"), [(5, 1 / 6, 2 / 6), (19, 1 / 20, 2 / 20), (59, 3 / 60, 3 / 60)]
)
def test_as_many_new_cells_as_said_are_taken_for_copies(n_training: int, copied: float, closer: float) -> None:
    all_found = []
    for seed in range(60):
        cells = real_cells(n_training + 30, seed=seed).images
        all_found.append(found_in(Sample(cells[n_training:]), Sample(cells[:n_training])))
    assert all_found[0].expected == pytest.approx(copied)
    assert np.mean([found.copy_rate for found in all_found]) == pytest.approx(copied, abs=0.04)
    assert np.mean([found.features.closer_rate for found in all_found]) == pytest.approx(closer, abs=0.06)
    assert np.mean([found.pixels.closer_rate for found in all_found]) == pytest.approx(closer, abs=0.06)
    assert sum(found.copy_rate > found.limit for found in all_found) <= 1


def test_smooth_cells_are_nearer_than_real_ones_and_still_no_copies() -> None:
    training = real_cells(100)
    smooth = Sample(gaussian_filter(real_cells(60, seed=1).images, (0, 0, 1.2, 1.2)))
    found = found_in(smooth, training)
    assert found.pixels.ratio < 0.95
    assert not found.many_copies
    middle = np.repeat(training.images.mean(axis=0, keepdims=True), 60, axis=0)
    alike = Sample(middle + np.random.default_rng(0).normal(0, 0.05, middle.shape).astype(np.float32))
    found = found_in(alike, training)
    assert found.pixels.closer_rate == 1
    assert not found.many_copies


def test_a_cell_beside_an_odd_training_cell_is_no_copy_unless_it_is_near() -> None:
    training = np.random.default_rng(0).normal(size=(60, 6))
    training[0] += 100
    synthetic = training[:1] + np.array([[10.0], [0.1]])  # both stand out: all others are a hundred away
    images = np.random.default_rng(1).normal(size=(62, 1, 12, 12))
    assert memorization(training, synthetic, images[:60], images[60:]).is_copy.tolist() == [False, True]


def test_few_cells_can_not_convict_a_generator() -> None:
    found = found_in(real_cells(10, seed=1), real_cells(12))
    for share, limit, many, only in ((6, 0.3, True, True), (6, 0.7, False, False), (4, 0.3, True, False)):
        judged = replace(found, is_copy=np.arange(10) < share, limit=limit)
        assert (judged.many_copies, judged.only_copies) == (many, only)


def test_which_cells_are_copies_is_told() -> None:
    training = real_cells(100)
    half = Sample(np.concatenate([real_cells(40, seed=1).images, copies(training, 20).images]))
    found = found_in(half, training)
    assert found.is_copy[40:].mean() > 0.9
    assert found.is_copy[:40].mean() < 0.15
    assert found.many_copies
    assert not found.only_copies


def test_a_copy_of_a_training_cell_that_is_not_measured_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_cellcycle.evaluation.synthetic.memorization._MAX_MEASURED", 30)
    training = real_cells(100)
    assert found_in(copies(training, 60), training).copy_rate > 0.9


def test_moves_are_undone_as_far_as_asked() -> None:
    training = real_cells(100)
    far = Sample(np.roll(training.images[:50], 4, axis=3))
    assert found_in(far, training, shift_px=1).pixels.ratio > found_in(far, training, shift_px=4).pixels.ratio + 0.3


def test_copies_want_three_training_cells() -> None:
    with pytest.raises(TooFewCellsError, match="9 synthetic cells can't be compared with 2 training cells"):
        found_in(real_cells(9), real_cells(2))


def test_training_cells_that_are_all_the_same_tell_nothing() -> None:
    one = Sample(np.repeat(real_cells(1).images, 5, axis=0))
    found = found_in(real_cells(4), one)
    assert not found.is_copy.any()
    assert found.to_dict()["features"] == {"ratio": None, "closer": 0.0}


# --- the whole judgement ---


def assess(real: dict[int, Sample], synthetic: dict[int, Sample], **options: int) -> SyntheticQuality:
    sides = [
        (
            np.concatenate([cells.features for cells in side.values()]),
            np.concatenate([cells.images for cells in side.values()]),
            np.repeat(list(side), [len(cells.images) for cells in side.values()]),
        )
        for side in (real, synthetic)
    ]
    (f, i, p), (g, j, q) = sides
    return score_synthetic(f, g, i, j, p, q, **options)


@pytest.fixture(scope="module")
def faulty() -> SyntheticQuality:
    """Good S, copied G2, prophase of one cell over and over, and phases of few real cells."""
    real = {phase: real_cells(n, seed=phase) for phase, n in enumerate((80, 80, 80, 80, 12, 2))}
    again = np.repeat(real_cells(1, seed=97).images, 60, axis=0)
    again += np.random.default_rng(0).normal(0, 0.05, again.shape).astype(np.float32)
    synthetic = {
        1: real_cells(60, 11),
        2: copies(real[2], 60, noise=0.05),
        3: Sample(again),
        4: copies(real[4], 60),
        5: real_cells(60, 15),
    }
    return assess(real, synthetic)


def test_each_fault_is_told_and_nothing_else(faulty: SyntheticQuality) -> None:
    warnings = "\n".join(faulty.warnings)
    assert "S:" not in warnings
    assert "G2: 100% of the synthetic cells are copies of a training cell, so they add nothing; train" in warnings
    assert "Prophase: the synthetic cells lack the variety of real ones (recall 0.0" in warnings
    assert "Metaphase: 100% of the synthetic cells are copies" in warnings
    assert "Anaphase: 60 synthetic cells can't be assessed, as there are fewer than 3 real cells (2)" in warnings
    assert "fewer than 20 real or 10 synthetic cells: Metaphase (12 and 60); too few" in warnings
    assert len(faulty.warnings) == 5


def test_only_phases_that_were_made_are_judged(faulty: SyntheticQuality) -> None:
    assert list(faulty.per_phase) == ["S", "G2", "Prophase", "Metaphase", "Anaphase"]
    assert faulty.overall is not None
    assert faulty.overall.n_cells == 3 * 40 + 6 + 1


def test_figures_are_plain_in_json(faulty: SyntheticQuality) -> None:
    plain = json.loads(json.dumps(faulty.to_dict(), allow_nan=False))
    assert plain["per_phase"]["Metaphase"]["likeness"] is None
    assert plain["per_phase"]["Anaphase"] == {"n_real": 2, "n_made": 60, "likeness": None, "copying": None}
    good = plain["per_phase"]["S"]["likeness"]
    assert good["n_cells"] == 40
    assert good["made"]["recall"] == pytest.approx(good["real"]["recall"], abs=0.15)
    assert plain["per_phase"]["G2"]["copying"]["only_copies"]
    assert plain["warnings"] == list(faulty.warnings)


def test_the_table_has_a_row_a_phase(faulty: SyntheticQuality) -> None:
    lines = str(faulty).splitlines()
    assert lines[0].split() == ["phase", "real", "synthetic", "Fréchet", "distance", "precision", "recall", "copies"]
    assert [line.split()[0] for line in lines[1:7]] == ["all", "S", "G2", "Prophase", "Metaphase", "Anaphase"]
    assert lines[6].split() == ["Anaphase", "2", "60", "-", "-", "-", "-"]
    assert all(len(line) <= 80 for line in lines[:8])


def test_bad_cells_are_told(faulty: SyntheticQuality) -> None:
    noise = Sample(np.random.default_rng(0).normal(size=(60, 2, 24, 24)).astype(np.float32))
    (warning,) = assess({0: real_cells(80)}, {0: noise}).warnings
    assert warning.startswith("G1: many of the synthetic cells look like no real cell (precision 0.00")


def test_of_a_phase_that_is_all_copies_no_more_is_said() -> None:
    real = {0: real_cells(80)}
    found = assess(real, {0: copies(real[0], 60, noise=0.3)})
    (warning,) = found.warnings
    assert warning.startswith("G1: 100% of the synthetic cells are copies")
    assert found.overall is not None
    assert found.overall.synthetic.recall < 0.5 * found.overall.real.recall


def test_all_phases_are_compared_where_none_can_be_by_itself() -> None:
    real = {phase: real_cells(12, seed=phase) for phase in range(4)}
    noise = np.random.default_rng(0).normal(size=(4, 12, 2, 24, 24)).astype(np.float32)
    found = assess(real, {phase: Sample(noise[phase]) for phase in range(4)})
    assert any(warning.startswith("all phases: many of the synthetic cells") for warning in found.warnings)


def test_features_are_measured_by_the_spread_of_the_real_ones() -> None:
    real, synthetic = real_cells(40), real_cells(30, seed=1)
    images, phases = np.zeros((40, 1, 8, 8)), np.zeros(40, int)
    spread = real.features.std(axis=0)
    expected = compare_distributions([real.features / spread], [synthetic.features / spread])
    assert expected is not None
    rounding = np.random.default_rng(0).normal(0, 1e-7, (40, 1))  # of a feature that no real cell shows
    units = np.logspace(-2, 3, 24)
    for first, second in (
        (units * real.features, units * synthetic.features),
        (np.c_[real.features, rounding], np.c_[synthetic.features, 100 * rounding[:30]]),
    ):
        found = score_synthetic(first, second, images, images[:30], phases, phases[:30]).overall
        assert found is not None
        assert found.synthetic.frechet_distance == pytest.approx(expected.synthetic.frechet_distance)
        assert found.real.frechet_distance == pytest.approx(expected.real.frechet_distance)


def test_cells_that_are_unreadable_or_of_unknown_phase_do_not_count() -> None:
    real, synthetic = real_cells(40), real_cells(30, seed=1)
    whole = assess({0: real}, {0: synthetic})
    torn, phases = synthetic.features, np.zeros(30, int)
    torn = np.concatenate([torn, np.full((2, 24), np.nan), torn[:3]])
    phases = np.r_[phases, 0, 0, [UNKNOWN] * 3]
    images = np.concatenate([synthetic.images, synthetic.images[:5]])
    found = score_synthetic(real.features, torn, real.images, images, np.zeros(40, int), phases)
    assert found.to_dict() == whole.to_dict()


def test_same_seed_same_figures() -> None:
    real, synthetic = {0: real_cells(60)}, {0: real_cells(50, seed=1)}
    assert assess(real, synthetic).to_dict() == assess(real, synthetic, seed=0).to_dict()
    assert assess(real, synthetic).to_dict() != assess(real, synthetic, seed=1).to_dict()


def test_made_cells_without_real_ones_of_their_phase_are_refused() -> None:
    with pytest.raises(TooFewCellsError, match="no real cell has a phase of the synthetic cells"):
        assess({0: real_cells(30)}, {1: real_cells(30)})
    cells = real_cells(40)
    with pytest.raises(ValueError, match="40 rows of features for 40 images and 39 phases"):
        score_synthetic(cells.features, cells.features, cells.images, cells.images, np.zeros(39), np.zeros(40))


def test_real_cells_are_no_copies_of_others_and_moved_ones_are(real_data: Path) -> None:
    cells = cc.read_cells(real_data / "jurkat" / "Experiment_1")
    few = np.r_[np.flatnonzero(cells.phases == 0)[:300], np.flatnonzero(cells.phases == 4)]
    cells, _ = drop_duplicates(cells.subset(few))
    model = load_model("default")
    wanted = cells.select_channels(model.card.input.channels)
    images = prepare(wanted.read(range(len(wanted))), model.card.input)  # type: ignore[arg-type]
    features = result_of(extract_features(model, cells, device="cpu"))
    training = np.random.default_rng(0).random(len(cells)) < 0.5
    new = score_synthetic(
        features[training], features[~training], images[training], images[~training],
        cells.phases[training], cells.phases[~training],
    )  # fmt: skip
    assert not new.warnings
    moved = np.roll(images[training], (1, -2), (2, 3))[:, :, ::-1]
    again = score_synthetic(
        features[training], features[training][::-1], images[training], moved,
        cells.phases[training], cells.phases[training],
    )  # fmt: skip
    assert [warning[:9] for warning in again.warnings] == ["G1: 100% ", "Metaphase"]
