"""The coloured gallery with its legend as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells
from napari_cellcycle.evaluation.reporting.theme import Theme
from napari_cellcycle.images.classified_montage import draw_framed, shown_in_montage
from napari_cellcycle.images.tile_grid import Grid
from napari_cellcycle.phases import SYNTHETIC_COLOUR
from napari_cellcycle.population.drawing import Picked, add_legend
from napari_cellcycle.population.summary import Populations

if TYPE_CHECKING:
    import pandas as pd

MOST_CELLS = 300
_WIDTH_IN = 7.0


@dataclass(frozen=True, eq=False)
class GalleryFigure:
    """Cells side by side in order of phase, each framed in the colour of its phase.

    Attributes
    ----------
    populations : Populations
        All cells.
    pixels : ndarray of uint8, shape (Y, X, 3)
        Their picture.
    grid : Grid
        Where each of the drawn cells is.
    shown : ndarray of int
        Rows of the drawn cells.
    """

    populations: Populations
    pixels: NDArray[np.uint8]
    grid: Grid
    shown: NDArray[np.intp]

    @classmethod
    def of(cls, populations: Populations, cells: Cells, most: int = MOST_CELLS) -> GalleryFigure:
        """Read the images of at most `most` cells, evenly spaced in order of phase."""
        shown = shown_in_montage(populations.prediction, most)
        return cls(populations, *draw_framed(cells, populations.prediction, shown), shown)

    @property
    def title(self) -> str:
        """What it shows."""
        return "Cells in the colours of their phases"

    @property
    def size(self) -> tuple[float, float]:
        """As the gallery is."""
        height, width = self.grid.shape
        return (_WIDTH_IN, _WIDTH_IN * height / width + 0.5)

    def draw(self, figure: Figure, theme: Theme) -> Mapping[str, Axes]:
        """Draw it into an empty figure."""
        axes = figure.add_subplot()
        axes.imshow(self.pixels, interpolation="nearest")
        axes.set_axis_off()
        synthetic = self.populations.prediction.synthetic
        if synthetic is not None and synthetic[self.shown].any():
            axes.set_title("corner: synthetic cell", color=SYNTHETIC_COLOUR, fontsize="small", loc="left", pad=2)
        unsure = bool(self.populations.prediction.is_unsure[self.shown].any())
        add_legend(figure, self.populations, theme, unsure=unsure)
        return {"": axes}

    def table(self) -> pd.DataFrame:
        """One row for each cell that is drawn, with its place: row and column, counted from 1 at the upper left."""
        import pandas as pd

        rows, columns = np.divmod(np.arange(len(self.shown)), self.grid.columns)
        prediction = self.populations.prediction
        return pd.DataFrame(
            {
                "row": rows + 1,
                "column": columns + 1,
                "source": prediction.sources[self.shown],
                "cell": prediction.ids[self.shown],
                self.populations.by: self.populations.names[self.shown],
                "phase": prediction.phase_set.labels(self.populations.phases[self.shown]),
            }
        )

    def pick(self, panel: str, x: float, y: float) -> Picked | None:
        """The cell that is there."""
        number = self.grid.cell_at(y, x)
        if number is None:
            return None
        row = self.shown[number : number + 1]
        prediction = self.populations.prediction
        return Picked(row, f"cell {prediction.ids[row[0]]} of {prediction.sources[row[0]]}")
