"""All figures of a population, and their files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.groups import FRAME, sample_names
from napari_cellcycle.errors import SettingError
from napari_cellcycle.evaluation.reporting.theme import LIGHT, Theme
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.population.cell_figures import DnaFigure, EmbeddingFigure
from napari_cellcycle.population.drawing import MOST_PANELS, PopulationFigure, render
from napari_cellcycle.population.embedding import Embedding
from napari_cellcycle.population.fraction_figures import FractionsFigure, OverTimeFigure
from napari_cellcycle.population.gallery_figure import GalleryFigure
from napari_cellcycle.population.summary import Populations, count_by_two
from napari_cellcycle.population.words import DNA, EMBEDDING, FRACTIONS, GALLERY, OVER_TIME

_MOST_BY_FRAME = 96
"""Samples that are counted frame by frame."""


def over_time(populations: Populations) -> Job[Progress, OverTimeFigure | None]:
    """The curve over frames; None if the cells are of no film, or of one frame.

    Parameters
    ----------
    populations : Populations
        By whatever.

    Returns
    -------
    Job of OverTimeFigure or None
    """
    try:
        frames = sample_names(populations.prediction, FRAME)
    except SettingError:
        return None
    if len(np.unique(frames)) < 2 or (len(populations.samples) > _MOST_BY_FRAME and populations.by != FRAME):
        return None
    by_sample = yield from count_by_two(populations, frames)
    rows = {name: np.flatnonzero(populations.names == name) for name in by_sample if name}
    return OverTimeFigure(by_sample, rows or {"": np.arange(len(populations.names))})


def draw_views(
    populations: Populations, embedding: Embedding | None = None, cells: Cells | None = None
) -> Job[Progress, dict[str, PopulationFigure]]:
    """The figures that these cells have.

    Parameters
    ----------
    populations : Populations
        The cells by sample.
    embedding : Embedding, optional
        A map of the cells.
    cells : Cells, optional
        Their images, for the gallery.

    Returns
    -------
    Job of dict of str to PopulationFigure
        By the names of their files.
    """
    found: dict[str, PopulationFigure] = {FRACTIONS: FractionsFigure(populations)}
    if populations.prediction.dna_content is not None:
        found[DNA] = DnaFigure(populations)
    if embedding is not None:
        found[EMBEDDING] = EmbeddingFigure(populations, embedding)
        if 1 < len(populations.samples) <= MOST_PANELS:
            found[f"{EMBEDDING}_by_sample"] = EmbeddingFigure(populations, embedding, side_by_side=True)
    curve = yield from over_time(populations)
    if curve is not None:
        found[OVER_TIME] = curve
    if cells is not None and len(cells):
        found[GALLERY] = GalleryFigure.of(populations, cells)
    return found


def write_views(
    figures: Mapping[str, PopulationFigure], folder: Path, theme: Theme = LIGHT
) -> Job[Progress, list[Path]]:
    """Write each figure as PNG, SVG and CSV.

    Parameters
    ----------
    figures : mapping of str to PopulationFigure
        By the names of their files, without suffix.
    folder : Path
        Is created if it does not exist.
    theme : Theme
        Colours.

    Returns
    -------
    Job of list of Path
        The files.

    Raises
    ------
    WriteError
        The folder can't be written to.
    """
    written = []
    for number, (name, figure) in enumerate(figures.items()):
        yield Progress(number, len(figures), "drawing figures")
        for kind in ("png", "svg", "csv"):
            written.append(folder / f"{name}.{kind}")
            save_view(figure, written[-1], theme)
    return written


def save_view(figure: PopulationFigure, path: Path, theme: Theme = LIGHT) -> None:
    """Write a figure, or the data behind it, as the suffix of the file says.

    Parameters
    ----------
    figure : PopulationFigure
        What is written.
    path : Path
        Ends in .png, .svg or .csv; it is replaced if it exists.
    theme : Theme
        Colours.

    Raises
    ------
    SettingError
        The suffix is another one.
    WriteError
        It can't be written.
    """
    kind = path.suffix.lower()
    if kind == ".csv":
        content = figure.table().to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()
    elif kind == ".png":
        content = render(figure, "png", theme)
    elif kind == ".svg":
        content = render(figure, "svg", theme)
    else:
        raise SettingError(f"{path.name} is no kind of figure; let its name end in .png, .svg or .csv")
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
