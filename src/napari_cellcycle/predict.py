"""A model and cells in, phases out, batch by batch: memory does not grow with the images."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cellcycle.cells import CellImage, Cells, Prediction, Unreadable
from napari_cellcycle.events import Finished, Note, Progress, result_of
from napari_cellcycle.images.prepare import InputSpec, prepare
from napari_cellcycle.models import Model
from napari_cellcycle.models.device import mixed_precision, pick_device
from napari_cellcycle.phases import N_PHASES

G1_DNA_CONTENT = 2.0
"""DNA content is told in units of C, so that G1 is 2 and G2 is 4."""


def classify(cells: Cells, model: Model, *, device: str = "auto", min_probability: float = 0.0) -> Prediction:
    """Call the phase of each cell.

    Parameters
    ----------
    cells : Cells
        With the channels that ``model.card.input`` names.
    model : Model
        From `load_model`.
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
    prediction: Prediction = result_of(classify_cells(model, cells, device=device, min_probability=min_probability))
    return prediction


def classify_cells(
    model: Model, cells: Cells, *, device: str = "auto", batch_size: int = 256, min_probability: float = 0.0
) -> Iterator[Progress | Note | Finished]:
    """`classify` as events; the last one carries the `Prediction`."""
    place = pick_device(device)
    wanted = cells.select_channels(model.card.input.channels)
    answers = _Answers.none_yet(len(cells))
    model.network.to(place, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    done = 0
    try:
        for batch in _batches_ahead(wanted, model.card.input, batch_size):
            yield from (Note(reason) for reason in batch.unreadable.values())
            answers.add(batch, model, place)
            done += len(batch.places) + len(batch.unreadable)
            yield Progress(done, len(cells), "classifying")
    finally:
        model.network.to("cpu")  # a GPU's memory is given back, however the job ends
    yield Finished(answers.about(cells, min_probability))


@dataclass(frozen=True, eq=False)
class _Answers:
    """What the network said so far."""

    probabilities: NDArray[np.float32]
    dna_content: NDArray[np.float32]
    unreadable: dict[int, str]

    @classmethod
    def none_yet(cls, n_cells: int) -> _Answers:
        unknown = np.full((n_cells, N_PHASES), np.nan, np.float32)
        return cls(unknown, np.full(n_cells, np.nan, np.float32), {})

    def add(self, batch: _Batch, model: Model, device: torch.device) -> None:
        self.unreadable.update(batch.unreadable)
        if not len(batch.places):
            return
        self.probabilities[batch.places], dna = predict_prepared(model, batch.images, device)
        if dna is not None:
            self.dna_content[batch.places] = dna

    def about(self, cells: Cells, min_probability: float) -> Prediction:
        return Prediction(
            sources=cells.sources,
            ids=cells.ids,
            probabilities=self.probabilities,
            dna_content=None if np.isnan(self.dna_content).all() else self.dna_content,
            min_probability=min_probability,
            unreadable=self.unreadable,
            synthetic=cells.synthetic,
        )


@dataclass(frozen=True, eq=False)
class _Batch:
    places: NDArray[np.intp]
    images: NDArray[np.float32]
    unreadable: dict[int, str] = field(default_factory=dict)


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


@torch.inference_mode()
def predict_prepared(
    model: Model, images: NDArray[np.float32], device: torch.device
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Probabilities (N, 7) and, where the model has it, DNA content (N,) of prepared images."""
    with mixed_precision(device):
        outputs = model.network(torch.from_numpy(images).to(device).contiguous(memory_format=torch.channels_last))
    rows = (outputs.logits.float() / model.card.temperature).softmax(1).cpu().numpy()
    if outputs.log2_dna is None:
        return rows, None
    return rows, (G1_DNA_CONTENT * torch.exp2(outputs.log2_dna.float())).cpu().numpy()
