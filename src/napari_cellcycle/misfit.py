"""Why a model does not know some cells: undo a likely mistake and see if it helps, or measure the images.

A detector of unfamiliar cells says that cells are unlike the training cells, not why. Two kinds of evidence tell. If
the cells become familiar when an inverted channel, exchanged channels or a wrong pixel size is corrected, this was it.
What can't be undone is measured, and compared with the training cells as the detector describes them, so this works
with every model that has a detector. The thresholds were chosen on changed cells of Experiment_1; see
docs/does-it-fit.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import Cells, evenly_spaced
from napari_cellcycle.images.batches import CellBatch, read_batch
from napari_cellcycle.images.contrast_match import match_contrast, median_contrast
from napari_cellcycle.images.model_input import InputSpec, background, prepare
from napari_cellcycle.images.sample_measures import is_blank, mask_diameter_px, saturated_share, several_cells_share
from napari_cellcycle.models import Model
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.models.out_of_distribution import Light, MahalanobisDetector, descriptors, measure_light

MOST = 0.5
"""If a larger share of the cells is unfamiliar, their phases mean nothing."""
N_EXAMINED = 60
"""Cells in which the reason is looked for."""

ZOOMS = (0.25, 0.33, 0.4, 0.5, 0.6, 0.7, 0.8, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
"""Factors by which a pixel size may be wrong."""
_SATURATED = 0.05
"""Share of the pixels of a cell at an end of the range; 0.001 in Experiment_1."""
_CONTRAST = 4.0
"""Factor to the contrast of the training cells, up or down."""
_MIXED = 5.0
"""Factor between cells of high and low contrast (90th and 10th percentile); 1.5 in Experiment_1."""
_INVERTED = -0.7
"""Asymmetry, relative to that of the training cells; -1.05 for inverted Experiment_1."""
_SIZES = (0.6, 1.5)
"""Diameter of masks, relative to the training cells."""
_BLURRED, _NOISY = 0.75, 1.5
"""Focus, relative to the training cells; 0.93 in Experiment_1, 0.57 after a blur of 1.5 px, 1.75 with 50 % noise."""
_NOISE_ALONE = 0.8
"""Focus: 1.13 for noise alone, 0.3 in Experiment_1."""
_WIDE = 1.2
"""Radius of the light, relative to the training cells; 0.94 in Experiment_1, 1.22 with a second cell in the crop."""

Undo = Callable[[NDArray[np.generic]], NDArray[np.generic]]


class Reason(NamedTuple):
    """Why a model does not know the cells: a word, what was found, and what to do."""

    word: str
    found: str
    advice: str


@dataclass(frozen=True, eq=False)
class UnlikeCells:
    """Unfamiliar cells, and the model that does not know them, with its network on `device`."""

    model: Model
    familiarity: MahalanobisDetector
    cells: Cells
    device: torch.device

    @property
    def spec(self) -> InputSpec:
        """What the model needs."""
        return self.model.card.input

    @cached_property
    def images(self) -> list[CellImage]:
        """Some of the cells, as recorded."""
        return self._batch.images

    @cached_property
    def pixel_size_um(self) -> NDArray[np.float32]:
        """Of these cells; that of the model where it is not known."""
        sizes = self._batch.pixel_size_um[self._batch.is_readable]
        return np.where(np.isnan(sizes), np.float32(self.spec.pixel_size_um), sizes)

    @cached_property
    def _batch(self) -> CellBatch:
        return read_batch(self.cells, evenly_spaced(len(self.cells), N_EXAMINED))

    def prepared(self, undo: Undo | None = None, zoom: float = 1.0) -> NDArray[np.float32]:
        """The cells as the network sees them after a change, (N, C, S, S)."""
        images = [CellImage(image.pixels if undo is None else undo(image.pixels), image.mask) for image in self.images]
        sizes = self.pixel_size_um * zoom
        spec, _ = match_contrast(self.spec, prepare(images, self.spec.unscaled, sizes))
        return prepare(images, spec, sizes)

    @torch.inference_mode()
    def share_unlike(self, undo: Undo | None = None, zoom: float = 1.0) -> float:
        """Share of the cells that are still unfamiliar after a change."""
        planes = torch.from_numpy(self.prepared(undo, zoom)).to(self.device)
        planes = planes.contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            features = self.model.network(planes).features
        return float(self.familiarity.is_unfamiliar(descriptors(planes, features)).float().mean())

    @cached_property
    def light(self) -> Light:
        """Medians over the cells, each of shape (C,)."""
        return _median(measure_light(torch.from_numpy(self.prepared())))

    @cached_property
    def trained(self) -> Light:
        """The same of the training cells: the middle one of the phases."""
        return _median(self.familiarity.training_light(len(self.spec.channels)))


def _median(light: Light) -> Light:
    return Light(*(values.median(0).values for values in light))


def find_reason(cells: UnlikeCells) -> Reason | None:
    """Find why the model does not know the cells.

    Returns
    -------
    Reason or None
        The first that holds, as each of them changes what the later ones measure. None if none holds: then the images
        are of another instrument or another kind of cell.
    """
    first = (_blank, _noise_alone, _swapped, _inverted, _contrast, _saturated)
    looks = (*first, _several, _mask_size, _zoomed, _noisy, _blurred, _wide)
    return next((reason for look in looks if (reason := look(cells)) is not None), None)


def _blank(cells: UnlikeCells) -> Reason | None:
    empty = [name for number, name in enumerate(cells.spec.channels) if is_blank(cells.images, number)]
    if not empty:
        return None
    return Reason(
        "empty", f"{empty[0]} is empty", f"choose another channel with --channels, or leave {empty[0]} out of the files"
    )


def _noise_alone(cells: UnlikeCells) -> Reason | None:
    for name, focus in zip(cells.spec.channels, cells.light.focus.tolist(), strict=True):
        if focus > _NOISE_ALONE:
            return Reason("noise", f"{name} shows noise alone", f"check which channel is {name}, and use --channels")
    return None


def _swapped(cells: UnlikeCells) -> Reason | None:
    names = cells.spec.channels
    if len(names) != 2 or cells.share_unlike(lambda planes: planes[::-1]) > MOST:
        return None
    found = f"{names[0]} and {names[1]} are exchanged: after a swap most cells are like the training cells"
    return Reason("swapped", found, "exchange them with --channels")


def _inverted(cells: UnlikeCells) -> Reason | None:
    names = cells.spec.channels
    ways: list[tuple[int, ...]] = [(number,) for number in range(len(names))]
    ways += [tuple(range(len(names)))]
    shares = [cells.share_unlike(partial(_invert, channels=way)) for way in ways]
    inverted = ways[int(np.argmin(shares))] if min(shares) <= MOST else ()
    usual = cells.trained.asymmetry[0].item()
    if not inverted and abs(usual) > 0.1 and cells.light.asymmetry[0].item() / usual < _INVERTED:
        inverted = (0,)  # other channels may have lost what was below their background
    if not inverted:
        return None
    are = "is" if len(inverted) == 1 else "are"
    found = f"{' and '.join(names[number] for number in inverted)} {are} inverted: bright is dark and dark is bright"
    return Reason("inverted", found, "save the images without inverting them")


def _invert(planes: NDArray[np.generic], channels: Sequence[int]) -> NDArray[np.float32]:
    """`planes` (C, Y, X) with some channels mirrored at their background."""
    inverted = planes.astype(np.float32)
    level = background(CellImage(inverted))
    for number in channels:
        inverted[number] = 2 * level[number] - inverted[number]
    return inverted


def _saturated(cells: UnlikeCells) -> Reason | None:
    for number, (name, how) in enumerate(zip(cells.spec.channels, cells.spec.normalisation, strict=True)):
        share = saturated_share(cells.images, number, dark_end=how.kind == "ratio")
        if share > _SATURATED:
            found = f"{name} is saturated: {share:.0%} of the pixels of a cell have its highest or lowest value"
            return Reason("saturated", found, "use the raw images, or record with a shorter exposure")
    return None


def _contrast(cells: UnlikeCells) -> Reason | None:
    raw = prepare(cells.images, cells.spec.unscaled, cells.pixel_size_um)
    found = zip(cells.spec.channels, cells.spec.normalisation, median_contrast(raw).tolist(), strict=True)
    for number, (name, how, contrast) in enumerate(found):
        low, high = np.percentile(raw[:, number].std(axis=(1, 2)), [10, 90])
        if how.contrast and high > _MIXED * low:
            mixed = f"the contrast of {name} differs more than {_MIXED:.0f}-fold between cells: images of several kinds"
            mixed += " are mixed, or much of what was found is no cell"
            return Reason("mixed", mixed, f"give the images of {name} alone, and --labels where you have them")
        if how.contrast and not 1 / _CONTRAST <= contrast / how.contrast <= _CONTRAST:
            ratio = f"the contrast of {name} is {contrast / how.contrast:.2g} times that of the training cells"
            return Reason("contrast", ratio, f"check which channel is {name}, and use --channels")
    return None


def _several(cells: UnlikeCells) -> Reason | None:
    share = several_cells_share(cells.images)
    if share <= MOST:
        return None
    return Reason("several cells", f"{share:.0%} of the images show several cells", "cut out single cells")


def _mask_size(cells: UnlikeCells) -> Reason | None:
    diameter, size = mask_diameter_px(cells.images), cells.spec.size_px
    if diameter is None:
        return None
    diameter *= float(np.median(cells.pixel_size_um)) / cells.spec.pixel_size_um
    ratio = diameter / (3 * cells.trained.radius[0].item() * size)  # of a disc, the mean radius is 2/3 of the radius
    if _SIZES[0] <= ratio <= _SIZES[1]:
        return None
    found = f"what was found is {ratio:.2g} times as wide as the training cells"
    if diameter > size:
        found = f"the cells are {diameter:.0f} px wide, but the model sees {size} px"
    return Reason("size", found, _advice_on_size(cells))


def _advice_on_size(cells: UnlikeCells, pixel_size_um: float | None = None) -> str:
    value = "" if pixel_size_um is None else f" {pixel_size_um:.2g}"
    if np.isfinite(cells.cells.pixel_size_um).all():
        return f"check the pixel size, and correct it with --pixel-size-um{value} if it is wrong"
    return f"the pixel size is not known, so give it with --pixel-size-um{value}, and check how the cells were found"


def _zoomed(cells: UnlikeCells) -> Reason | None:
    """A wrong pixel size. Shrinking removes noise too, so the image must not be sharper than the training cells."""
    is_grainy = bool((cells.light.focus > cells.trained.focus * _NOISY).any())
    zooms = [zoom for zoom in ZOOMS if zoom > 1 or not is_grainy]
    shares = [cells.share_unlike(zoom=zoom) for zoom in zooms]
    if min(shares) > MOST:
        return None
    near = [zoom for zoom, share in zip(zooms, shares, strict=True) if share <= min(shares) + 0.1]
    zoom = float(np.exp(np.log(near).mean()))
    pixel_size_um = float(np.median(cells.pixel_size_um)) * zoom
    found = f"the cells look {1 / zoom:.2g} times as wide as the training cells: with pixels of about "
    found += f"{pixel_size_um:.2g} um most of them are like the training cells"
    return Reason("size", found, _advice_on_size(cells, pixel_size_um))


def _noisy(cells: UnlikeCells) -> Reason | None:
    ratio = (cells.light.focus / cells.trained.focus).min().item()
    if ratio <= _NOISY:
        return None
    found = f"the images are noisy: neighbouring pixels differ {ratio:.2g} times as much as in the training cells"
    return Reason("noise", found, "record with less noise")


def _blurred(cells: UnlikeCells) -> Reason | None:
    ratio = (cells.light.focus / cells.trained.focus)[0].item()
    if ratio >= _BLURRED:
        return None
    found = f"{cells.spec.channels[0]} is blurred: neighbouring pixels differ {ratio:.2g} times as much as in the "
    return Reason("blurred", f"{found}training cells", "leave out cells out of focus, and check the pixel size")


def _wide(cells: UnlikeCells) -> Reason | None:
    if (cells.light.radius / cells.trained.radius).max() <= _WIDE:
        return None
    found = "the crops are filled to the edge: they show several cells, or larger ones than the training cells"
    return Reason("several cells", found, "cut out single cells, and check the pixel size")
