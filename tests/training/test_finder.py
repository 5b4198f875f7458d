"""A finder learns where objects are, and what it is tested on is not learned from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.discs import disc_field

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.object_f1 import object_f1
from napari_cellcycle.events import result_of
from napari_cellcycle.images.even_light import even_light
from napari_cellcycle.images.object_cut import Cut
from napari_cellcycle.images.object_maps import cut_maps, distance_in_objects
from napari_cellcycle.io.labelled_fields import LabelledField
from napari_cellcycle.models.finder import FinderNetwork
from napari_cellcycle.models.trained_finder import FinderCard, find_maps
from napari_cellcycle.training.finder import train_finder
from napari_cellcycle.training.finder_config import FinderConfig
from napari_cellcycle.training.finder_data import FinderData
from napari_cellcycle.training.finder_patches import IMAGE, WEIGHT, Patches, TrainingField
from napari_cellcycle.training.finder_test import TestPart, choose_cut, hold_out

QUICK = FinderConfig(steps=30, batch_size=6, patch_px=64, averaging=0.7)
CARD = FinderCard(name="x", widths=(4, 8), diameter_px=24)
CPU = torch.device("cpu")


def learned_field(seed: int = 0) -> TrainingField:
    field, labels = disc_field(seed)
    return TrainingField(even_light(field, 50), labels, np.ones(labels.shape, bool))


def test_maps_of_labels_give_the_labels_back_also_where_they_touch() -> None:
    _, labels = disc_field(1)
    labels[:, 96:] = np.where(labels[:, 96:] > 0, labels[:, 96:] + 20, 0)  # discs across the line are cut in two
    distance = distance_in_objects(labels)
    assert distance.max() == 1
    assert (distance[labels > 0] > 0).all()
    assert not distance[labels == 0].any()
    found = cut_maps((labels > 0).astype(np.float32), distance, Cut(middle=0.5, min_area_px=0))
    assert object_f1(found, labels) > 0.95


def test_a_finder_learns_to_find_discs_on_uneven_light() -> None:
    torch.manual_seed(0)
    network = FinderNetwork(widths=(8, 16, 24))
    losses = [event.loss for event in train_finder(network, [learned_field()], QUICK, CPU) if hasattr(event, "loss")]
    assert losses[-1] < losses[0]
    other = learned_field(7)
    foreground, distance = find_maps(network, other.image)
    assert object_f1(cut_maps(foreground, distance, Cut(middle=0.3)), other.labels) > 0.9
    assert not network.training


def test_the_same_seed_gives_the_same_weights_and_stopping_keeps_them() -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        network = FinderNetwork(widths=(4, 8))
        stops = iter([False, False, True])
        assert result_of(train_finder(network, [learned_field()], QUICK, CPU, lambda stops=stops: next(stops))) == 2
        weights.append(torch.cat([values.flatten().float() for values in network.state_dict().values()]))
        torch.rand(5)
    assert torch.equal(*weights)


def test_patches_are_turned_and_zoomed_but_never_weigh_what_is_held_back() -> None:
    _, labels = disc_field(0)
    learned = np.ones(labels.shape, bool)
    learned[96:, 96:] = False
    image = np.where(learned, 0, 1000).astype(np.float32)
    config = FinderConfig(batch_size=20, patch_px=64, gain=0, noise=0)
    batch = Patches([TrainingField(image, labels, learned).planes()], config).draw(torch.Generator().manual_seed(0))
    assert batch.shape == (20, 4, 64, 64)
    held_back = batch[:, IMAGE] > 999
    assert held_back.any()
    assert not batch[:, WEIGHT][held_back].any()
    assert (batch[:, WEIGHT] == 0).float().mean() < 0.5


def test_of_several_fields_whole_ones_are_held_back_and_of_one_a_corner_of_each_frame() -> None:
    several = hold_out(["a", "a", "b", "c", "d"], [(8, 8)] * 5, 0.25)
    assert [number for number, *_ in several.windows] == [4]
    assert several.words == "1 of 4 fields, held out"
    assert not several.learned(4, (8, 8)).any()
    assert several.learned(0, (8, 8)).all()
    one = hold_out(["a", "a"], [(8, 8)] * 2, 0.25)
    assert [(~one.learned(number, (8, 8))).sum() for number in (0, 1)] == [16, 16]
    assert "another field may be harder" in one.words


def test_thresholds_are_the_usual_ones_unless_others_are_clearly_better() -> None:
    _, labels = disc_field(2)
    inside, distance = (labels > 0).astype(np.float32), distance_in_objects(labels)
    assert choose_cut([TestPart(inside, distance, labels)], 9.0) == Cut(0.5, 0.3, 9.0, 0.0)
    haze = np.maximum(inside, 0.62).astype(np.float32)  # below a threshold of 0.7, all discs are one
    assert choose_cut([TestPart(haze, np.maximum(distance, 0.45), labels)], 9.0).foreground == 0.7


def test_fields_are_brought_to_the_size_that_the_network_knows() -> None:
    field, labels = disc_field(0, radius=12)
    large = LabelledField("large", np.kron(field, np.ones((2, 2))), np.kron(labels, np.ones((2, 2), int)), 0.25)
    small = LabelledField("small", field, labels, 0.5)
    data = FinderData.of([large, small], CARD, 0.25)
    assert data.card.pixel_size_um == pytest.approx(0.375)
    assert data.images[0].shape == pytest.approx(data.images[1].shape, rel=0.1)
    assert data.labels[0].max() == data.labels[1].max() == 12
    half = FinderData.of([LabelledField("x", large.image, large.labels)], CARD, 0.25)
    assert half.images[0].shape[0] == pytest.approx(384 * 26 / half.card.diameter_px, abs=1)


def test_ten_objects_are_the_fewest_and_few_get_a_note() -> None:
    field, labels = disc_field(0)
    with pytest.raises(TooFewCellsError, match="at least 10 labelled objects, but there are 9"):
        FinderData.of([LabelledField("x", field, np.where(labels > 9, 0, labels))], CARD, 0.25)
    assert "12 labelled objects are few" in FinderData.of([LabelledField("x", field, labels)], CARD, 0.25).notes()[0]
