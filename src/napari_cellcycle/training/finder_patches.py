"""Patches of labelled fields: where they are cut, and how they are changed at random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from napari_cellcycle.images.object_maps import distance_in_objects
from napari_cellcycle.training.finder_config import FinderConfig

IMAGE, FOREGROUND, DISTANCE, WEIGHT = range(4)


@dataclass(frozen=True, eq=False)
class TrainingField:
    """A field that a finder learns from.

    Attributes
    ----------
    image : ndarray of float32, shape (Y, X)
        With even light, at the scale of the network.
    labels : ndarray of int, shape (Y, X)
        Its objects.
    learned : ndarray of bool, shape (Y, X)
        Pixels that may be learned from; the others are held back.
    """

    image: NDArray[np.float32]
    labels: NDArray[np.integer]
    learned: NDArray[np.bool_]

    def planes(self) -> Tensor:
        """Image, foreground, distance and weight, (4, Y, X)."""
        distance = distance_in_objects(self.labels)
        return torch.from_numpy(
            np.stack([self.image, self.labels != 0, distance, self.learned]).astype(np.float32, copy=False)
        )


@dataclass(frozen=True, eq=False)
class Patches:
    """Draws batches of patches from fields.

    Attributes
    ----------
    fields : sequence of Tensor, each (4, Y, X)
        Of `TrainingField.planes`.
    config : FinderConfig
        Size and changes.
    """

    fields: Sequence[Tensor]
    config: FinderConfig

    def draw(self, random: torch.Generator) -> Tensor:
        """Return a batch, (B, 4, S, S): image, foreground, distance, and weight, which is 0 outside of the fields."""
        config, size = self.config, self.config.patch_px
        chosen = torch.randint(0, len(self.fields), (config.batch_size,), generator=random).tolist()
        patches = torch.cat([self._cut(self.fields[number], random) for number in chosen])
        shape = (config.batch_size, 1, 1)
        gain = torch.exp(config.gain * _uniform(shape, random))
        noise = config.noise * torch.rand(shape, generator=random)
        image = patches[:, IMAGE] * gain + 0.2 * _uniform(shape, random)
        patches[:, IMAGE] = image + noise * torch.randn((len(patches), size, size), generator=random)
        return patches

    def _cut(self, field: Tensor, random: torch.Generator) -> Tensor:
        """One patch, turned by any angle, mirrored half of the time, and zoomed."""
        size, (row, column) = self.config.patch_px, _centre(field, random)
        angle = math.pi * float(_uniform((1,), random))
        mirror = 1 - 2 * int(torch.randint(0, 2, (1,), generator=random))
        zoom = math.exp(self.config.zoom * float(_uniform((1,), random)))
        # only what the patch can reach is sampled, so that large fields cost no more than small ones
        reach = math.ceil(size * 0.75 * zoom) + 2
        top, left = max(row - reach, 0), max(column - reach, 0)
        near = field[:, top : row + reach, left : column + reach][None]
        n_rows, n_columns = near.shape[-2:]
        cos, sin = size * zoom * math.cos(angle), size * zoom * math.sin(angle)
        x, y = (2 * (column - left) + 1) / n_columns - 1, (2 * (row - top) + 1) / n_rows - 1
        turn = torch.tensor(
            [[[cos / n_columns, -sin * mirror / n_columns, x], [sin / n_rows, cos * mirror / n_rows, y]]]
        )
        grid = affine_grid(turn, [1, 1, size, size], align_corners=False)
        smooth = grid_sample(near[:, [IMAGE, DISTANCE]], grid, padding_mode="reflection", align_corners=False)
        sharp = grid_sample(near[:, [FOREGROUND, WEIGHT]], grid, mode="nearest", align_corners=False)
        return torch.stack([smooth[:, 0], sharp[:, 0], smooth[:, 1], sharp[:, 1]], 1)


def _centre(field: Tensor, random: torch.Generator) -> tuple[int, int]:
    """Row and column of a pixel, or of one near by, that may be learned from."""
    places = torch.nonzero(field[WEIGHT, ::16, ::16])
    place = places[int(torch.randint(0, len(places), (1,), generator=random))]
    row, column = (16 * place + torch.randint(0, 16, (2,), generator=random)).tolist()
    return row, column


def _uniform(shape: Sequence[int], random: torch.Generator) -> Tensor:
    """Numbers from -1 to 1."""
    return 2 * torch.rand(tuple(shape), generator=random) - 1
