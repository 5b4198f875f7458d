"""The support vector machine that is stored as arrays decides as scikit-learn's does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

from napari_cellcycle.errors import ModelError
from napari_cellcycle.models import Model, ModelCard, build
from napari_cellcycle.models.support_vectors import SupportVectors
from napari_cellcycle.store.models import WEIGHTS, load_model, save_model
from napari_cellcycle.training.recipes import RECIPES
from napari_cellcycle.training.support_vectors import take_machine

RECIPE = RECIPES["narotamo2021"]


def fitted(seed: int = 0) -> tuple[SVC, SupportVectors]:
    random = np.random.default_rng(seed)
    figures = random.normal(size=(300, 2))
    phases = (figures @ [0.6, 1.0] + 0.3 * figures[:, 0] ** 2 + 0.4 * random.normal(size=300) > 0.2).astype(int)
    machine = SVC(C=1.0, gamma="scale").fit(figures, phases)
    network = SupportVectors().eval()
    take_machine(network, machine)
    return machine, network


@pytest.mark.parametrize("seed", [0, 1])
def test_the_decision_is_that_of_scikit_learn_also_from_disk(seed: int, tmp_path: Path) -> None:
    machine, network = fitted(seed)
    figures = np.random.default_rng(9).normal(size=(3000, 2)) * 2
    card = ModelCard(
        name="x",
        architecture="narotamo2021",
        input=RECIPE.input,
        options={"n_channels": 1, "n_phases": 2},
        phase_set=RECIPE.phases,
    )
    save_model(Model(network, card), tmp_path / "x", np.zeros((0, 4), np.uint64))
    assert sorted(path.suffix for path in (tmp_path / "x").iterdir()) == [".json", ".npy", ".safetensors"]
    for one in (network, load_model(tmp_path / "x").network):
        decision = one.decide(torch.from_numpy(figures)).numpy()
        np.testing.assert_allclose(decision, machine.decision_function(figures), rtol=1e-12, atol=1e-12)
        called = one(torch.from_numpy(figures)[:, None, None]).logits.argmax(1).numpy()
        assert (called == machine.predict(figures)).all()


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    _, network = fitted()
    options = {"n_channels": 1, "n_phases": 2}
    card = ModelCard(
        name="x", architecture="narotamo2021", input=RECIPE.input, options=options, phase_set=RECIPE.phases
    )
    save_model(Model(network, card), tmp_path / "x", np.zeros((0, 4), np.uint64))
    path = tmp_path / "x" / WEIGHTS
    tensors = load_file(path)
    save_file({**tensors, "vectors": tensors["vectors"][:-1].clone()}, path)
    with pytest.raises(ModelError, match="does not fit the network of its card"):
        load_model(tmp_path / "x")
    save_file({**tensors, "gamma": torch.tensor(float("nan"), dtype=torch.float64)}, path)
    with pytest.raises(ModelError, match="gamma holds numbers that are not finite"):
        load_model(tmp_path / "x")


def test_it_is_built_for_two_phases_by_the_stain_alone() -> None:
    assert build("narotamo2021", n_channels=1, n_phases=2)(torch.zeros(3, 1, 1, 2)).logits.shape == (3, 2)
    with pytest.raises(ValueError, match="2 phases by 1 channel"):
        build("narotamo2021", n_channels=2, n_phases=7)
