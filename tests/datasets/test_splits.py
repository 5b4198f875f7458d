"""Where a leak would start: each fold's parts, whatever the cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.groups import group_names
from napari_cellcycle.datasets.splits import Fold, make_folds, seed_folds, split_validation
from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.phases import N_PHASES, UNKNOWN, Phase


def cells_of(phases: Any, *, synthetic: Any = False, sources: Any = "a.tif") -> Cells:
    images = ArrayImages(np.zeros((len(phases), 1, 1, 1)))
    cells = Cells.build(images, ("brightfield",), sources, phases=np.asarray(phases))
    return replace(cells, synthetic=np.broadcast_to(synthetic, len(phases)))


@st.composite
def crowds(draw: Any) -> tuple[Cells, int, Any]:
    """Cells of some phases, some of them unknown or synthetic, in some groups."""
    n_folds = draw(st.integers(2, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    n_cells = draw(st.integers(60, 200))
    phases = random.choice([UNKNOWN, 0, 1, 2, 6], n_cells, p=[0.05, 0.4, 0.3, 0.2, 0.05])
    groups = random.integers(0, draw(st.integers(12, 40)), n_cells).astype(str) if draw(st.booleans()) else None
    return cells_of(phases, synthetic=random.random(n_cells) < 0.2), n_folds, groups


def parts(fold: Fold) -> tuple[set[int], set[int], set[int]]:
    return set(fold.train.tolist()), set(fold.validation.tolist()), set(fold.test.tolist())


@settings(max_examples=40)
@given(crowds())
def test_no_cell_and_no_group_is_in_two_parts_and_no_made_one_is_tested(crowd: Any) -> None:
    cells, n_folds, groups = crowd
    made = make_folds(cells, n_folds, groups=groups)
    known = cells.phases != UNKNOWN
    assert len(made) == n_folds
    for fold in made:
        train, validation, test = parts(fold)
        assert not train & test
        assert not train & validation
        assert not validation & test
        assert train | validation | test == set(np.flatnonzero(known).tolist())
        assert train >= set(np.flatnonzero(known & cells.synthetic).tolist())
        assert not cells.synthetic[fold.test].any()
        assert not cells.synthetic[fold.validation].any()
        if groups is not None:
            real = fold.train[~cells.synthetic[fold.train]]
            names = [set(groups[part].tolist()) for part in (real, fold.validation, fold.test)]
            assert not names[0] & names[1]
            assert not names[0] & names[2]
            assert not names[1] & names[2]
    tested = np.concatenate([fold.test for fold in made])
    np.testing.assert_array_equal(np.sort(tested), np.flatnonzero(known & ~cells.synthetic))


def test_folds_and_validation_hold_the_same_mixture(truth: Any) -> None:
    cells = cells_of(np.tile(truth, 10))
    for fold in make_folds(cells, 5):
        for part, share in ((fold.test, 0.2), (fold.validation, 0.8 / 7)):
            counts = np.bincount(cells.phases[part], minlength=N_PHASES)
            np.testing.assert_allclose(counts, np.bincount(cells.phases) * share, atol=1.01)


def test_the_seed_alone_decides(truth: Any) -> None:
    cells = cells_of(truth)
    first = make_folds(cells, 4, seed=5)
    np.random.default_rng(5).random(3)
    again, other = make_folds(cells, 4, seed=5), make_folds(cells, 4, seed=6)
    assert [parts(fold) for fold in again] == [parts(fold) for fold in first]
    assert [parts(fold) for fold in other] != [parts(fold) for fold in first]


def test_a_phase_with_fewer_cells_than_folds_works_and_is_noted() -> None:
    folds = make_folds(cells_of([0] * 20 + [1] * 20 + [5] * 3 + [6]), 5)
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(44))
    assert folds.notes == (
        "Anaphase has 3 cells, fewer than the 5 folds: some folds do not test it",
        "Telophase has 1 cells, fewer than the 5 folds: some folds do not test it",
        "Telophase has only one cell: the model that is tested on it was not trained on it",
    )


def test_synthetic_and_unknown_cells_are_noted() -> None:
    cells = cells_of([0, 1] * 20 + [UNKNOWN], synthetic=np.arange(41) < 4)
    unknown, synthetic = make_folds(cells, 3).notes
    assert unknown == "1 cells of unknown phase were left out"
    assert synthetic.startswith("4 synthetic cells are in the training part of every fold and are never tested")


def test_validation_split_without_test_is_of_real_cells(truth: Any) -> None:
    cells = cells_of(truth, synthetic=np.arange(len(truth)) % 3 == 0)
    train, validation = split_validation(cells, validation_fraction=0.2)
    assert sorted([*train, *validation]) == list(range(len(truth)))
    assert not cells.synthetic[validation].any()
    assert len(validation) == pytest.approx(0.2 * (~cells.synthetic).sum(), abs=3)


def test_images_of_one_time_lapse_are_not_divided_between_training_and_validation() -> None:
    sources = np.array([f"dish{dish}.tif[t={t}]" for dish in range(12) for t in range(10)])
    train, validation = split_validation(cells_of([0, 1] * 60, sources=sources), validation_fraction=0.2)
    dishes = np.array([source.partition("[")[0] for source in sources])
    assert len(validation)
    assert not set(dishes[train]) & set(dishes[validation])


def test_a_single_time_lapse_is_divided_all_the_same() -> None:
    sources = np.array([f"film.tif[t={t // 4}]" for t in range(40)])
    train, validation = split_validation(cells_of([0, 1] * 20, sources=sources), validation_fraction=0.2)
    assert (len(train), len(validation)) == (32, 8)


def test_where_all_cells_are_synthetic_some_are_validated_on(truth: Any) -> None:
    cells = cells_of(truth, synthetic=np.full(len(truth), True))
    train, validation = split_validation(cells, validation_fraction=0.2)
    assert sorted([*train, *validation]) == list(range(len(truth)))
    assert len(validation) == pytest.approx(0.2 * len(truth), abs=3)


def test_the_seeds_folds_test_what_they_stop_by_and_made_cells_too(truth: Any) -> None:
    cells = cells_of(truth, synthetic=np.arange(len(truth)) % 3 == 0)
    for fold in seed_folds(cells, 5):
        np.testing.assert_array_equal(fold.validation, fold.test)
        assert cells.synthetic[fold.test].any()
        assert not set(fold.train.tolist()) & set(fold.test.tolist())


@pytest.mark.parametrize(
    ("phases", "options", "error", "reason"),
    [
        ([0, 1] * 9, {"n_folds": 1}, SettingError, "cv is 1"),
        ([0] * 9, {}, TooFewCellsError, "9 real cells of known phase belong to 1 of the phases"),
        ([UNKNOWN] * 9, {}, TooFewCellsError, "0 real cells"),
        ([0, 1, 2], {}, TooFewCellsError, "every phase has fewer than 5 cells"),
        ([0, 1] * 9, {"groups": ["a", "b", "c"] * 6}, TooFewCellsError, "in 3 groups, too few for 5 folds"),
        ([0, 1] * 9, {"validation_fraction": 0.0}, SettingError, "the validation fraction is 0.0"),
        ([0, 1] * 9, {"n_folds": 2, "groups": ["a", "b"] * 9}, TooFewCellsError, "hold some back for validation"),
    ],
)
def test_what_cannot_be_split_is_said(phases: Any, options: Any, error: Any, reason: str) -> None:
    with pytest.raises(error, match=reason):
        make_folds(cells_of(phases), **options)


def test_only_real_cells_count() -> None:
    with pytest.raises(TooFewCellsError, match="belong to 1 of the phases"):
        make_folds(cells_of([0, 1] * 20, synthetic=np.arange(40) % 2 == 1))


def test_groups_from_where_cells_lie() -> None:
    sources = ["d1/p1/G1/a.tif", "d1/p2/G1/a.tif", "d2/p1/S/b.tif", "c.tif"]
    cells = cells_of([Phase.G1] * 4, sources=sources)
    assert group_names(cells, "file").tolist() == sources
    assert group_names(cells, "folder1").tolist() == ["d1", "d1", "d2", "."]
    assert [name.replace("\\", "/") for name in group_names(cells, "folder2")] == ["d1/p1", "d1/p2", "d2/p1", "."]
    assert [name.replace("\\", "/") for name in group_names(cells, "folder")][:3] == ["d1/p1/G1", "d1/p2/G1", "d2/p1/S"]


@pytest.mark.parametrize("by", ["plate", "folder0", "folder-1", "Folder", ""])
def test_an_unknown_grouping_is_said(by: str) -> None:
    with pytest.raises(SettingError, match="must be file, folder, or folder1"):
        group_names(cells_of([0, 1]), by)


@pytest.mark.parametrize("name", ["film{}.tif[t={}]", "film{}_t00{}.tif", "{}/t00{}.tif"])
def test_times_of_one_film_are_never_in_two_parts(name: str) -> None:
    phases = np.tile([0, 1], 24)
    sources = np.array([name.format(film, time) for film in range(6) for time in range(4) for _ in range(2)])
    cells = Cells.build(ArrayImages(np.zeros((48, 1, 9, 9))), ["brightfield"], sources, phases=phases)
    films = np.repeat(np.arange(6), 8)
    folds = make_folds(cells, 3)
    for fold in folds:
        parts = [set(films[part].tolist()) for part in (fold.train, fold.validation, fold.test)]
        assert sum(map(len, parts)) == len(set.union(*parts))
    assert any("images of one time-lapse are kept together" in note for note in folds.notes)
    with pytest.raises(
        TooFewCellsError, match="are in 1 groups, too few for 3 folds; ask for fewer folds, or give more"
    ):
        make_folds(cells.subset(np.flatnonzero(films == 0)), 3)
