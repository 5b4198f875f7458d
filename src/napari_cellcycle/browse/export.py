"""Labels for other programs: as a table, and as lists of object numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.cells import Prediction
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.csv_cells import write_csv
from napari_cellcycle.io.writers.cytometry import write_object_lists
from napari_cellcycle.phases import UNKNOWN

_SURE = 0.5  # below it, a cell counts as unsure


def write_labels(labels: LabelTable, path: Path) -> Path:
    """Write the labels as a CSV table, one row for each cell that has one.

    Parameters
    ----------
    labels : LabelTable
        Of any cells.
    path : Path
        The file.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    WriteError
        The file can't be written.
    """
    with atomic_path(path) as temporary:
        write_csv(labels.to_table(), temporary)
    return path


def write_label_lists(labels: LabelTable, folder: Path) -> list[Path]:
    """Write the object numbers of each label of each source, as IDEAS reads a population from a text file.

    Parameters
    ----------
    labels : LabelTable
        Of any cells; those without a label, or with one that is no phase, are in no list.
    folder : Path
        Where the files are written, ``<source>_<phase>.txt`` each, and ``<source>_unsure.txt``.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    WriteError
        A file can't be written, or is there already: then nothing is written.
    """
    phases, own = labels.phase_set, labels.own_phases_of(np.arange(len(labels)))
    certain = np.full((len(labels), len(phases)), np.nan, np.float32)
    certain[own != UNKNOWN] = np.eye(len(phases), dtype=np.float32)[own[own != UNKNOWN]]
    certain[labels.unsure] = 1 / len(phases)
    calls = Prediction(labels.sources, labels.ids, certain, min_probability=_SURE, phase_set=phases)
    return write_object_lists(calls, folder)
