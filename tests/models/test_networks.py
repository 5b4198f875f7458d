"""The networks are what their sources say, and the card survives its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from napari_cellcycle.errors import ModelError, SettingError
from napari_cellcycle.models import ARCHITECTURES, Model, ModelCard, build
from napari_cellcycle.models.device import pick_device
from napari_cellcycle.models.resnet import BasicBlock, Bottleneck, ResNet
from napari_cellcycle.phase_sets import SEVEN
from napari_cellcycle.store.cards import parse_model_card
from napari_cellcycle.store.models import load_model, save_model
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


def n_layers(network: torch.nn.Module) -> int:
    """Layers with weights on the way from image to phases; as He et al. count, shortcuts are beside the way."""
    layers = [name for name, part in network.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    return sum("shortcut" not in name for name in layers)


def test_jin2021_has_41_layers_and_rana2022_18() -> None:
    assert n_layers(build("jin2021")) == 41
    assert n_layers(build("rana2022")) == 18


@pytest.mark.parametrize(
    ("block", "n_blocks", "published", "head"),
    [(BasicBlock, (2, 2, 2, 2), 11_689_512, 513_000), (Bottleneck, (3, 4, 6, 3), 25_557_032, 2_049_000)],
)
def test_residual_networks_have_as_many_weights_as_published(
    block: type, n_blocks: tuple[int, int, int, int], published: int, head: int
) -> None:
    network = ResNet(block, n_blocks, n_channels=3)  # ResNet-18 and ResNet-50; the published head tells 1000 classes
    assert count(network) - count(network.phase_head) == published - head


def test_deepflow_has_the_channels_of_the_paper_and_maps_of_8x8_at_the_end() -> None:
    network = build("eulenberg2017")
    shapes: list[tuple[int, ...]] = []
    for part in network.features:
        part.register_forward_hook(lambda part, taken, given: shapes.append(tuple(given.shape[1:])))
    network(torch.zeros(1, 2, 64, 64))
    #    first     dual          down   dual                     down   dual      down   dual
    assert [shape[0] for shape in shapes] == [96, 64, 80, 160, 160, 160, 160, 144, 240, 336, 336, 432, 336, 336]
    assert [shape[1] for shape in shapes] == [64, 64, 64, 32, 32, 32, 32, 32, 16, 16, 16, 8, 8, 8]
    parallel = [
        count(part.wide[0]) // (9 * part.wide[0].in_channels) for part in network.features if hasattr(part, "wide")
    ]
    assert parallel == [32, 48, 48, 64, 80, 96, 160, 160, 160, 160]


@pytest.mark.parametrize("name", ["jin2021", "rana2022", "eulenberg2017"])
def test_literature_networks_learn_two_kinds_of_cells(name: str) -> None:
    torch.manual_seed(0)
    network = build(name).train()
    phases = torch.arange(16) % 2
    images = torch.randn(16, 2, 16, 16) * (1 + 2 * phases)[:, None, None, None]
    optimiser = torch.optim.SGD(network.parameters(), 0.02, momentum=0.9)
    losses = []
    for _ in range(6):
        loss = nn.functional.cross_entropy(network(images).logits, phases)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_saved_network_answers_as_before(name: str, tmp_path: Path) -> None:
    network = build(name).eval()
    recipe = RECIPES["default" if name in ("compact", "paired") else name]
    images = torch.randn(2, *recipe.input.shape)
    options = {} if recipe.phases is None else {"n_channels": 1, "n_phases": 2}
    card = ModelCard(
        name=name, architecture=name, input=recipe.input, options=options, phase_set=recipe.phases or SEVEN
    )
    save_model(Model(network, card), tmp_path / "x", np.zeros((0, 4), np.uint64))
    assert not [path for path in (tmp_path / "x").iterdir() if path.suffix not in {".json", ".npy", ".safetensors"}]
    again = load_model(tmp_path / "x").network
    assert torch.equal(again(images).logits, network(images).logits) or name == "features"


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.phases is None])
def test_each_recipe_builds_and_takes_inputs_of_its_size(name: str, n_channels: int) -> None:
    network = build(RECIPES[name].architecture, n_channels=n_channels).eval()
    size = RECIPES[name].input.size_px
    assert network(torch.zeros(1, n_channels, size, size)).logits.shape == (1, 7)


def test_an_unknown_architecture_is_named_with_the_known_ones() -> None:
    known = ", ".join(ARCHITECTURES)
    with pytest.raises(ModelError, match=f"no architecture is called 'resnet'; choose one of {known}"):
        build("resnet")


def test_a_card_survives_its_file() -> None:
    card = ModelCard(name="x", architecture="compact", input=RECIPES["default"].input, training={"n_cells": 3})
    assert parse_model_card(card.to_json()) == card
    assert "trained on 3 cells" in replace(card).to_text()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"card_version": 1}', '{"card_version": 99, "name": "x"}'])
def test_other_texts_are_no_card(text: str) -> None:
    with pytest.raises(
        ModelError,
        match=r"not JSON text|no JSON object|has no name|has no card_version|another version",
    ):
        parse_model_card(text)


def test_a_device_that_is_not_there_is_refused() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(SettingError, match="device is 'abacus', but this machine has only cpu"):
        pick_device("abacus")
