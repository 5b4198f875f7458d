"""One fold's figures, where a protocol quotes them, and what they would be on real and on unseen cells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.evaluation.metrics import OVERALL, confusion_table, score_table

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_cellcycle.evaluation.metrics import Scores

COLUMNS = {
    "quoted": "As the seed measures",
    "clean": "Clean",
    "reweighted": "Reweighted",
    "real_cells": "Real cells only",
}
"""What stands side by side, and how reports name it; nothing but the clean figures estimates anything."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SeedComparison:
    """What the quoted figures of one fold hide.

    Attributes
    ----------
    number : int
        Of the fold, from 0.
    n_cells, n_synthetic, n_trained_on : int
        Cells tested in it; of these, those that a generator made, and those that the same network had been trained on
        in earlier folds.
    scores : dict of str to Scores
        By the keys of `COLUMNS`; ``clean`` is missing where it was not measured.
    n_clean : int
        Cells behind the clean figures.
    """

    number: int
    n_cells: int
    n_synthetic: int
    n_trained_on: int
    scores: dict[str, Scores]
    n_clean: int

    def to_dict(self) -> dict[str, Any]:
        """What ``metrics.json`` holds more under this protocol."""
        overall = {
            key: {name: asdict(estimate) for name, estimate in scores.overall.items()}
            for key, scores in self.scores.items()
        }
        clean = overall.pop("clean", None)
        counts = {"n_cells": self.n_cells, "n_synthetic": self.n_synthetic, "n_trained_on": self.n_trained_on}
        return {
            "quoted_fold": {"fold": self.number, **counts, **overall},
            "clean": None if clean is None else {**clean, "n_cells": self.n_clean, "report": "clean/metrics.json"},
        }

    def to_lines(self) -> list[str]:
        """The figures side by side, as text; only the clean ones have intervals, as the others estimate nothing."""
        widths = dict(zip(COLUMNS, (22, 26, 12, 0), strict=True))
        lines = ["".join([f"  {'':<22}", *(f"{COLUMNS[column].lower():<{width}}" for column, width in widths.items())])]
        for key, name in OVERALL.items():
            told = [f"{self._told(column, key):<{width}}" for column, width in widths.items()]
            lines.append("".join([f"  {name:<22}", *told]))
        return [*lines, *(f"  {text}" for text in self.facts())]

    def _told(self, column: str, key: str) -> str:
        if column not in self.scores:
            return "not measured"
        found = self.scores[column].overall[key]
        return str(found) if column == "clean" else f"{found.value:.3f}"

    def facts(self) -> list[str]:
        """What is to be known of the columns, a sentence each."""
        of_these = f"{self.n_synthetic} synthetic, {self.n_trained_on} trained on in earlier folds"
        clean = "missing, as it was switched off; quote nothing without it"
        if "clean" in self.scores:
            clean = f"{self.n_clean} real cells, each called by a model that had never seen it; the figures to quote"
        return [
            f"as the seed measures: fold {self.number}, counted from 0, with {self.n_cells} tested cells, of these "
            f"{of_these}",
            f"clean: {clean}",
            "reweighted: the first column at the sizes that the phases have among all real cells",
            "real cells only: the same without synthetic cells",
        ]


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
    """Figures of fold `number` as quoted, reweighted, and of its real cells, beside the clean ones.

    Parameters
    ----------
    prediction, cells : Prediction, Cells
        All cells that were tested, in any fold.
    fold : ndarray of int, shape (N,)
        In which each was.
    number : int
        Of the fold that is quoted.
    sizes : array_like, shape (7,)
        Real cells of each phase.
    n_trained_on : int
        Cells of the fold that its network had been trained on before.
    clean : Scores or None
        Of the same way of training, tested cleanly; None where that was not measured.
    n_clean : int
        Cells behind them.
    seed : int
        Of the intervals.
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
