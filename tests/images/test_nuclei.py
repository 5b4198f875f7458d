"""Nuclei in the image of a stain: dim ones next to bright ones, touching ones, lobes, and what is none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.discs import disc_field, stained

from napari_cellcycle.errors import ImageError, SettingError
from napari_cellcycle.evaluation.object_f1 import object_f1
from napari_cellcycle.images.nuclei import BRIGHT, GRANULAR, SMALL, label_nuclei

DATA = Path(os.environ.get("NAPARI_CELLCYCLE_DATA", "no data"))


def discs(*centres: tuple[float, float], radius: float = 12, size: int = 128) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), int)
    for number, (row, column) in enumerate(centres, start=1):
        labels[np.hypot(y - row, x - column) < radius] = number
    return labels


def test_dim_nuclei_are_found_next_to_bright_ones_and_their_size_is_measured() -> None:
    _, labels = disc_field(3)
    found = label_nuclei(stained(labels, 100 * 1.25 ** np.arange(12)))
    assert object_f1(found.labels, labels) > 0.95
    assert found.diameter_px == pytest.approx(24, rel=0.15)
    assert not found.reasons


def test_nuclei_that_touch_are_split_and_lobes_stay_together() -> None:
    touching = discs((60, 45), (60, 68))
    assert label_nuclei(stained(touching), diameter_px=24).labels.max() == 2
    lobed = discs((60, 50), (60, 58)) > 0
    assert label_nuclei(stained(lobed.astype(int)), diameter_px=24).labels.max() == 1


def test_dead_cells_and_debris_are_left_out_with_the_reason() -> None:
    labels = discs((30, 30), (30, 90), (90, 30), (90, 90))
    labels[60:64, 60:64] = 5
    stain = stained(labels, [400, 400, 400, 4000, 400]).astype(float)
    y, x = np.mgrid[:128, :128]
    stain[(labels == 3) & ((y // 4 + x // 4) % 2 == 0)] += 700
    found = label_nuclei(np.minimum(stain, 1500), diameter_px=24)
    assert object_f1(found.labels, np.where(labels <= 2, labels, 0)) == 1
    assert sorted(found.reasons.values()) == sorted([BRIGHT, GRANULAR, SMALL])
    assert found.reasons[int(found.others[90, 90])] == BRIGHT


def test_an_empty_field_has_no_nuclei() -> None:
    noise = np.random.default_rng(0).normal(100, 3, (96, 96))
    assert label_nuclei(np.full((64, 64), 7, np.uint8)).labels.max() == 0
    assert label_nuclei(noise, diameter_px=24).labels.max() == 0


def test_what_can_t_be_labelled_is_refused() -> None:
    with pytest.raises(ImageError, match="one plane"):
        label_nuclei(np.zeros((2, 20, 20)))
    with pytest.raises(SettingError, match="must be 6 to 400"):
        label_nuclei(np.zeros((20, 20)), diameter_px=2)


@pytest.mark.skipif(not DATA.exists(), reason="needs the real fields")
def test_nuclei_of_the_real_stained_field() -> None:
    folder = DATA / "fields" / "adherent"
    found = label_nuclei(tifffile.imread(folder / "sample.tif")[3])
    assert object_f1(found.labels, tifffile.imread(folder / "sample_labels.tif")) > 0.92
