"""Train a finder: labelled fields in, ``finder.safetensors`` and ``finder.json`` out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_cellcycle.errors import ModelError, StoppedError, WriteError
from napari_cellcycle.events import Job, Note, Progress, Stop, never
from napari_cellcycle.io.labelled_fields import LabelledField, read_labelled_fields
from napari_cellcycle.io.reserve import reserved
from napari_cellcycle.jobs.config import FinderSettings, ReadSettings
from napari_cellcycle.models.device import pick_device
from napari_cellcycle.models.finder import WIDTHS, FinderNetwork
from napari_cellcycle.models.trained_finder import WORK_DIAMETER_PX, Finder, FinderCard
from napari_cellcycle.store.finders import check_finder_output, load_trained_finder, save_finder
from napari_cellcycle.store.models import CARD as MODEL_CARD
from napari_cellcycle.store.models import remember_run
from napari_cellcycle.training.finder import FinderStep, train_finder
from napari_cellcycle.training.finder_data import FinderData
from napari_cellcycle.versions import installed_versions


def train_finder_files(
    paths: Sequence[str | Path], output: Path, run: FinderSettings, reading: ReadSettings, *, stop: Stop = never
) -> Job[Progress | Note | FinderStep, Finder]:
    """Train on all fields in `paths` that have labels, or the stain ``run.dna``; see `train_finder_fields`."""
    check_finder_output(Path(output))
    with reserved(Path(output)):
        return (yield from _train_files(paths, output, run, reading, stop))


def _train_files(
    paths: Sequence[str | Path], output: Path, run: FinderSettings, reading: ReadSettings, stop: Stop
) -> Job[Progress | Note | FinderStep, Finder]:
    fields = yield from read_labelled_fields(
        paths,
        dna=run.dna,
        channels=reading.channels,
        pixel_size_um=reading.pixel_size_um,
        layout=reading.layout,
        labels=reading.labels,
        plane=reading.plane,
    )
    return (yield from train_finder_fields(fields, output, run, stop=stop))


def train_finder_fields(
    fields: Sequence[LabelledField], output: Path, run: FinderSettings, *, stop: Stop = never
) -> Job[Progress | Note | FinderStep, Finder]:
    """Train a finder on labelled fields, test it on what was held back, and write it to `output`.

    `output` is a new folder, or that of a model, which then finds its cells by itself. When `stop` becomes true, what
    was learned so far is tested and written.

    Raises
    ------
    WriteError
        `output` has a finder already, or is something else.
    TooFewCellsError
        There are fewer than ten objects.
    StoppedError
        `stop` was true before the first step.
    """
    output = Path(output)
    check_finder_output(output)
    start = load_trained_finder(run.start_from) if run.start_from else None
    network = _network(start, run.config.seed)
    card = FinderCard(name=output.name, widths=WIDTHS, diameter_px=WORK_DIAMETER_PX)
    data = FinderData.of(fields, card, run.config.held_out)
    yield from map(Note, data.notes())

    began = time.perf_counter()
    n_steps = yield from train_finder(network, data.training_fields(), run.config, pick_device(run.device), stop)
    if n_steps == 0:
        raise StoppedError("stopped before anything was learned, so nothing was written")
    seconds = time.perf_counter() - began
    card, match = yield from data.tested(network)
    facts = {**data.facts(), **run.to_dict(), **run.config.to_dict(), "steps_done": n_steps, "seconds": round(seconds)}
    finder = Finder(network, _completed(card, facts, run), output)
    save_finder(finder, output)
    counts = f"{match.n_found} found for {match.n_true} labelled, {match.n_matched} of them at IoU 0.5"
    yield Note(f"tested on {data.held_out.words}: {counts}, F1 {match.f1:.2f}")
    if not (output / MODEL_CARD).is_file():
        try:
            remember_run(output)
        except WriteError as error:
            yield Note(f"{output.name} can be loaded by its folder only: {error}")
    return finder


def _network(start: Finder | None, seed: int) -> FinderNetwork:
    import torch

    torch.manual_seed(seed)
    network = FinderNetwork()
    if start is not None:
        if start.card.widths != WIDTHS:
            raise ModelError(f"the finder {start.name!r} has a network of another size; leave start-from out")
        network.load_state_dict(start.network.state_dict())
    return network


def _completed(card: FinderCard, facts: dict[str, object], run: FinderSettings) -> FinderCard:
    """The card, with where the finder comes from."""
    teacher = "nuclei in a DNA stain" if run.dna else "label images"
    return replace(
        card,
        description=f"finds in {card.channel} what was labelled by {teacher}",
        training=facts,
        versions=installed_versions(),
        licence=run.licence,
        data_licence=run.data_licence,
    )
