"""What *Populations* runs in a thread: from the table of a phase layer to numbers and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.datasets.groups import groupings
from napari_cellcycle.errors import ReadError
from napari_cellcycle.events import Job, Note, Progress, map_events
from napari_cellcycle.gui.layers.field import FieldOnScreen, cut_field
from napari_cellcycle.gui.layers.gallery import reread_cells
from napari_cellcycle.gui.layers.phase_table import prediction_of
from napari_cellcycle.gui.layers.source import KEY, GallerySource, Source
from napari_cellcycle.io.reserve import check_free
from napari_cellcycle.jobs.config import PopulationsSettings

if TYPE_CHECKING:
    import pandas as pd

    from napari_cellcycle.evaluation.reporting.theme import Theme
    from napari_cellcycle.population.drawing import Picture, PopulationFigure
    from napari_cellcycle.population.embedding import Embedding
    from napari_cellcycle.population.summary import Populations

_KNOWN = {"source", "cell", "phase", "probability", "dna_content", "unfamiliar", "synthetic", "reliable", "truth"}


@dataclass(frozen=True, eq=False)
class CallsOnScreen:
    """What a phase layer holds, taken in the GUI thread.

    Attributes
    ----------
    source : Source
        Where its cells come from.
    features : DataFrame
        Its table.
    metadata : mapping
        Its own.
    field : FieldOnScreen or None
        The layers of a full-field image, from which its cells can be cut again.
    """

    source: Source
    features: pd.DataFrame
    metadata: Mapping[str, Any]
    field: FieldOnScreen | None = None

    @property
    def model(self) -> str:
        """Who called the phases."""
        return str(self.metadata[KEY]["model"])

    @property
    def force(self) -> bool:
        """Whether shares are shown even where they mean nothing."""
        return bool(self.metadata[KEY].get("force", False))

    def prediction(self) -> Prediction:
        """The calls, with the further columns of the table."""
        called = prediction_of(self)
        known = {*_KNOWN, *(f"p_{name}" for name in called.phase_set.names)}
        texts = {name: self.features[name].astype(str).to_numpy(str) for name in self.features if name not in known}
        return replace(called, columns=texts, model=self.model)

    def cells(self) -> Job[Any, Cells]:
        """Their images."""
        if isinstance(self.source, GallerySource):
            return (yield from reread_cells(self.source))
        if self.field is None:
            raise ReadError(f"the layers of {self.source.title} are gone or renamed; classify them again")
        return cut_field(self.field)


@dataclass(frozen=True, eq=False)
class Counted:
    """Numbers that are ready for the dock.

    Attributes
    ----------
    calls : CallsOnScreen
        What they are about.
    ways : tuple of str
        What these cells can be grouped by.
    populations : Populations
        The numbers.
    figures : dict of str to PopulationFigure
        By the names of their files; those that need no image.
    notes : tuple of str
        What a user should know of the numbers.
    """

    calls: CallsOnScreen
    ways: tuple[str, ...]
    populations: Populations
    figures: dict[str, PopulationFigure]
    notes: tuple[str, ...]

    @property
    def has_labels(self) -> bool:
        """Whether fractions of labels can be had too."""
        texts = self.populations.prediction.columns.get("label")
        return texts is not None and bool((texts != "").any())


def count_calls(calls: CallsOnScreen, config: PopulationsSettings) -> Job[Progress | Note, Counted]:
    """Count the phases of each sample; what can't be grouped as `config` says is grouped by the most telling way."""
    yield Note("")
    from napari_cellcycle.io.calls_table import SavedCalls
    from napari_cellcycle.jobs.populations import confusion_of, count_samples, with_table
    from napari_cellcycle.population.views import draw_views

    prediction = calls.prediction()
    notes: list[str] = []
    joined: tuple[str, ...] = ()
    if config.table is not None:
        prediction, joined, notes = with_table(prediction, config.table)
    ways = tuple(dict.fromkeys([*joined, *groupings(prediction)]))
    config = replace(config, by=config.by if config.by in ways else ways[0], table=None, force=calls.force)
    confusion, unknown = confusion_of(SavedCalls(prediction, (calls.model,)))
    populations = yield from map_events(
        count_samples(prediction, config, confusion), lambda event: [event] if isinstance(event, Progress) else []
    )
    figures = yield from draw_views(populations)
    found = tuple(note for note in (*notes, *populations.notes, unknown.split(";")[0]) if note)
    return Counted(calls, ways, populations, figures, found)


def map_cells(calls: CallsOnScreen, config: PopulationsSettings) -> Job[Progress | Note, Embedding]:
    """Compute the features of all cells, and lay the cells out by them."""
    yield Note("Loading the model ...")
    from napari_cellcycle.population.embedding import embed
    from napari_cellcycle.predict import extract_features, model_for_channels
    from napari_cellcycle.store.models import load_model

    cells = yield from calls.cells()
    model, _ = model_for_channels(load_model(calls.model), cells)
    if len(cells) != (before := len(calls.features)):
        raise ReadError(f"{calls.source.title} has {len(cells):,} cells now, and had {before:,}; classify again")
    yield Note("")
    features = yield from extract_features(model, cells, batch_size=config.batch_size)
    return (yield from embed(features, config.embedding, seed=config.seed))


def draw_figure(
    figure: PopulationFigure, theme: Theme, size_px: tuple[int, int], zoom: float
) -> Job[Note, tuple[Picture, int]]:
    """A picture for the screen, and its height in pixels of Qt."""
    yield Note("")
    from napari_cellcycle.population.drawing import draw_picture

    return draw_picture(figure, theme, size_px, zoom), size_px[1]


def save_figure(figure: PopulationFigure, path: Path) -> Job[Note, Path]:
    """Write one figure as PNG or SVG, or its data as CSV, and return the path."""
    yield Note("Saving ...")
    from napari_cellcycle.population.views import save_view

    save_view(figure, path)
    return path


def save_all(counted: Counted, embedding: Embedding | None, folder: Path) -> Job[Progress | Note, Path]:
    """Write every figure as PNG, SVG and CSV, with the coloured gallery, and return the folder.

    Raises
    ------
    WriteError
        The folder holds what an earlier run wrote, or can't be written.
    """
    yield Note("Saving ...")
    check_free(folder, ["populations.csv"], overwrite=False)
    from napari_cellcycle.population.views import draw_views, write_views

    cells = yield from counted.calls.cells()
    figures = yield from draw_views(counted.populations, embedding, cells)
    yield from write_views(figures, folder)
    return folder


def embedding_figure(populations: Populations, embedding: Embedding, only: str | None) -> PopulationFigure:
    """The figure of a map; nothing is drawn yet."""
    from napari_cellcycle.population.cell_figures import EmbeddingFigure

    return EmbeddingFigure(populations, embedding, only)


def only_sample(figure: PopulationFigure, name: str | None) -> PopulationFigure:
    """The same figure with one of its samples."""
    from napari_cellcycle.population.cell_figures import DnaFigure
    from napari_cellcycle.population.fraction_figures import OverTimeFigure

    if isinstance(figure, DnaFigure):
        return replace(figure, only=name)
    if isinstance(figure, OverTimeFigure) and name is not None and name in figure.by_sample:
        return replace(figure, by_sample={name: figure.by_sample[name]})
    return figure
