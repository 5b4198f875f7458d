"""The table of a phase layer: what a model called each cell, and what else is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.gui.layers.source import KEY, phase_set_of
from napari_cellcycle.phase_sets import PhaseSet
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.tracking.film import films_of
from napari_cellcycle.tracking.track_table import NO_TRACK, TrackTable
from napari_cellcycle.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Labels


_TRACKS = ("track", "parent")
"""Columns of a film that was followed."""


def cell_table(cells: Cells) -> pd.DataFrame:
    """One row a cell: what is known before any model has seen it."""
    import pandas as pd

    truth = cells.phase_set.labels(cells.phases)
    columns = {"source": cells.sources, "cell": cells.ids, "truth": truth, "synthetic": cells.synthetic}
    return pd.DataFrame(columns)


def result_table(prediction: Prediction, truth: NDArray[np.int8], synthetic: NDArray[np.bool_]) -> pd.DataFrame:
    """The columns of ``phases.csv``, with the true phase and whether the cell is synthetic."""
    table = prediction.to_table()
    table["truth"] = prediction.phase_set.labels(truth)
    table["synthetic"] = synthetic
    return table


def prediction_of(layer: Labels, labels: LabelTable | None = None) -> Prediction:
    """What the model said, out of a phase layer's table; with `labels`, its own table has theirs as columns too."""
    table, phases = layer.features, phase_set_of(layer)
    dna_content = table["dna_content"].to_numpy(np.float32)
    unfamiliar = table["unfamiliar"] if "unfamiliar" in table and table["unfamiliar"].notna().all() else None
    return Prediction(
        sources=table["source"].to_numpy(str),
        ids=table["cell"].to_numpy(np.int64),
        probabilities=table[[f"p_{name}" for name in phases.names]].to_numpy(np.float32),
        dna_content=None if np.isnan(dna_content).all() else dna_content,
        min_probability=layer.metadata[KEY]["min_probability"],
        synthetic=table["synthetic"].to_numpy(bool),
        unfamiliar=None if unfamiliar is None else unfamiliar.to_numpy(bool),
        verdict=verdict_of(layer),
        phase_set=phases,
        columns=_columns(table, phases) | (labels.texts() if labels is not None and labels.decided.any() else {}),
    )


def _columns(table: pd.DataFrame, phases: PhaseSet) -> dict[str, NDArray[np.str_]]:
    """Further columns, such as the well; those that tell of labels are out of date."""
    known = {"source", "cell", "phase", "probability", "dna_content", "unfamiliar", "synthetic", "truth", "reliable"}
    known |= {f"p_{label}" for label in phases.names} | {"label", "annotator", "drawn", "index", *_TRACKS}
    return {str(name): table[name].to_numpy(str) for name in table if name not in known}


def keep_tracks(layer: Labels, track: NDArray[np.int64], parent: NDArray[np.int64]) -> None:
    """Write the track of each cell and that of its mother, -1 for none, into the table that is saved with the layer."""
    layer.features = layer.features.assign(track=track, parent=parent)


def kept_tracks(layer: Labels) -> TrackTable | None:
    """The tracks that `keep_tracks` wrote; None if there are none."""
    table = layer.features
    if not {"source", "cell", *_TRACKS} <= set(table) or any(table[name].dtype.kind != "i" for name in _TRACKS):
        return None
    sources, labels = table["source"].to_numpy(str), table["cell"].to_numpy(np.int64)
    track, parent = (table[name].to_numpy(np.int64) for name in _TRACKS)
    frame = np.full(len(table), NO_TRACK)
    for film in films_of(sources, labels, np.full((len(table), 4), np.nan)):
        frame[film.rows] = film.frame
    kept = (track != NO_TRACK) & (frame != NO_TRACK)
    has_mother = kept & (parent != NO_TRACK)
    parents = dict(zip(track[has_mother].tolist(), parent[has_mother].tolist(), strict=True))
    return TrackTable(track[kept], frame[kept], parents, cell=labels[kept]) if kept.any() else None


def verdict_of(layer: Labels) -> Verdict | None:
    """Whether the model fits the cells, out of a phase layer's metadata."""
    known = layer.metadata[KEY].get("verdict")
    return None if known is None else Verdict(**known)


def called_phases(layer: Labels) -> NDArray[np.int8]:
    """Phases as the model called them, shape (N,), in the set of the layer; `UNKNOWN` where unreadable."""
    import pandas as pd

    numbers = {name: number for number, name in enumerate(phase_set_of(layer).all_names)}
    codes, texts = pd.factorize(layer.features["phase"])
    return np.array([*(numbers.get(text, UNKNOWN) for text in texts), UNKNOWN], np.int8)[codes]


def truth_of(layer: Labels) -> NDArray[np.int8]:
    """True phases out of a phase layer's table, `UNKNOWN` where it is not known."""
    numbers = {name: number for number, name in enumerate(phase_set_of(layer).names)}
    return np.array([numbers.get(label, UNKNOWN) for label in layer.features["truth"]], np.int8)
