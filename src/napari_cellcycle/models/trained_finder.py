"""A finder that learned cells or nuclei from labelled fields: its network, its card, and how it looks at a field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.images.object_cut import Cut

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cellcycle.models.finder import FinderNetwork

FINDER_CARD_VERSION = 1
WORK_DIAMETER_PX = 26.0
"""Fields are scaled so that objects have about this diameter: a patch then holds an object and what is around it."""
_LIGHT_PX = 2 * WORK_DIAMETER_PX
_NO_ZOOM = (0.9, 1.1)
"""So near to 1, pixels stay as they are."""
_TILE_PX, MARGIN_PX = 512, 64
"""The network sees 44 pixels far."""


@dataclass(frozen=True, kw_only=True)
class FinderCard:
    """Everything about a finder but its weights; ``finder.json`` in its folder, which `store.finders` reads.

    Attributes
    ----------
    name, description : str
        What users call it, and one sentence on what it is.
    channel : str
        What it looks at.
    widths : tuple of int
        Channels of the network at each level.
    diameter_px : float
        Usual diameter of what it was trained on.
    pixel_size_um : float or None
        Edge of a pixel in the training fields, if they say it. A field with another pixel size is scaled.
    cut : Cut
        How its maps become labels.
    figures : dict
        F1 at IoU 0.5 on what was held back, with counts, and what that was.
    training : dict
        Fields, settings, steps, duration.
    versions : dict of str to str
        Versions of the libraries that it was trained with.
    licence, data_licence : str
        Of the weights, and of the data behind them.
    """

    name: str
    description: str = ""
    channel: str = BRIGHTFIELD
    widths: tuple[int, ...]
    diameter_px: float
    pixel_size_um: float | None = None
    cut: Cut = field(default_factory=Cut)
    figures: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    licence: str = ""
    data_licence: str = ""

    def to_json(self) -> str:
        """The card as text."""
        return json.dumps({"card_version": FINDER_CARD_VERSION, **asdict(self)}, indent=2) + "\n"

    @property
    def quality(self) -> str:
        """Its figure and where that was measured, in words."""
        f1, tested_on = self.figures.get("f1_at_iou_0.5"), self.figures.get("tested_on")
        return "not tested" if f1 is None else f"F1 {f1:.2f} on {tested_on}"

    def zoom(self, pixel_size_um: float | None) -> float:
        """By what a field is scaled before the network sees it."""
        zoom = WORK_DIAMETER_PX / self.diameter_px
        if pixel_size_um and self.pixel_size_um:
            zoom *= pixel_size_um / self.pixel_size_um
        return 1.0 if _NO_ZOOM[0] <= zoom <= _NO_ZOOM[1] else zoom


@dataclass(frozen=True, eq=False, repr=False)
class Finder:
    """A network in evaluation mode with its card."""

    network: FinderNetwork
    card: FinderCard
    folder: Path | None = None

    def __repr__(self) -> str:
        return f"Finder({self.name!r}: {self.channel}, objects of {self.card.diameter_px:.0f} px, {self.card.quality})"

    @property
    def name(self) -> str:
        """What users call it."""
        return self.card.name

    @property
    def channel(self) -> str:
        """The channel that it looks at."""
        return self.card.channel

    def find(self, image: NDArray[np.generic], pixel_size_um: float | None = None) -> NDArray[np.int32]:
        """Find objects.

        Parameters
        ----------
        image : ndarray, shape (Y, X)
            Its channel of a field.
        pixel_size_um : float, optional
            Edge of a pixel in micrometres.

        Returns
        -------
        ndarray of int32, shape (Y, X)
            0 is background, objects are numbered from 1.
        """
        from napari_cellcycle.images.object_maps import cut_maps

        zoom = self.card.zoom(pixel_size_um)
        foreground, distance = (_zoomed(plane, image.shape) for plane in find_maps(self.network, prepared(image, zoom)))
        cut = self.card.cut
        return cut_maps(foreground, distance, Cut(**{**asdict(cut), "min_area_px": cut.min_area_px / zoom**2}))


def prepared(image: NDArray[np.generic], zoom: float) -> NDArray[np.float32]:
    """A field as the network sees it.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        Of any type.
    zoom : float
        By what it is scaled.

    Returns
    -------
    ndarray of float32
        With even light.
    """
    from napari_cellcycle.images.even_light import even_light

    shape = tuple(max(round(length * zoom), 1) for length in image.shape)
    return even_light(_zoomed(image.astype(np.float32), shape), _LIGHT_PX)


def _zoomed(plane: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    if plane.shape == shape:
        return plane
    from skimage.transform import resize

    scaled: NDArray[np.float32] = resize(plane, shape, order=1, anti_aliasing=shape < plane.shape)
    return scaled.astype(np.float32)


def find_maps(network: FinderNetwork, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of the foreground, and normalised distance, of a prepared field.

    The field is seen tile by tile, so that memory does not grow with it, and in four positions, whose mean is taken.

    Parameters
    ----------
    network : FinderNetwork
        In evaluation mode.
    image : ndarray of float32, shape (Y, X)
        As `prepared` gives it.

    Returns
    -------
    ndarray of float32, shape (2, Y, X)
    """
    import torch

    padded = np.pad(image, MARGIN_PX, mode="symmetric")
    maps = np.zeros((2, *image.shape), np.float32)
    with torch.inference_mode():
        for rows, columns in _tiles(image.shape):
            near = padded[rows.start : rows.stop + 2 * MARGIN_PX, columns.start : columns.stop + 2 * MARGIN_PX]
            seen = _four_views(network, torch.from_numpy(_padded_to(near, network.multiple)))
            inside = slice(MARGIN_PX, MARGIN_PX + rows.stop - rows.start)
            maps[:, rows, columns] = seen[:, inside, MARGIN_PX : MARGIN_PX + columns.stop - columns.start].numpy()
    return maps


def _tiles(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    height, width = shape
    for top in range(0, height, _TILE_PX):
        for left in range(0, width, _TILE_PX):
            yield slice(top, min(top + _TILE_PX, height)), slice(left, min(left + _TILE_PX, width))


def _padded_to(image: NDArray[np.float32], multiple: int) -> NDArray[np.float32]:
    return np.pad(image, [(0, -length % multiple) for length in image.shape], mode="edge")


def _four_views(network: FinderNetwork, image: Tensor) -> Tensor:
    """Mean maps (2, Y, X) of an image as it is, turned by half, and mirrored both ways."""
    import torch

    from napari_cellcycle.models.device import mixed_precision

    total = torch.zeros(2, *image.shape)
    for flips in ([], [0], [1], [0, 1]):
        view = image.flip(flips)[None, None].contiguous(memory_format=torch.channels_last)
        with mixed_precision(view.device):
            maps = network(view)[0].float()
        maps = torch.stack([maps[0].sigmoid(), maps[1]])
        total += maps.flip([axis + 1 for axis in flips])
    return total / 4
