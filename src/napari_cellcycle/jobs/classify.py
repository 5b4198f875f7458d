"""Classify: files in; a table, a summary and a picture out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.events import Finished, Note, Progress, passed_on
from napari_cellcycle.jobs.reading import ReadConfig, open_cells
from napari_cellcycle.settings import Checked, setting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells, Prediction
    from napari_cellcycle.models import ModelCard

DEVICES = ("auto", "cpu", "cuda", "mps")
MONTAGE_CELLS = 2000
_SYNTHETIC = 9
"""Place of the colour of made cells in the palette of the montage."""


@dataclass(frozen=True, kw_only=True)
class ClassifyConfig(Checked):
    """How cells are classified."""

    model: str = setting("default", "name of a model that came with the package, or a folder written by train")
    device: str = setting("auto", "where to compute; auto takes a GPU where there is one", choices=DEVICES)
    min_probability: float = setting(0.0, "call cells unsure whose best phase is less probable than this", 0, 1)
    batch_size: int = setting(256, "cells at a time; less takes less memory", 1, 65_536, more=True)


@dataclass(frozen=True, eq=False)
class Classified:
    """What `classify_files` found and wrote."""

    cells: Cells
    prediction: Prediction
    card: ModelCard
    folder: Path


def classify_files(
    paths: Sequence[str | Path], output: Path, config: ClassifyConfig, reading: ReadConfig
) -> Iterator[Progress | Note | Finished]:
    """Classify all cells in `paths` and write ``phases.csv``, ``summary.json`` and ``montage.png`` to `output`.

    The last event carries a `Classified`. Nothing is written before every cell is classified.
    """
    from napari_cellcycle.io.runs import load_model
    from napari_cellcycle.predict import classify_cells, suited_model

    model = load_model(config.model)
    cells = yield from passed_on(open_cells(paths, reading))
    model, note = suited_model(model, cells)
    if note:
        yield Note(note)
    prediction = yield from passed_on(
        classify_cells(
            model, cells, device=config.device, batch_size=config.batch_size, min_probability=config.min_probability
        )
    )
    settings = {**asdict(config), **asdict(reading), "input": [str(path) for path in paths]}
    write_results(cells, prediction, model.card, Path(output), settings)
    yield Finished(Classified(cells, prediction, model.card, Path(output)))


def write_results(
    cells: Cells, prediction: Prediction, card: ModelCard, folder: Path, settings: dict[str, Any]
) -> None:
    """Write what ``classify`` leaves behind; the button *Save* in napari writes the same."""
    from napari_cellcycle.io.table import write_json, write_picture, write_table

    write_table(prediction, folder / "phases.csv")
    write_json(summarise(prediction, card, settings), folder / "summary.json")
    write_picture(draw_montage(cells, prediction), folder / "montage.png")


def summarise(prediction: Prediction, card: ModelCard, settings: dict[str, Any]) -> dict[str, Any]:
    """The content of ``summary.json``.

    Fractions are told as called, and corrected by how often the model mistakes each phase for each other,
    where its card knows that (adjusted count; Forman 2008, :doi:`10.1007/s10618-008-0097-y`).
    """
    import numpy as np

    from napari_cellcycle.evaluation.fractions import phase_fractions
    from napari_cellcycle.predict import doubt
    from napari_cellcycle.versions import installed_versions

    found = phase_fractions(prediction)
    corrected = None
    if card.confusion is not None and not prediction.min_probability:
        corrected = phase_fractions(prediction, np.array(card.confusion))
    return {
        "n_cells": len(prediction),
        "n_unreadable": len(prediction.unreadable),
        "n_unsure": found.n_unsure,
        "n_unfamiliar": None if prediction.unfamiliar is None else int(prediction.unfamiliar.sum()),
        "phases": found.to_dict(),
        "phases_corrected_by_confusion": None if corrected is None else corrected.to_dict(),
        "notes": [note for note in (*found.notes, doubt(prediction)) if note],
        "model": {"name": card.name, "description": card.description, "training": card.training.get("data_sha256")},
        "settings": settings,
        "versions": installed_versions(),
    }


def draw_montage(cells: Cells, prediction: Prediction, most: int = MONTAGE_CELLS) -> NDArray[np.uint8]:
    """Brightfield cells side by side, each framed in the colour of its phase; RGB, shape (Y, X, 3).

    Cells are sorted by phase; made ones carry the mark that they have in napari. Of more than `most` cells, evenly
    spaced ones are shown.
    """
    import numpy as np

    from napari_cellcycle.events import result_of
    from napari_cellcycle.images.mosaic import build_mosaic

    by_phase = np.argsort(prediction.phases, kind="stable")
    shown = by_phase[np.unique(np.linspace(0, len(by_phase) - 1, min(most, len(by_phase))).astype(int))]
    mosaic = result_of(build_mosaic(cells.select_channels(cells.channels[:1]).subset(shown)))
    low, high = mosaic.contrast_limits[0]
    grey = np.clip((mosaic.pixels[0].astype(np.float32) - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    made = cells.synthetic[shown]
    frames = mosaic.grid.paint((prediction.phases[shown] + 1).astype(np.uint8), mosaic.grid.frame())
    corners = mosaic.grid.paint(made.astype(np.uint8), mosaic.grid.corner())
    numbers = np.where(corners > 0, _SYNTHETIC, frames)
    picture = np.where(numbers[..., None] > 0, _palette()[numbers], grey[..., None])
    return np.concatenate([_draw_legend(picture.shape[1], made=bool(made.any())), picture])


def _draw_legend(width: int, *, made: bool) -> NDArray[np.uint8]:
    """Colours and names of the phases, and of `made` cells, in a row, or in as many as the width asks for; RGB."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from napari_cellcycle.phases import PHASE_LABELS, SYNTHETIC_LABEL, UNSURE_LABEL

    entry_px, line_px = 96, 20
    names = (*PHASE_LABELS, UNSURE_LABEL, SYNTHETIC_LABEL)[: None if made else -1]
    per_line = max(1, width // entry_px)
    legend = Image.new("RGB", (width, line_px * -(-len(names) // per_line)))
    pen, font = ImageDraw.Draw(legend), ImageFont.load_default(13)
    for place, (name, colour) in enumerate(zip(names, _palette()[1 : len(names) + 1].tolist(), strict=True)):
        x, y = entry_px * (place % per_line), line_px * (place // per_line)
        pen.rectangle((x + 4, y + 4, x + 15, y + 15), fill=tuple(colour))
        pen.text((x + 20, y + 1), name, fill="white", font=font)
    return np.asarray(legend)


def _palette() -> NDArray[np.uint8]:
    """RGB of 0 (nothing), the phases in order, unsure, and of the mark of made cells; shape (10, 3)."""
    import numpy as np

    from napari_cellcycle.phases import COLOURS, SYNTHETIC_COLOUR, UNSURE_COLOUR

    codes = ["#000000", *COLOURS.values(), UNSURE_COLOUR, SYNTHETIC_COLOUR]
    return np.array([list(bytes.fromhex(code[1:])) for code in codes], np.uint8)
