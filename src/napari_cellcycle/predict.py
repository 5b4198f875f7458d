"""A model and cells in, phases out, batch by batch: memory does not grow with the images."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import Cells, Prediction, evenly_spaced
from napari_cellcycle.errors import ModelError
from napari_cellcycle.events import Job, Note, Progress, result_of
from napari_cellcycle.images.contrast import ENOUGH_CELLS, match_contrast
from napari_cellcycle.images.model_input import InputSpec, prepare
from napari_cellcycle.models import Model
from napari_cellcycle.models.device import mixed_precision, pick_device
from napari_cellcycle.models.layer_fusion import fuse_for_inference
from napari_cellcycle.models.out_of_distribution import descriptors
from napari_cellcycle.phases import N_PHASES
from napari_cellcycle.store.models import load_model

G1_DNA_CONTENT = 2.0
"""DNA content is told in units of C, so that G1 is 2 and G2 is 4."""
MANY_UNFAMILIAR = 0.1
"""Share of unfamiliar cells from which on the user is told; a few are flagged among cells of the same kind too."""


def classify(cells: Cells, model: Model, *, device: str = "auto", min_probability: float = 0.0) -> Prediction:
    """Call the phase of each cell.

    Parameters
    ----------
    cells : Cells
        With the channels that ``model.card.input`` names.
    model : Model
        From `load_model`. For cells without one of its channels another one stands in, with a warning, where the
        card names one.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    min_probability : float
        From 0 to 1; cells whose best phase is less probable are called unsure.

    Returns
    -------
    Prediction
        Of all cells in their order.

    Raises
    ------
    ChannelError
        The model wants a channel that the cells don't have.
    """
    model, note = model_for_channels(model, cells)
    if note:
        warnings.warn(note, stacklevel=2)
    prediction: Prediction = result_of(classify_cells(model, cells, device=device, min_probability=min_probability))
    return prediction


def model_for_channels(model: Model, cells: Cells) -> tuple[Model, str]:
    """`model`, or the one that stands in for it as `cells` lack a channel; and what to tell the user then, else ''."""
    name = model.card.fallback_for(cells.channels)
    if name is None:
        return model, ""
    other = load_model(name)
    missing = set(model.card.input.channels).difference(cells.channels).pop()
    note = f"the cells have no {missing}, so the model {other.name!r} stands in for {model.name!r}"
    figures = [one.card.figures.get("accuracy") for one in (other, model)]
    if all(figures):
        note += f", which costs accuracy: {figures[0]} instead of {figures[1]} on cells like those it was trained on"
    return other, note


def unfamiliar_warning(prediction: Prediction) -> str:
    """What to tell the user where many cells are unfamiliar to the model, else ''."""
    n_cells = len(prediction)
    n_unfamiliar = 0 if prediction.unfamiliar is None else int(prediction.unfamiliar.sum())
    if n_unfamiliar <= MANY_UNFAMILIAR * n_cells:
        return ""
    are = "is" if n_unfamiliar == 1 else "are"
    return (
        f"{n_unfamiliar:,} of {n_cells:,} cells {are} unlike the cells that the model was trained on; "
        "their phases are not to be relied on"
    )


def classify_cells(
    model: Model, cells: Cells, *, device: str = "auto", batch_size: int = 256, min_probability: float = 0.0
) -> Job[Progress | Note, Prediction]:
    """`classify` as events; the last one carries the `Prediction`."""
    place = pick_device(device)
    wanted = cells.select_channels(model.card.input.channels)
    spec, notes = _matched(wanted, model.card.input)
    yield from (Note(note) for note in notes)
    answers = _Collected.none_yet(len(cells), tells_unfamiliar=model.familiarity is not None)
    ready, done = replace(model, network=fuse_for_inference(model.network, place)), 0
    for batch in _batches_ahead(wanted, spec, batch_size):
        yield from (Note(reason) for reason in batch.unreadable.values())
        answers.add(batch, ready, place)
        done += len(batch.places) + len(batch.unreadable)
        yield Progress(done, len(cells), "classifying")
    prediction = answers.about(cells, min_probability)
    if sentence := unfamiliar_warning(prediction):
        yield Note(sentence)
    return prediction


def extract_features(
    model: Model, cells: Cells, *, device: str = "auto", batch_size: int = 256
) -> Job[Progress | Note, NDArray[np.float32]]:
    """What the network of `model` tells the phases of `cells` from, as events.

    The last event carries it: an ndarray of float32, shape (N, F), in the order of the cells; NaN where a cell could
    not be read.

    Raises
    ------
    ModelError
        The network gives nothing but phases.
    ChannelError
        The model wants a channel that the cells don't have.
    """
    place = pick_device(device)
    wanted = cells.select_channels(model.card.input.channels)
    ready, size = replace(model, network=fuse_for_inference(model.network, place)), model.card.input.size_px
    blank = np.zeros((1, len(wanted.channels), size, size), np.float32)
    n_features = _features(ready, blank, place).shape[1]  # asked before any cell is read
    spec, notes = _matched(wanted, model.card.input)
    yield from (Note(note) for note in notes)
    found, done = np.full((len(cells), n_features), np.nan, np.float32), 0
    for batch in _batches_ahead(wanted, spec, batch_size):
        yield from (Note(reason) for reason in batch.unreadable.values())
        if len(batch.places):
            found[batch.places] = _features(ready, batch.images, place)
        done += len(batch.places) + len(batch.unreadable)
        yield Progress(done, len(cells), "describing")
    return found


@dataclass(frozen=True, eq=False)
class _Collected:
    """What the network said so far."""

    probabilities: NDArray[np.float32]
    dna_content: NDArray[np.float32]
    unfamiliar: NDArray[np.bool_] | None
    unreadable: dict[int, str]

    @classmethod
    def none_yet(cls, n_cells: int, *, tells_unfamiliar: bool) -> _Collected:
        unknown = np.full((n_cells, N_PHASES), np.nan, np.float32)
        unfamiliar = np.zeros(n_cells, bool) if tells_unfamiliar else None
        return cls(unknown, np.full(n_cells, np.nan, np.float32), unfamiliar, {})

    def add(self, batch: _Batch, model: Model, device: torch.device) -> None:
        self.unreadable.update(batch.unreadable)
        if not len(batch.places):
            return
        answers = predict_prepared(model, batch.images, device)
        self.probabilities[batch.places] = answers.probabilities
        if answers.dna_content is not None:
            self.dna_content[batch.places] = answers.dna_content
        if self.unfamiliar is not None and answers.unfamiliar is not None:
            self.unfamiliar[batch.places] = answers.unfamiliar

    def about(self, cells: Cells, min_probability: float) -> Prediction:
        return Prediction(
            sources=cells.sources,
            ids=cells.ids,
            probabilities=self.probabilities,
            dna_content=None if np.isnan(self.dna_content).all() else self.dna_content,
            min_probability=min_probability,
            unreadable=self.unreadable,
            synthetic=cells.synthetic,
            unfamiliar=self.unfamiliar,
        )


@dataclass(frozen=True, eq=False)
class _Batch:
    places: NDArray[np.intp]
    images: NDArray[np.float32]
    unreadable: dict[int, str] = field(default_factory=dict)


def _matched(cells: Cells, spec: InputSpec) -> tuple[InputSpec, tuple[str, ...]]:
    """`spec` for the contrast of these cells, and what to tell the user of that."""
    if not any(how.contrast for how in spec.normalisation):
        return spec, ()
    return match_contrast(spec, _read_batch(cells, spec.unscaled, evenly_spaced(len(cells), ENOUGH_CELLS)).images)


def _batches_ahead(cells: Cells, spec: InputSpec, batch_size: int) -> Iterator[_Batch]:
    """Batches in order; while the network works on one, a thread reads the next."""
    starts = range(0, len(cells), batch_size)
    with ThreadPoolExecutor(1, "reading-cells") as reader:
        coming = None
        for start in starts:
            places = np.arange(start, min(start + batch_size, len(cells)))
            ready, coming = coming, reader.submit(_read_batch, cells, spec, places)
            if ready is not None:
                yield ready.result()
        if coming is not None:
            yield coming.result()


def _read_batch(cells: Cells, spec: InputSpec, places: NDArray[np.intp]) -> _Batch:
    read = cells.read(places.tolist())
    good = np.array([isinstance(cell, CellImage) for cell in read])
    images = prepare([cell for cell in read if isinstance(cell, CellImage)], spec, cells.pixel_size_um[places[good]])
    bad = {int(at): cell.reason for at, cell in zip(places, read, strict=True) if isinstance(cell, Unreadable)}
    return _Batch(places[good], images, bad)


class Answers(NamedTuple):
    """Of a model to N cells; None where it does not tell."""

    probabilities: NDArray[np.float32]
    """(N, 7)"""
    dna_content: NDArray[np.float32] | None
    """(N,), 2 in G1"""
    unfamiliar: NDArray[np.bool_] | None
    """(N,), cells unlike those that it was trained on"""


@torch.inference_mode()
def predict_prepared(model: Model, images: NDArray[np.float32], device: torch.device) -> Answers:
    """Ask the network of `model`, which lies on `device`, about prepared images (N, C, S, S)."""
    planes = torch.from_numpy(images).to(device).contiguous(memory_format=torch.channels_last)
    with mixed_precision(device):
        outputs = model.network(planes)
    rows = (outputs.logits.float() / model.card.temperature).softmax(1).cpu().numpy()
    dna_content, unfamiliar = None, None
    if outputs.log2_dna is not None and model.card.tells_dna:
        dna_content = (G1_DNA_CONTENT * torch.exp2(outputs.log2_dna.float())).cpu().numpy()
    if model.familiarity is not None:
        unfamiliar = model.familiarity.is_unfamiliar(descriptors(planes, outputs.features)).cpu().numpy()
    return Answers(rows, dna_content, unfamiliar)


@torch.inference_mode()
def _features(model: Model, images: NDArray[np.float32], device: torch.device) -> NDArray[np.float32]:
    """What the network of `model`, which lies on `device`, tells the phases of prepared images (N, C, S, S) from."""
    planes = torch.from_numpy(images).to(device).contiguous(memory_format=torch.channels_last)
    with mixed_precision(device):
        features = model.network(planes).features
    if features is None:
        raise ModelError(
            f"the model {model.name!r} tells phases but no features by which cells can be compared; "
            "choose another one, such as default"
        )
    table: NDArray[np.float32] = features.float().cpu().numpy()
    return table
