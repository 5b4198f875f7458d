"""Many small problems of least squares without negative values, against SciPy."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from napari_cellcycle.evaluation.least_squares import nonnegative_least_squares


def test_solutions_are_those_of_scipy() -> None:
    random = np.random.default_rng(0)
    matrices = random.normal(size=(300, 8, 7))
    targets = random.normal(size=(300, 8))
    found = nonnegative_least_squares(matrices, targets)
    expected = [nnls(matrix, target)[0] for matrix, target in zip(matrices, targets, strict=True)]
    assert ((found == 0) == (np.array(expected) == 0)).all()
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_an_equation_of_great_weight_hides_none_of_the_others() -> None:
    random = np.random.default_rng(1)
    rates = random.dirichlet(np.ones(7), (200, 7)).transpose(0, 2, 1)
    matrices = np.concatenate([rates, np.full((200, 1, 7), 1e3)], axis=1)
    targets = np.concatenate([random.dirichlet(np.ones(7), 200), np.full((200, 1), 1e3)], axis=1)
    found = nonnegative_least_squares(matrices, targets)
    expected = [nnls(matrix, target)[0] for matrix, target in zip(matrices, targets, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_where_nothing_helps_all_values_are_zero() -> None:
    assert nonnegative_least_squares(np.eye(3)[None], np.array([[-1.0, 0.0, -2.0]])).tolist() == [[0, 0, 0]]
