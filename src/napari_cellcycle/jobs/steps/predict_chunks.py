"""Predict chunk by chunk: finished chunks are kept, and others are given to workers."""

from __future__ import annotations

from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.batches import read_batch
from napari_cellcycle.jobs.config import WorkerSettings
from napari_cellcycle.jobs.steps.kept_chunks import KeptChunks
from napari_cellcycle.predict import PartialPrediction, Predict, PredictionWork, predict_here


def predict_chunks(workers: WorkerSettings, kept: KeptChunks) -> Predict:
    """How `classify_cells` predicts with workers, and keeps what it found.

    Parameters
    ----------
    workers : WorkerSettings
        Where to work.
    kept : KeptChunks
        Where chunks are kept, and found again.

    Returns
    -------
    callable
        For `classify_cells`. The same cells get the same outputs, wherever and in how many parts they are computed.
    """

    def predict(work: PredictionWork, collected: PartialPrediction) -> Job[Progress | Note, None]:
        if len(work.chunks) == 1:
            yield from predict_here(work, collected)
            return
        kept.begin(work)
        left = []
        for chunk in work.chunks:
            found = kept.read(chunk, work.model.card.phase_set)
            if found is None:
                left.append(chunk)
            else:
                collected.put(chunk, found)
                yield from map(Note, found.unreadable.values())
        if left and workers.is_many:
            yield from _by_workers(work, collected, left, workers, kept)
        elif left:
            yield from _here(work, collected, left, kept)

    return predict


def _here(
    work: PredictionWork, collected: PartialPrediction, chunks: list[range], kept: KeptChunks
) -> Job[Progress | Note, None]:
    ends = {chunk.stop: chunk for chunk in chunks}
    for event in predict_here(work, collected, chunks):
        if isinstance(event, Progress) and event.done in ends:
            chunk = ends[event.done]
            kept.write(chunk, collected.part(chunk))
        yield event


def _by_workers(
    work: PredictionWork, collected: PartialPrediction, chunks: list[range], workers: WorkerSettings, kept: KeptChunks
) -> Job[Progress | Note, None]:
    from napari_cellcycle.jobs.steps.workers import run_tasks

    done = len(work.cells) - sum(map(len, chunks))
    for number, found in run_tasks(predict_chunk, work, chunks, workers):
        kept.write(chunks[number], found)
        collected.put(chunks[number], found)
        yield from map(Note, found.unreadable.values())
        done += len(chunks[number])
        yield Progress(done, len(work.cells), "classifying")


def predict_chunk(work: PredictionWork, chunk: range) -> PartialPrediction:
    """What a worker does: predict one chunk, in one thread."""
    has_familiar = work.model.familiarity is not None
    found = PartialPrediction.empty(len(chunk), work.model.card.phase_set, with_unfamiliar=has_familiar)
    for start in range(chunk.start, chunk.stop, work.batch_size):
        batch = read_batch(work.cells, range(start, min(start + work.batch_size, chunk.stop)))
        found.unreadable.update(batch.unreadable)
        predicted = work.predict(batch)
        if predicted is not None:
            found.add(batch.indices - chunk.start, predicted)
    return found
