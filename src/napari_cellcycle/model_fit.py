"""Does the model fit these cells? If not, why not: the reason is looked for by undoing it, and by plain measures.

A detector of unfamiliar cells says that cells are unlike the training cells, not why. Two kinds of evidence tell: if the
cells become familiar when an inverted channel, exchanged channels or a wrong pixel size is put right, this was it. For what
can't be undone, the images are measured, and compared with the training cells as the detector describes them. So it
works with every model that has a detector. The thresholds were chosen on changed cells of Experiment_1, as
docs/does-it-fit.md says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import Cells, Prediction, evenly_spaced
from napari_cellcycle.images.batches import read_batch
from napari_cellcycle.images.contrast import match_contrast, median_contrast
from napari_cellcycle.images.model_input import InputSpec, background, prepare
from napari_cellcycle.images.sample_measures import (
    is_blank,
    mask_diameter_px,
    saturated_share,
    several_cells_share,
)
from napari_cellcycle.models import Model
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.models.out_of_distribution import Light, MahalanobisDetector, descriptors, measure_light
from napari_cellcycle.phases import PHASE_LABELS, Phase
from napari_cellcycle.verdict import DOES_NOT_FIT, FINE_TUNE, FITS, Verdict

MAX_UNFAMILIAR = 0.1
"""With a larger share of unfamiliar cells the user is warned; a few cells are flagged in any sample."""
MOST = 0.5
"""If a larger share of the cells is unfamiliar, their phases mean nothing."""
N_EXAMINED = 60
"""Cells in which the reason is looked for."""

LEARNING_CURVE = {20: (98, 0.688), 50: (218, 0.734)}
"""Labelled cells of a phase: cells in all, and accuracy after fine-tuning. From the table in docs/training.md, where the
unchanged model has 0.415 and 0.770 before the change of instrument: 20 of a phase win back 3/4 of the loss, 50 win back 9/10."""

ZOOMS = (0.25, 0.33, 0.4, 0.5, 0.6, 0.7, 0.8, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
_SATURATED = 0.05
_CONTRAST = 4.0
_MIXED = 5.0
_INVERTED = -0.7
_SIZES = (0.6, 1.5)
_BLURRED = 0.75
_NOISY = 1.5
_NOISE_ALONE = 0.8
_WIDE = 1.2
_MUCH_MITOSIS = 0.3

Undo = Callable[[NDArray[np.generic]], NDArray[np.generic]]


class Reason(NamedTuple):
    """Why a model does not know the cells: a word, what was found, and what to do."""

    word: str
    found: str
    advice: str


def judge_fit(model: Model, cells: Cells, prediction: Prediction, device: torch.device) -> Verdict | None:
    """Say whether a model fits the cells that it has classified.

    Parameters
    ----------
    model : Model
        That made `prediction`, with its network on `device`.
    cells : Cells
        With the channels of the model.
    prediction : Prediction
        Of all `cells`.
    device : torch.device
        Where to compute.

    Returns
    -------
    Verdict or None
        None if it can't be told: the model has no detector of unfamiliar cells, or no cell could be read.
    """
    readable = np.delete(np.arange(len(prediction)), list(prediction.unreadable))
    if model.familiarity is None or prediction.unfamiliar is None or not len(readable):
        return None
    n_unlike = int(prediction.unfamiliar[readable].sum())
    share = n_unlike / len(readable)
    are = "is" if n_unlike == 1 else "are"
    counted = f"{n_unlike:,} of {len(readable):,} cells {are} unlike the cells that the model was trained on"
    if share <= MAX_UNFAMILIAR:
        text = f"the model {model.name!r} fits: {counted}"
        return Verdict(answer=FITS, share_unlike=share, reliable=True, reason="", text=text)
    if share <= MOST:
        text = f"{counted}; their phases are not to be relied on; {_labelling(20)}"
        n_cells = LEARNING_CURVE[20][0]
        return Verdict(answer=FINE_TUNE, share_unlike=share, reliable=True, reason="other", text=text, n_to_label=n_cells)
    unlike = readable[prediction.unfamiliar[readable]]
    reason = _find_reason(_Sample(model, model.familiarity, cells.subset(unlike), device))
    head = f"the model {model.name!r} does not fit: {counted}, so their phases mean nothing{_implausible(prediction)}"
    if reason is not None:
        text = f"{head}; {reason.found}; {reason.advice}"
        return Verdict(answer=DOES_NOT_FIT, share_unlike=share, reliable=False, reason=reason.word, text=text)
    text = f"{head}; another instrument or another kind of cell is the likely reason; {_labelling(50)}"
    n_cells = LEARNING_CURVE[50][0]
    return Verdict(answer=FINE_TUNE, share_unlike=share, reliable=False, reason="other", text=text, n_to_label=n_cells)


def _labelling(per_phase: int) -> str:
    return (
        f"label about {LEARNING_CURVE[per_phase][0]} cells ({per_phase} of each phase, of rare ones what there is) and "
        "fine-tune the model with train --start-from"
    )


def _implausible(prediction: Prediction) -> str:
    """A part of the sentence, if more mitotic cells were called than a growing culture has."""
    called = np.bincount(prediction.best[prediction.best >= 0], minlength=len(PHASE_LABELS)) / len(prediction)
    phase = Phase.PROPHASE + int(called[Phase.PROPHASE :].argmax())
    return f" (it calls {called[phase]:.0%} of them {PHASE_LABELS[phase]})" if called[phase] > _MUCH_MITOSIS else ""


@dataclass(frozen=True, eq=False)
class _Sample:
    """Unfamiliar cells, and the model that does not know them."""

    model: Model
    familiarity: MahalanobisDetector
    cells: Cells
    device: torch.device

    @property
    def spec(self) -> InputSpec:
        return self.model.card.input

    @cached_property
    def images(self) -> list[CellImage]:
        return self._batch.images

    @cached_property
    def pixel_size_um(self) -> NDArray[np.float32]:
        sizes = self._batch.pixel_size_um[self._batch.is_readable]
        return np.where(np.isnan(sizes), np.float32(self.spec.pixel_size_um), sizes)

    @cached_property
    def _batch(self):  # type: ignore[no-untyped-def]
        return read_batch(self.cells, evenly_spaced(len(self.cells), N_EXAMINED))

    @property
    def has_pixel_size(self) -> bool:
        return bool(np.isfinite(self.cells.pixel_size_um).all())

    def prepared(self, undo: Undo | None = None, zoom: float = 1.0) -> NDArray[np.float32]:
        """The cells as the network sees them, (N, C, S, S), after a change."""
        images = [CellImage(image.pixels if undo is None else undo(image.pixels), image.mask) for image in self.images]
        sizes = self.pixel_size_um * zoom
        spec, _ = match_contrast(self.spec, prepare(images, self.spec.unscaled, sizes))
        return prepare(images, spec, sizes)

    @torch.inference_mode()
    def share_unlike(self, undo: Undo | None = None, zoom: float = 1.0) -> float:
        """Share of the cells that are still unfamiliar after a change."""
        planes = torch.from_numpy(self.prepared(undo, zoom)).to(self.device).contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            features = self.model.network(planes).features
        return float(self.familiarity.is_unfamiliar(descriptors(planes, features)).float().mean())

    @cached_property
    def light(self) -> Light:
        """Medians over the cells, each of shape (C,)."""
        return Light(*(values.median(0).values for values in measure_light(torch.from_numpy(self.prepared()))))

    @cached_property
    def trained(self) -> Light:
        """The same of the mean training cells of the phases: the middle one."""
        light = self.familiarity.training_light(len(self.spec.channels))
        return Light(*(values.median(0).values for values in light))


def _find_reason(sample: _Sample) -> Reason | None:
    """The first reason that holds. Each of them would change what the later ones measure."""
    for look in (
        _blank, _noise_alone, _swapped, _inverted, _saturated, _contrast, _several, _mask_size, _zoomed, _noisy, _blurred, _wide,
    ):
        if (reason := look(sample)) is not None:
            return reason
    return None


def _blank(sample: _Sample) -> Reason | None:
    for number, name in enumerate(sample.spec.channels):
        if is_blank(sample.images, number):
            return Reason("empty", f"{name} is empty", f"choose another channel with --channels, or leave {name} out")
    return None


def _noise_alone(sample: _Sample) -> Reason | None:
    for name, focus in zip(sample.spec.channels, sample.light.focus.tolist(), strict=True):
        if focus > _NOISE_ALONE:
            return Reason(
                "noise", f"{name} shows noise and no cells", f"check the channel {name}, or choose another with --channels"
            )
    return None


def _swapped(sample: _Sample) -> Reason | None:
    channels = sample.spec.channels
    if len(channels) != 2 or sample.share_unlike(lambda planes: planes[::-1]) > MOST:
        return None
    return Reason(
        "swapped",
        f"{channels[0]} and {channels[1]} are exchanged: after a swap most cells are like the training cells",
        f"exchange them with --channels",
    )


def _inverted(sample: _Sample) -> Reason | None:
    channels = sample.spec.channels
    ways = [(number,) for number in range(len(channels))] + ([(0, 1)] if len(channels) == 2 else [])
    shares = [sample.share_unlike(lambda planes, which=which: _invert(planes, which)) for which in ways]
    which = ways[int(np.argmin(shares))] if min(shares) <= MOST else ()
    ratio = (sample.light.asymmetry / sample.trained.asymmetry)[0]  # of brightfield
    if not which and ratio < _INVERTED and abs(sample.trained.asymmetry[0]) > 0.1:
        which = (0,)
    if not which:
        return None
    names = " and ".join(channels[number] for number in which)
    are = "are" if len(which) > 1 else "is"
    return Reason(
        "inverted", f"{names} {are} inverted: what should be bright is dark", "save the images without inverted contrast"
    )


def _invert(planes: NDArray[np.generic], which: Sequence[int]) -> NDArray[np.float32]:
    """`planes` (C, Y, X) with some of them mirrored at their background."""
    inverted = planes.astype(np.float32)
    level = background(CellImage(inverted))
    for number in which:
        inverted[number] = 2 * level[number] - inverted[number]
    return inverted


def _saturated(sample: _Sample) -> Reason | None:
    for number, (name, how) in enumerate(zip(sample.spec.channels, sample.spec.normalisation, strict=True)):
        share = saturated_share(sample.images, number, dark_end=how.kind == "ratio")
        if share > _SATURATED:
            return Reason(
                "saturated",
                f"{name} is saturated: {share:.0%} of the pixels of a cell have the highest or lowest value",
                "use the raw images, or record with a shorter exposure",
            )
    return None


def _contrast(sample: _Sample) -> Reason | None:
    raw = prepare(sample.images, sample.spec.unscaled, sample.pixel_size_um)
    found = zip(sample.spec.channels, sample.spec.normalisation, median_contrast(raw).tolist(), strict=True)
    for number, (name, how, contrast) in enumerate(found):
        if not how.contrast:
            continue
        ratio, spread = contrast / how.contrast, raw[:, number].std(axis=(1, 2))
        low, high = np.percentile(spread, [10, 90])
        if high > _MIXED * low:
            return Reason(
                "mixed",
                f"the contrast of {name} differs {high / max(low, 1e-9):.0f}-fold between cells, so images of several kinds are mixed, or "
                "much of what was found is no cell",
                f"give the {name} images alone, and --labels where you have them",
            )
        if not 1 / _CONTRAST <= ratio <= _CONTRAST:
            return Reason(
                "contrast",
                f"the contrast of {name} is {ratio:.2g} times that of the training cells",
                f"check that this channel is {name}, and choose another with --channels if it is not",
            )
    return None


def _several(sample: _Sample) -> Reason | None:
    share = several_cells_share(sample.images)
    if share <= MOST:
        return None
    return Reason(
        "several cells", f"{share:.0%} of the images show several cells", "crop single cells, or give --labels"
    )


def _mask_size(sample: _Sample) -> Reason | None:
    diameter = mask_diameter_px(sample.images)
    if diameter is None:
        return None
    diameter *= float(np.median(sample.pixel_size_um)) / sample.spec.pixel_size_um
    usual = 3 * sample.trained.radius[0].item() * sample.spec.size_px  # of a disc, the mean radius is 2/3 of the radius
    ratio = diameter / usual
    if _SIZES[0] <= ratio <= _SIZES[1]:
        return None
    if diameter > sample.spec.size_px:
        found = f"the cells are {diameter:.0f} px wide, more than the crop of {sample.spec.size_px} px that the model sees"
    else:
        found = f"what was found is {ratio:.2g} times as wide as the training cells"
    return Reason("size", found, _advice_on_size(sample))


def _advice_on_size(sample: _Sample, pixel_size_um: float | None = None) -> str:
    value = "" if pixel_size_um is None else f" {pixel_size_um:.2g}"
    if sample.has_pixel_size:
        return f"check the pixel size, and correct it with --pixel-size-um{value} if it is wrong"
    return f"the pixel size is not known, so give it with --pixel-size-um{value}, and --labels where cells were not found well"


def _zoomed(sample: _Sample) -> Reason | None:
    """A wrong pixel size. Noise is removed by shrinking too, so the image must not be sharper than the training cells."""
    grainy = bool((sample.light.focus > sample.trained.focus * _NOISY).any())
    zooms = [zoom for zoom in ZOOMS if zoom > 1 or not grainy]
    shares = [sample.share_unlike(zoom=zoom) for zoom in zooms]
    if min(shares) > MOST:
        return None
    zoom = zooms[int(np.argmin(shares))]
    pixel_size = float(np.median(sample.pixel_size_um)) * zoom
    return Reason(
        "size",
        f"the cells look {1 / zoom:.2g} times as wide as the training cells: with pixels of about {pixel_size:.2g} um most of them are "
        "like the training cells",
        _advice_on_size(sample, pixel_size),
    )


def _noisy(sample: _Sample) -> Reason | None:
    ratios = sample.light.focus / sample.trained.focus
    if ratios.min() <= _NOISY:
        return None
    return Reason(
        "noise", f"neighbouring pixels differ {ratios.min():.2g} times as much as in the training cells", "record with less noise"
    )


def _blurred(sample: _Sample) -> Reason | None:
    ratio = (sample.light.focus / sample.trained.focus)[0].item()
    if ratio >= _BLURRED:
        return None
    return Reason(
        "blurred",
        f"{sample.spec.channels[0]} is blurred: neighbouring pixels differ {ratio:.2g} times as much as in the training cells",
        "leave out cells that are out of focus, and check the pixel size",
    )


def _wide(sample: _Sample) -> Reason | None:
    ratio = (sample.light.radius / sample.trained.radius)[0].item()
    if ratio <= _WIDE:
        return None
    return Reason(
        "size", "the crops are filled to the edge: they show several cells, or larger ones than the training cells",
        "crop single cells, and check the pixel size",
    )
