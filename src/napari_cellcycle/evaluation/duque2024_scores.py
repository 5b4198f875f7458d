"""Scores as the seed paper (Duque-Vazquez et al.) measures them, next to those of real and of unseen cells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.evaluation.metrics import OVERALL_METRICS, Scores, confusion_table, score_table

COLUMNS = {
    "quoted": "As the seed measures",
    "clean": "Clean",
    "reweighted": "Reweighted",
    "real_cells": "Real cells only",
}
"""Columns of the comparison, and their names in reports; only the clean scores are estimates."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SeedComparison:
    """What the quoted scores of one fold hide.

    Attributes
    ----------
    number : int
        Number of the fold, from 0.
    n_cells, n_synthetic, n_trained_on : int
        Cells tested in it; of these, the synthetic cells, and those that the same network was trained on in earlier
        folds.
    scores : dict of str to Scores
        By the keys of `COLUMNS`; ``clean`` is missing where it was not measured.
    n_clean : int
        Cells behind the clean scores.
    """

    number: int
    n_cells: int
    n_synthetic: int
    n_trained_on: int
    scores: dict[str, Scores]
    n_clean: int

    def to_dict(self) -> dict[str, Any]:
        """Additional content of ``metrics.json`` under this protocol."""
        overall = {key: asdict(scores)["overall"] for key, scores in self.scores.items()}
        clean = overall.pop("clean", None)
        counts = {"n_cells": self.n_cells, "n_synthetic": self.n_synthetic, "n_trained_on": self.n_trained_on}
        return {
            "quoted_fold": {"fold": self.number, **counts, **overall},
            "clean": None if clean is None else {**clean, "n_cells": self.n_clean, "report": "clean/metrics.json"},
        }

    def to_lines(self) -> list[str]:
        """The scores next to each other, as text; only the clean scores have intervals, as only they are estimates."""
        rows = [["", *(title.lower() for title in COLUMNS.values())]]
        rows += [[name, *(self._text(column, key) for column in COLUMNS)] for key, name in OVERALL_METRICS.items()]
        lines = [f"  {a:<22}{b:<22}{c:<26}{d:<12}{e}" for a, b, c, d, e in rows]
        return [*lines, *(f"  {text}" for text in self.facts())]

    def facts(self) -> list[str]:
        """What a reader must know about the columns, one sentence each."""
        clean = "missing, as it was switched off; do not quote the other scores without it"
        if "clean" in self.scores:
            clean = f"{self.n_clean} real cells, each called by a model not trained on it; quote these scores"
        return [
            f"as the seed measures: fold {self.number}, counted from 0, with {self.n_cells} tested cells: "
            f"{self.n_synthetic} synthetic, {self.n_trained_on} trained on in earlier folds",
            f"clean: {clean}",
            "reweighted: the first column, with each phase as frequent as among all real cells",
            "real cells only: the same without synthetic cells",
        ]

    def _text(self, column: str, key: str) -> str:
        if column not in self.scores:
            return "not measured"
        found = self.scores[column].overall[key]
        return str(found) if column == "clean" else f"{found.value:.3f}"


def compare_with_seed(
    prediction: Prediction,
    cells: Cells,
    fold: NDArray[np.int64],
    number: int,
    *,
    sizes: ArrayLike,
    n_trained_on: int,
    clean: Scores | None,
    n_clean: int,
    seed: int,
) -> SeedComparison:
    """Scores of one fold as quoted, reweighted, and of its real cells, next to the clean ones.

    Parameters
    ----------
    prediction, cells : Prediction, Cells
        All N cells that were tested, in any fold.
    fold : ndarray of int, shape (N,)
        Fold in which each cell was tested.
    number : int
        Number of the quoted fold.
    sizes : array_like, shape (7,)
        Real cells of each phase.
    n_trained_on : int
        Cells of the fold that its network was trained on before.
    clean : Scores or None
        The same way of training, tested cleanly; None where that was not measured.
    n_clean : int
        Cells behind the clean scores.
    seed : int
        Seed of the intervals.

    Returns
    -------
    SeedComparison
        The scores by column, and the counts that explain them.

    Raises
    ------
    TooFewCellsError
        The fold has no called cell, or no called real cell.
    """
    here, real = fold == number, (fold == number) & ~cells.synthetic
    tables = [confusion_table(cells.phases[among], prediction.phases[among]) for among in (here, real)]
    scores = {
        "quoted": score_table(tables[0], seed=seed),
        "reweighted": score_table(tables[0], prevalence=sizes, seed=seed),
        "real_cells": score_table(tables[1], prevalence=sizes, seed=seed),
    }
    return SeedComparison(
        number=number,
        n_cells=int(here.sum()),
        n_synthetic=int((here & cells.synthetic).sum()),
        n_trained_on=n_trained_on,
        scores=scores if clean is None else {**scores, "clean": clean},
        n_clean=n_clean,
    )
