"""Made cells beside the real ones that their generator learnt from: in figures, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.errors import ChannelError, ModelError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.gan_codec import Encoding, unencoded_spec
from napari_cellcycle.images.model_input import prepare

if TYPE_CHECKING:
    from napari_cellcycle.evaluation.synthetic.quality import SyntheticQuality

PICTURED = 6
JUDGED = 500
"""Made cells of a phase that are measured at most."""


def assess_synthetic(
    cells: Cells, made: Cells, encoding: Encoding, *, judge: str = "default", device: str = "auto", seed: int = 0
) -> Job[Progress | Note, SyntheticQuality | None]:
    """Measure how good made cells are; the last event carries `SyntheticQuality`, or None if no model sees their channels.

    Parameters
    ----------
    cells : Cells
        Distinct real ones that the generator learnt from.
    made : Cells
        What it made.
    encoding : Encoding
        How cells are told to it: pixels are compared as it sees them.
    judge : str
        Model in whose features they are compared.
    device : str
        Where that model runs.
    seed : int
        Of the cells that are compared.
    """
    from napari_cellcycle.evaluation.synthetic.quality import score_synthetic
    from napari_cellcycle.predict import extract_features, model_for_channels
    from napari_cellcycle.store.models import load_model

    places = [np.flatnonzero(made.phases == phase)[:JUDGED] for phase in np.unique(made.phases)]
    shown = made.subset(np.concatenate(places))
    real = cells.subset(np.flatnonzero(np.isin(cells.phases, made.phases)))
    if not len(real):
        yield Note("how good the made cells are was not measured: there are no real ones of their phases")
        return None
    try:
        model, _ = model_for_channels(load_model(judge), shown)
        # together, since a model matches the contrast of what it is shown: a wrong one would go unseen
        features = yield from extract_features(model, join_cells([real, shown]), device=device)
    except (ChannelError, ModelError) as error:
        yield Note(f"how good the made cells are was not measured: {error}")
        return None
    good = np.isfinite(features[: len(real)]).all(axis=1)
    quality: SyntheticQuality = score_synthetic(
        features[: len(real)][good],
        features[len(real) :],
        _encoded(real.subset(np.flatnonzero(good)), encoding),
        _encoded(shown, encoding),
        real.phases[good],
        shown.phases,
        seed=seed,
    )
    return quality


def draw_samples(cells: Cells | None, made: Cells, encoding: Encoding) -> NDArray[np.uint8]:
    """Some real and some made cells of each phase that was made, side by side; RGB, shape (Y, X, 3)."""
    from napari_cellcycle.images.contact_sheet import draw_sheet

    phases: list[int] = np.unique(made.phases).tolist()
    real = {} if cells is None else sample_per_phase(cells, phases, encoding)
    return draw_sheet(real, sample_per_phase(made, phases, encoding), encoding.channels, PICTURED)


def sample_per_phase(cells: Cells, phases: Sequence[int], encoding: Encoding) -> dict[int, NDArray[np.float32]]:
    """Some of `cells` of each of the `phases` that they have, as a generator is told them, to be looked at."""
    places = {phase: np.flatnonzero(cells.phases == phase)[:PICTURED] for phase in phases}
    return {phase: _encoded(cells.subset(few), encoding) for phase, few in places.items() if len(few)}


def _encoded(cells: Cells, encoding: Encoding) -> NDArray[np.float32]:
    """Cells as a generator is told them, (N, C, S, S); unreadable ones are left out."""
    spec = unencoded_spec(encoding.channels, encoding.size_px, encoding.pixel_size_um)
    read = cells.select_channels(encoding.channels).read(range(len(cells)))
    good = np.array([isinstance(cell, CellImage) for cell in read], bool)
    images = prepare([cell for cell in read if isinstance(cell, CellImage)], spec, cells.pixel_size_um[good])
    return encoding.encode(images)
