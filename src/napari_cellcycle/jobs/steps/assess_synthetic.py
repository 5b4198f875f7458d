"""Compare synthetic cells with the real ones that their generator was trained on: in figures, and as an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.errors import ChannelError, ModelError
from napari_cellcycle.evaluation.synthetic.quality import SyntheticQuality, score_synthetic
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.gan_codec import Encoding
from napari_cellcycle.images.real_vs_synthetic import draw_sheet
from napari_cellcycle.predict import extract_features, model_for_channels
from napari_cellcycle.store.models import load_model

SAMPLES_PER_PHASE = 6
MAX_SCORED = 500
"""Synthetic cells of each phase that are scored at most."""


def assess_synthetic(
    cells: Cells, synthetic: Cells, encoding: Encoding, *, judge: str = "default", device: str = "auto", seed: int = 0
) -> Job[Progress | Note, SyntheticQuality | None]:
    """Compare synthetic cells with real ones; None, with a `Note`, if they can't be compared.

    `cells` are the real training cells without duplicates. Both are compared in the features of the model `judge`, and
    in their pixels as the generator sees them by `encoding`.
    """
    chosen = [np.flatnonzero(synthetic.phases == phase)[:MAX_SCORED] for phase in np.unique(synthetic.phases)]
    scored = synthetic.subset(np.concatenate(chosen))
    real = cells.subset(np.flatnonzero(np.isin(cells.phases, synthetic.phases)))
    if not len(real):
        yield Note("the quality of the synthetic cells was not measured: there are no real cells of their phases")
        return None
    try:
        model, _ = model_for_channels(load_model(judge), scored)
        # together, because a model adapts to the contrast of its cells: alone, a wrong contrast would stay hidden
        features = yield from extract_features(model, join_cells([real, scored]), device=device)
    except (ChannelError, ModelError) as error:
        yield Note(f"the quality of the synthetic cells was not measured: {error}")
        return None
    readable = np.isfinite(features[: len(real)]).all(axis=1)
    return score_synthetic(
        features[: len(real)][readable],
        features[len(real) :],
        encoding.encode_cells(real.subset(np.flatnonzero(readable))),
        encoding.encode_cells(scored),
        real.phases[readable],
        scored.phases,
        seed=seed,
    )


def draw_samples(cells: Cells | None, synthetic: Cells, encoding: Encoding) -> NDArray[np.uint8]:
    """Some real cells next to some synthetic ones, phase by phase; RGB, shape (Y, X, 3)."""
    phases: list[int] = np.unique(synthetic.phases).tolist()
    real = {} if cells is None else sample_per_phase(cells, phases, encoding)
    return draw_sheet(real, sample_per_phase(synthetic, phases, encoding), encoding.channels, SAMPLES_PER_PHASE)


def sample_per_phase(cells: Cells, phases: Sequence[int], encoding: Encoding) -> dict[int, NDArray[np.float32]]:
    """Some encoded cells of each of the `phases` that `cells` have, to look at."""
    chosen = {phase: np.flatnonzero(cells.phases == phase)[:SAMPLES_PER_PHASE] for phase in phases}
    return {phase: encoding.encode_cells(cells.subset(few)) for phase, few in chosen.items() if len(few)}
