"""The networks are what their sources say, and the card survives its file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from napari_cellcycle.errors import ModelError, SettingError
from napari_cellcycle.models import ARCHITECTURES, ModelCard, build
from napari_cellcycle.models.device import pick_device
from napari_cellcycle.training.recipes import RECIPES


def count(network: torch.nn.Module) -> int:
    return sum(values.numel() for values in network.parameters())


def test_duque2024_has_the_sizes_of_the_paper() -> None:
    network = build("duque2024", n_channels=3)
    # by hand: 64 kernels of 10x10x3, 32 of 5x5x64, then 11x11x32 -> 32 -> 16 -> 7, each with biases
    assert count(network) == (300 + 1) * 64 + (1600 + 1) * 32 + (3872 + 1) * 32 + 33 * 16 + 17 * 7
    assert network(torch.zeros(2, 3, 64, 64)).logits.shape == (2, 7)


def test_default_is_small_and_shows_the_stain_in_training_only() -> None:
    network = build("compact")
    assert count(network) * 4 < 4e6  # bytes as float32
    assert network.train()(torch.zeros(2, 2, 40, 40)).stain.shape == (2, 1, 40, 40)
    outputs = network.eval()(torch.zeros(2, 2, 40, 40))
    assert outputs.stain is None
    assert outputs.log2_dna.shape == (2,)


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_builds_and_takes_its_own_input(name: str) -> None:
    spec = RECIPES[name].input
    network = build(RECIPES[name].architecture, n_channels=len(spec.channels)).eval()
    assert network(torch.zeros(1, len(spec.channels), spec.size_px, spec.size_px)).logits.shape == (1, 7)


def test_an_unknown_architecture_is_named_with_the_known_ones() -> None:
    known = ", ".join(ARCHITECTURES)
    with pytest.raises(ModelError, match=f"no architecture is called 'resnet'; choose one of {known}"):
        build("resnet")


def test_a_card_survives_its_file() -> None:
    card = ModelCard(name="x", architecture="compact", input=RECIPES["default"].input, training={"n_cells": 3})
    assert ModelCard.from_json(card.to_json()) == card
    assert "trained on 3 cells" in replace(card).to_text()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"card_version": 1}', '{"card_version": 99, "name": "x"}'])
def test_other_texts_are_no_card(text: str) -> None:
    with pytest.raises(ModelError, match=r"no model card|another version"):
        ModelCard.from_json(text)


def test_a_device_that_is_not_there_is_refused() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(SettingError, match="device is 'abacus', but this machine has only cpu"):
        pick_device("abacus")
