"""Classify cells with a model, batch by batch, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells, Prediction, evenly_spaced
from napari_cellcycle.datasets.copies import copies_note
from napari_cellcycle.errors import ModelError
from napari_cellcycle.events import Job, Note, Progress, run_with_warnings, warn_user
from napari_cellcycle.images.batches import CellBatch, map_batches, prepare_batches, read_batch
from napari_cellcycle.images.contrast_match import ENOUGH_CELLS, match_contrast
from napari_cellcycle.images.model_input import InputSpec
from napari_cellcycle.io.array_cells import is_array
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.model_fit import MAX_UNFAMILIAR, judge_fit
from napari_cellcycle.models import Model
from napari_cellcycle.models.batchnorm_fusion import fuse_for_inference
from napari_cellcycle.models.device import mixed_precision, one_thread_per_batch, pick_device
from napari_cellcycle.models.out_of_distribution import descriptors
from napari_cellcycle.models.sequence import CellTracks, Places, SequenceNetwork, whole_tracks
from napari_cellcycle.phase_sets import SEVEN, PhaseSet, phase_set
from napari_cellcycle.store.finders import choose_finder
from napari_cellcycle.store.models import load_model, load_training_fingerprints
from napari_cellcycle.verdict import FITS

G1_DNA_CONTENT = 2.0
"""DNA content is given in units of C, so that G1 is 2 and G2 is 4."""


def classify(
    cells: Cells | Any,
    model: Model | str | Path = "default",
    *,
    device: str = "auto",
    min_probability: float = 0.0,
    phases: PhaseSet | str | None = None,
    tracks: CellTracks | None = None,
) -> Prediction:
    """Call the phase of each cell. What the user should know of that is shown as `CellCycleWarning`.

    Parameters
    ----------
    cells : Cells, or array or path
        With the channels that ``model.card.input`` names; an array or path is read by `read_cells`.
    model : Model, or str or Path
        From `load_model`, or what that takes. If the cells lack one of its channels and its card names another model
        for this case, that one is used instead, with a warning.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    min_probability : float
        From 0 to 1; cells whose most probable phase is less probable than this are called unsure.
    phases : PhaseSet or str, optional
        A coarser phase set, such as ``"g1-s-g2m"``, to which the probabilities are added up; by default that of the
        model.
    tracks : CellTracks, optional
        Track and frame of each cell, for a model that reads whole tracks; others don't look at it.

    Returns
    -------
    Prediction
        Of all cells, in their order.

    Raises
    ------
    ChannelError
        The model needs a channel that the cells don't have.
    ModelError
        The model can't tell these phases, or reads whole tracks, and none are given.

    Examples
    --------
    >>> import napari_cellcycle as cc
    >>> from napari_cellcycle.io.sample_data import sample_path
    >>> cells = cc.read_cells(sample_path())
    >>> calls = cc.classify(cells[:5], "default", device="cpu")
    >>> len(calls), calls.model, calls.probabilities.shape
    (5, 'default', (5, 7))
    """
    model = model if isinstance(model, Model) else load_model(model)
    if not isinstance(cells, Cells):
        cells = read_cells(cells) if is_array(cells) else read_cells(cells, finder=choose_finder(None, model.folder))
        warn_user(cells.notes)
    model, note = model_for_channels(model, cells)
    if note:
        warn_user([note])
    job = classify_cells(model, cells, device=device, min_probability=min_probability, tracks=tracks)
    found = run_with_warnings(job)
    return found if phases is None else found.in_phases(phase_set(phases))


def model_for_channels(model: Model, cells: Cells) -> tuple[Model, str]:
    """Choose the model for the channels that cells have.

    Parameters
    ----------
    model : Model
        The preferred one.
    cells : Cells
        Their channels count.

    Returns
    -------
    model : Model
        `model`, or the one that its card names for cells without one of its channels.
    note : str
        What the user should know of that; empty if `model` is used.
    """
    name = model.card.fallback_for(cells.channels)
    if name is None:
        return model, ""
    other = load_model(name)
    missing = set(model.card.input.channels).difference(cells.channels).pop()
    note = f"the cells have no {missing}, so the model {other.name!r} is used instead of {model.name!r}"
    figures = [one.card.figures.get("accuracy") for one in (other, model)]
    if all(figures):
        note += f"; its accuracy is {figures[0]} instead of {figures[1]} on cells like those it was trained on"
    return other, note


def unfamiliar_warning(prediction: Prediction) -> str:
    """A warning if the model does not know many of the cells; empty if it knows them.

    It is the verdict, where there is one.
    """
    if prediction.verdict is not None:
        return "" if prediction.verdict.answer == FITS else prediction.verdict.text
    n_cells = len(prediction)
    n_unfamiliar = 0 if prediction.unfamiliar is None else int(prediction.unfamiliar.sum())
    if n_unfamiliar <= MAX_UNFAMILIAR * n_cells:
        return ""
    are = "is" if n_unfamiliar == 1 else "are"
    return (
        f"{n_unfamiliar:,} of {n_cells:,} cells {are} unlike the cells that the model was trained on; "
        "their phases are not to be relied on"
    )


def classify_cells(
    model: Model,
    cells: Cells,
    *,
    device: str = "auto",
    batch_size: int = 256,
    min_probability: float = 0.0,
    predict: Predict | None = None,
    tracks: CellTracks | None = None,
) -> Job[Progress | Note, Prediction]:
    """Call the phase of each cell, as a job; see `classify`.

    Parameters
    ----------
    model : Model
        For the channels of the cells; see `model_for_channels`.
    cells : Cells
        Unreadable ones get a `Note` each, and no phase.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    batch_size : int
        Cells per batch.
    min_probability : float
        From 0 to 1; cells whose most probable phase is less probable than this are called unsure.
    predict : callable, optional
        Fills in what the model says of all cells; by default `predict_here`, all of them in this process.
    tracks : CellTracks, optional
        Where the cells are in tracks, for a model that reads whole tracks; others call each cell by itself.

    Returns
    -------
    Prediction
        Of all cells, in their order.

    Raises
    ------
    ChannelError
        The model needs a channel that the cells don't have.
    ModelError
        The model reads whole tracks, and none are given.
    """
    if isinstance(model.network, SequenceNetwork):
        if tracks is None:
            raise ModelError(
                f"the model {model.name!r} reads whole tracks; give them, as in classify film.tif --tracks auto, or "
                "choose another model"
            )
        predict = partial(_predict_tracks, tracks=tracks)
    torch_device = pick_device(device)
    wanted = cells.select_channels(model.card.input.channels)
    spec, matched = _matched(wanted, model.card.input)
    collected = PartialPrediction.empty(len(cells), model.card.phase_set, with_unfamiliar=model.familiarity is not None)
    work = PredictionWork(model, wanted, spec, device, batch_size)
    if spec.compares_nuclei:
        yield from _predict_nuclei(work, collected)
    else:
        yield from (predict or predict_here)(work, collected)
    trained_on, damage = _training_fingerprints(model)
    yield from (Note(note) for note in damage)
    prediction = replace(collected.prediction(cells, min_probability), model=model.name, trained_on=trained_on)
    prediction = replace(prediction, verdict=judge_fit(work.ready, wanted, prediction, torch_device))
    if warning := unfamiliar_warning(prediction):
        yield Note(warning)
    if copies := copies_note(wanted, prediction.probabilities):
        yield Note(copies)
    if prediction.is_reliable:  # nobody should read that contrast was matched, and believe that all is well then
        yield from (Note(note) for note in matched)
    return prediction


CHUNK_CELLS = 8192
"""About so many cells are kept, or sent to another process, together."""
STEPS_OF_TRACKS = 1024
"""About so many steps of tracks are called together."""


@dataclass(frozen=True, eq=False)
class PredictionWork:
    """What a process needs to say what a model says of some cells.

    Attributes
    ----------
    model : Model
        As it was loaded.
    cells : Cells
        All N cells, with the channels of the model.
    spec : InputSpec
        How they are prepared.
    device : str
        As for `classify`.
    batch_size : int
        Cells per batch. A cell is always in the same batch, so that it always gets the same outputs.
    """

    model: Model
    cells: Cells
    spec: InputSpec
    device: str
    batch_size: int

    @cached_property
    def torch_device(self) -> torch.device:
        """Where this process computes."""
        return pick_device(self.device)

    @cached_property
    def ready(self) -> Model:
        """The model on that device."""
        return replace(self.model, network=fuse_for_inference(self.model.network, self.torch_device))

    @property
    def chunks(self) -> list[range]:
        """All cells in parts of whole batches."""
        step, n_cells = self.batch_size * max(1, CHUNK_CELLS // self.batch_size), len(self.cells)
        return [range(start, min(start + step, n_cells)) for start in range(0, n_cells, step)]

    def predict(self, batch: CellBatch) -> BatchPrediction | None:
        """What the model says of the readable cells of a batch; None if there are none."""
        images = batch.prepare(self.spec)
        return predict_prepared(self.ready, images, self.torch_device) if len(images) else None


Predict = Callable[[PredictionWork, "PartialPrediction"], Job[Progress | Note, None]]
"""Fills in what is predicted of all cells."""


def predict_here(
    work: PredictionWork, collected: PartialPrediction, chunks: Sequence[range] | None = None
) -> Job[Progress | Note, None]:
    """Predict in threads of this process.

    Parameters
    ----------
    work : PredictionWork
        The cells and the model.
    collected : PartialPrediction
        Of all cells; what is found is filled in.
    chunks : sequence of range, optional
        Which cells, some of ``work.chunks``; all by default. When an event comes, all batches before it are filled in.
    """
    positions = np.concatenate([np.arange(chunk.start, chunk.stop) for chunk in chunks or work.chunks])
    _ = work.ready  # before threads ask for it
    with one_thread_per_batch() as threads:
        for batch, found in map_batches(
            work.cells, work.predict, work.batch_size, threads=threads, positions=positions
        ):
            yield from batch.notes
            collected.unreadable.update(batch.unreadable)
            if found is not None:
                collected.add(batch.indices, found)
            yield batch.progress("classifying")


def _predict_nuclei(work: PredictionWork, collected: PartialPrediction) -> Job[Progress | Note, None]:
    """Predict by figures that mean something beside those of all other nuclei of an image only, so never in chunks."""
    from napari_cellcycle.stain.compare_nuclei import compare_nuclei  # slow to import, and few models need it

    nuclei = yield from compare_nuclei(work.cells)
    collected.unreadable.update(nuclei.left_out)
    if len(nuclei.known):
        collected.add(nuclei.known, predict_prepared(work.model, nuclei.prepared, torch.device("cpu")))


def _predict_tracks(
    work: PredictionWork, collected: PartialPrediction, tracks: CellTracks
) -> Job[Progress | Note, None]:
    """Predict all cells by a `SequenceNetwork`, whole tracks together."""
    order, track, step = tracks.in_order()
    for rows in whole_tracks(track, step, STEPS_OF_TRACKS):
        batch = read_batch(work.cells, order[rows])
        yield from batch.notes
        collected.unreadable.update(batch.unreadable)
        if len(batch.indices):
            places = Places.of(track[rows][batch.is_readable], step[rows][batch.is_readable], work.torch_device)
            images = batch.prepare(work.spec)
            collected.add(batch.indices, predict_prepared(work.ready, images, work.torch_device, places))
        yield Progress(rows.stop, len(order), "classifying")


def _training_fingerprints(model: Model) -> tuple[NDArray[np.uint64] | None, tuple[str, ...]]:
    """Of the cells that a model was trained on, None where there is no record; and a note if the record is damaged."""
    if model.folder is None:
        return None, ()
    try:
        return load_training_fingerprints(model.folder), ()
    except ModelError as error:
        return None, (f"it can't be known which cells {model.name!r} was trained on: {error}",)


def extract_features(
    model: Model, cells: Cells, *, device: str = "auto", batch_size: int = 256
) -> Job[Progress | Note, NDArray[np.float32]]:
    """Compute the features from which the network of `model` tells the phases.

    Parameters
    ----------
    model : Model
        Its network must have features.
    cells : Cells
        Unreadable ones get a `Note` each.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    batch_size : int
        Cells per batch.

    Returns
    -------
    ndarray of float32, shape (N, F)
        In the order of the cells; NaN where a cell could not be read.

    Raises
    ------
    ModelError
        The network has no features.
    ChannelError
        The model needs a channel that the cells don't have.
    """
    torch_device = pick_device(device)
    wanted = cells.select_channels(model.card.input.channels)
    ready = replace(model, network=fuse_for_inference(model.network, torch_device))
    blank = np.zeros((1, *model.card.input.shape), np.float32)
    n_features = _features(ready, blank, torch_device).shape[1]  # so that an error comes before any cell is read
    spec, notes = _matched(wanted, model.card.input)
    yield from (Note(note) for note in notes)
    features = np.full((len(cells), n_features), np.nan, np.float32)
    for batch, images in prepare_batches(wanted, spec, batch_size):
        yield from batch.notes
        if len(images):
            features[batch.indices] = _features(ready, images, torch_device)
        yield batch.progress("computing features")
    return features


@dataclass(frozen=True, eq=False)
class PartialPrediction:
    """What is known so far of the cells of a `Prediction`, batch by batch or fold by fold."""

    probabilities: NDArray[np.float32]
    dna_content: NDArray[np.float32]
    unfamiliar: NDArray[np.bool_] | None
    phase_set: PhaseSet = SEVEN
    unreadable: dict[int, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, n_cells: int, phases: PhaseSet, *, with_unfamiliar: bool = False) -> PartialPrediction:
        """Nothing is known yet of `n_cells` cells and their `phases`."""
        unknown = np.full((n_cells, len(phases)), np.nan, np.float32)
        unfamiliar = np.zeros(n_cells, bool) if with_unfamiliar else None
        return cls(unknown, np.full(n_cells, np.nan, np.float32), unfamiliar, phases)

    def add(self, indices: NDArray[np.intp], found: BatchPrediction) -> None:
        """Fill in the cells at `indices`, shape (B,)."""
        self.probabilities[indices] = found.probabilities
        if found.dna_content is not None:
            self.dna_content[indices] = found.dna_content
        if self.unfamiliar is not None and found.unfamiliar is not None:
            self.unfamiliar[indices] = found.unfamiliar

    def part(self, rows: range) -> PartialPrediction:
        """What is known of some cells that lie together; unreadable ones keep their index among all cells."""
        chosen = slice(rows.start, rows.stop)
        return PartialPrediction(
            self.probabilities[chosen],
            self.dna_content[chosen],
            None if self.unfamiliar is None else self.unfamiliar[chosen],
            self.phase_set,
            {index: reason for index, reason in self.unreadable.items() if index in rows},
        )

    def put(self, rows: range, part: PartialPrediction) -> None:
        """Fill in what `part` gave."""
        chosen = slice(rows.start, rows.stop)
        self.probabilities[chosen], self.dna_content[chosen] = part.probabilities, part.dna_content
        if self.unfamiliar is not None and part.unfamiliar is not None:
            self.unfamiliar[chosen] = part.unfamiliar
        self.unreadable.update(part.unreadable)

    def prediction(self, cells: Cells, min_probability: float) -> Prediction:
        """All that is known of `cells`."""
        return Prediction(
            sources=cells.sources,
            ids=cells.ids,
            probabilities=self.probabilities,
            dna_content=None if np.isnan(self.dna_content).all() else self.dna_content,
            min_probability=min_probability,
            unreadable=dict(sorted(self.unreadable.items())),
            synthetic=cells.synthetic,
            unfamiliar=self.unfamiliar,
            columns=cells.columns,
            phase_set=self.phase_set,
        )


def matched_input(model: Model, cells: Cells) -> InputSpec:
    """Find out how cells are prepared for a model: as its card says, but with the contrast matched to theirs.

    Parameters
    ----------
    model : Model
        Its card counts.
    cells : Cells
        All cells of the sample; up to 1,000 are read where the contrast counts.

    Returns
    -------
    InputSpec

    Raises
    ------
    ChannelError
        The model needs a channel that the cells don't have.
    """
    return _matched(cells.select_channels(model.card.input.channels), model.card.input)[0]


def _matched(cells: Cells, spec: InputSpec) -> tuple[InputSpec, tuple[str, ...]]:
    """`spec` adapted to the contrast of these cells, and what the user should know of that."""
    if not any(how.contrast for how in spec.normalisation):
        return spec, ()
    return match_contrast(spec, read_batch(cells, evenly_spaced(len(cells), ENOUGH_CELLS)).prepare(spec.unscaled))


class BatchPrediction(NamedTuple):
    """What a model says of B cells; None where it can't tell."""

    probabilities: NDArray[np.float32]
    """(B, P)"""
    dna_content: NDArray[np.float32] | None
    """(B,), 2 in G1"""
    unfamiliar: NDArray[np.bool_] | None
    """(B,), cells unlike those that it was trained on"""


@torch.inference_mode()
def predict_prepared(
    model: Model, images: NDArray[np.float32], device: torch.device, places: Places | None = None
) -> BatchPrediction:
    """Classify prepared images.

    Parameters
    ----------
    model : Model
        With its network on `device`.
    images : ndarray of float32, shape (B, C, S, S)
        Prepared as the model's card says.
    device : torch.device
        Where to compute.
    places : Places, optional
        Where the cells are in tracks, for a `SequenceNetwork`.

    Returns
    -------
    BatchPrediction
    """
    planes = torch.from_numpy(images).to(device).contiguous(memory_format=torch.channels_last)
    with mixed_precision(device):
        outputs = model.network(planes) if places is None else model.network(planes, places)
    logits = outputs.logits.float() / model.card.temperature
    if untrained := list(model.card.untrained_phases):
        logits[:, untrained] = -torch.inf
    probabilities = logits.softmax(1).cpu().numpy()
    dna_content, unfamiliar = None, None
    if outputs.log2_dna is not None and model.card.tells_dna:
        dna_content = (G1_DNA_CONTENT * torch.exp2(outputs.log2_dna.float())).cpu().numpy()
    if model.familiarity is not None:
        unfamiliar = model.familiarity.is_unfamiliar(descriptors(planes, outputs.features)).cpu().numpy()
    return BatchPrediction(probabilities, dna_content, unfamiliar)


@torch.inference_mode()
def _features(model: Model, images: NDArray[np.float32], device: torch.device) -> NDArray[np.float32]:
    """Features (B, F) of prepared images (B, C, S, S), by the network of `model`, which is on `device`."""
    planes = torch.from_numpy(images).to(device).contiguous(memory_format=torch.channels_last)
    with mixed_precision(device):
        features = model.network(planes).features
    if features is None:
        raise ModelError(
            f"the model {model.name!r} has no features by which cells can be compared; "
            "choose another one, such as default"
        )
    table: NDArray[np.float32] = features.float().cpu().numpy()
    return table
