"""Phases for cytometry software: FCS files for FlowJo and others, and lists of object numbers for IDEAS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import WriteError
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.reserve import check_free
from napari_cellcycle.io.writers.packages import require_package
from napari_cellcycle.phases import UNKNOWN

OBJECT_NUMBER = "Object Number"


def write_fcs(prediction: Prediction, folder: Path) -> list[Path]:
    """Write an FCS 3.1 file for each source of the cells.

    The parameters are the object number, the phase (0 where there is no call, 1 to 7 the phases in order, 8 unsure),
    its probability, the probability of each phase, and the DNA content where the model estimates it. What is not known
    is 0, as FCS readers expect numbers.

    Parameters
    ----------
    prediction : Prediction
        The calls.
    folder : Path
        Where the files are written, ``<source>.fcs`` each.

    Returns
    -------
    list of Path
        The files, in the order of the sources.

    Raises
    ------
    WriteError
        The package FlowIO is not installed, or a file can't be written.
    """
    require_package("fcs")
    from flowio import create_fcs

    names = prediction.phase_set.names
    columns = {
        OBJECT_NUMBER: prediction.ids,
        "phase": prediction.phases.astype(float) + 1,
        "probability": prediction.confidence,
        **{f"p_{label}": prediction.probabilities[:, number] for number, label in enumerate(names)},
    }
    if prediction.dna_content is not None:
        columns["dna_content"] = prediction.dna_content
    events = np.nan_to_num(np.stack([np.asarray(column, np.float64) for column in columns.values()], axis=1))
    written = []
    with ExitStack() as writing:  # none of them gets its name before all are written
        for stem, rows in _by_source(prediction):
            written.append(folder / f"{stem}.fcs")
            with writing.enter_context(atomic_path(written[-1])).open("wb") as file:
                create_fcs(file, events[rows].ravel().tolist(), list(columns))
    return written


def write_object_lists(prediction: Prediction, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the object numbers of each phase of each source, one a line, as IDEAS reads a population from a text file.

    Parameters
    ----------
    prediction : Prediction
        The calls; cells without a call are in no list, unsure ones in a list of their own.
    folder : Path
        Where the files are written, ``<source>_<phase>.txt`` each.
    overwrite : bool
        Whether lists that are there, which may be exports of IDEAS, are replaced.

    Returns
    -------
    list of Path
        The files; a phase without cells has none.

    Raises
    ------
    WriteError
        A file can't be written, or is there already.
    """
    lists = {}
    for stem, rows in _by_source(prediction):
        for phase in np.unique(prediction.phases[rows]):
            if phase != UNKNOWN:
                numbers = prediction.ids[rows][prediction.phases[rows] == phase]
                name = prediction.phase_set.label(int(phase)).replace("/", "")  # G2M: a slash would be a folder
                lists[f"{stem}_{name}.txt"] = numbers
    if lists:
        check_free(folder, list(lists), overwrite=overwrite)
    new = [folder / name for name in lists if not (folder / name).exists()]
    try:
        with ExitStack() as writing:  # none of them gets its name before all are written
            for name, numbers in lists.items():
                temporary = writing.enter_context(atomic_path(folder / name))
                temporary.write_text("\r\n".join([OBJECT_NUMBER, *map(str, numbers.tolist()), ""]), newline="")
    except WriteError:
        for path in new:  # some of the lists would pass for all of them
            path.unlink(missing_ok=True)
        raise
    return [folder / name for name in lists]


def _by_source(prediction: Prediction) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """A file name for each source, that no other source has, and the rows of its cells."""
    sources = np.unique(prediction.sources)
    stems = [PurePosixPath(source).stem for source in sources]
    for source, stem in zip(sources, stems, strict=True):
        own = stem if stems.count(stem) == 1 else PurePosixPath(source).with_suffix("").as_posix().replace("/", "_")
        yield own, np.flatnonzero(prediction.sources == source)
