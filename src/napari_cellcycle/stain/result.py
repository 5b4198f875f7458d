"""Labels of cells from their stain, with all that led to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.cells import Cells
from napari_cellcycle.stain.fucci import FucciGates, find_groups
from napari_cellcycle.stain.gates import Gated, Gates, find_gates
from napari_cellcycle.stain.histogram_fit import HistogramFit, fit_histogram
from napari_cellcycle.stain.measure import Measures
from napari_cellcycle.stain.names import DEAN_JETT_FOX, FUCCI_ROLES, LABELS, LIKELIEST, MIDDLE
from napari_cellcycle.stain.quality import ALL_PHASES, NOTHING, Tells, judge

if TYPE_CHECKING:
    import pandas as pd


HALFWAY = (
    "the gate between S and G2/M lies halfway between the peaks, as was asked: this is a convention, and where peaks "
    "are wide it puts many cells of late S into G2/M"
)


@dataclass(frozen=True, eq=False)
class StainLabels:
    """What a stain says of N cells.

    Attributes
    ----------
    cells : Cells
        The cells.
    channels : tuple of str
        The stain, or those of FUCCI: first that of G1.
    measures : tuple of Measures
        One for each channel.
    gates : Gates or FucciGates
        In plain numbers; ``gates.moved(...)`` and `gate_dna` label again with others.
    gated : Gated
        Label of each cell, whether it is sure, and its distance to the nearest gate.
    fit : HistogramFit or None
        Of a DNA stain.
    tells : {"all phases", "G1 only", "nothing"}
        Which labels the stain can give.
    words : tuple of str
        What to know about the stain.
    """

    cells: Cells
    channels: tuple[str, ...]
    measures: tuple[Measures, ...]
    gates: Gates | FucciGates
    gated: Gated
    fit: HistogramFit | None = None
    tells: Tells = ALL_PHASES
    words: tuple[str, ...] = ()

    @property
    def annotator(self) -> str:
        """Whose labels these are in the table of labels."""
        return f"gate: {' + '.join(self.channels)}"

    @property
    def counts(self) -> dict[str, int]:
        """Cells with each label, sure or not, in the order of `LABELS`; those with none are left out."""
        return {label: n for label in LABELS if (n := int((self.gated.labels == label).sum()))}

    def with_gates(self, gates: Gates | FucciGates) -> StainLabels:
        """The same cells, labelled by other gates, as when these are dragged; then all that they divide is labelled."""
        if isinstance(gates, Gates):
            (one,) = self.measures
            return replace(self, gates=gates, gated=gates.apply(one))
        return replace(self, gates=gates, gated=gates.apply(*(one.dna for one in self.measures)))

    def to_table(self) -> pd.DataFrame:
        """One row a cell: ``source, cell, label, sure``, the measures, and ``gate_distance``."""
        import pandas as pd

        columns: dict[str, Any] = {"source": self.cells.sources, "cell": self.cells.ids}
        columns |= {"label": self.gated.labels, "sure": self.gated.sure}
        if isinstance(self.gates, Gates):
            (one,) = self.measures
            columns |= {"dna_content": self.gates.content(one), "stain": one.dna, "area": one.area, "width": one.width}
            columns |= {"peak": one.peak, "texture": one.texture, "saturated": one.saturated}
        else:
            columns |= {role.replace("-", "_"): one.dna for role, one in zip(FUCCI_ROLES, self.measures, strict=True)}
        return pd.DataFrame({**columns, "gate_distance": self.gated.distance})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``gates.json``."""
        return {
            "channels": list(self.channels),
            "gates": self.gates.to_dict(),
            "fit": None if self.fit is None else self.fit.to_dict(),
            "tells": self.tells,
            "words": list(self.words),
            "labels": self.counts,
            "unsure": int(((self.gated.labels != "") & ~self.gated.sure).sum()),
            "n_cells": len(self.cells),
        }


def gate_dna(
    cells: Cells,
    channel: str,
    measures: Measures,
    *,
    model: str = DEAN_JETT_FOX,
    margin: float = 0.05,
    gates: Gates | None = None,
    s_g2m: str = LIKELIEST,
    force: bool = False,
    seed: int = 0,
) -> StainLabels:
    """Label cells by their DNA stain.

    Parameters
    ----------
    cells : Cells
        The cells.
    channel : str
        Which channel was measured.
    measures : Measures
        Their stain.
    model : str
        Of the histogram, see `fit_histogram`.
    margin : float
        Cells this near to a gate, relative to it, are unsure.
    gates : Gates, optional
        Use these, with `margin`, instead of setting some by the fit. Then all phases that they divide are labelled.
    s_g2m : {"likeliest", "middle"}
        Where the gate between S and G2/M is put, see `find_gates`. Halfway, both are labelled if the stain can tell G1.
    force : bool
        Give all labels even if the stain can't tell them.
    seed : int
        Of the intervals.

    Returns
    -------
    StainLabels
    """
    fit = fit_histogram(measures.dna, model, seed=seed)
    readable = np.isfinite(measures.dna)
    dna = measures.dna[readable]
    outside = (dna < fit.edges[0]) | (dna > fit.edges[-1])
    quality = judge(fit, float(measures.saturated[readable].mean()), float(outside.mean()))
    separates_s = force or (quality.tells == ALL_PHASES if gates is None else gates.separates_s)
    words = quality.words
    if s_g2m == MIDDLE and gates is None and quality.tells != NOTHING:
        separates_s, words = True, (*words, HALFWAY)
    found = gates or find_gates(fit, measures, separates_s=separates_s, s_g2m=s_g2m)
    found = found.moved(separates_s=separates_s, margin=margin)
    gated = found.apply(measures)
    if quality.tells == NOTHING and gates is None and not force:
        none = np.full(len(cells), "")
        gated = Gated(none, np.zeros(len(cells), bool), np.full(len(cells), np.nan))
    return StainLabels(cells, (channel,), (measures,), found, gated, fit, quality.tells, words)


def gate_fucci(
    cells: Cells, channels: Mapping[str, str], measures: Mapping[str, Measures], *, margin: float = 0.05
) -> StainLabels:
    """Label FUCCI cells by two stains.

    Parameters
    ----------
    cells : Cells
        The cells.
    channels : mapping of str to str
        Channel of each of `FUCCI_ROLES`.
    measures : mapping of str to Measures
        The stains, by role.
    margin : float
        Cells this near to a threshold, relative to it, are unsure.

    Returns
    -------
    StainLabels
    """
    groups = {role: find_groups(measures[role].dna) for role in FUCCI_ROLES}
    words = [word for role in FUCCI_ROLES for word in groups[role].words(channels[role])]
    gates = FucciGates(g1=groups["g1"].threshold, s_g2m=groups["s-g2m"].threshold, margin=margin)
    gated = gates.apply(measures["g1"].dna, measures["s-g2m"].dna)
    if (neither := int(((gated.labels != "") & ~gated.sure & (gated.distance >= margin)).sum())) > len(cells) / 10:
        words.append(
            f"{neither:,} cells have neither stain: early G1, or cells that don't carry FUCCI; they are left unsure"
        )
    ordered = tuple(measures[role] for role in FUCCI_ROLES)
    return StainLabels(cells, tuple(channels[role] for role in FUCCI_ROLES), ordered, gates, gated, words=tuple(words))
