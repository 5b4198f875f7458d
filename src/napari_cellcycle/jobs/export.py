"""A model for other programs: as an ONNX file, or as a package of the BioImage Model Zoo."""

from __future__ import annotations

from pathlib import Path

from napari_cellcycle.errors import ModelError, SettingError, WriteError
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.models.sequence import SequenceNetwork
from napari_cellcycle.store.models import load_model, load_training_fingerprints

SUFFIXES = {"onnx": ".onnx", "bioimageio": ".zip"}


def export_model(name: str | Path, path: Path, to: str, *, overwrite: bool = False) -> Job[Progress, Path]:
    """Write a model in a format of other programs.

    Parameters
    ----------
    name : str or Path
        As `store.models.load_model` takes it.
    path : Path
        File to write, ``.onnx`` or ``.zip``.
    to : {"onnx", "bioimageio"}
        The format.
    overwrite : bool
        Whether a file of this name is replaced.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    SettingError
        The format is unknown, or the file is not called as it must be.
    WriteError
        The file exists already.
    ModelError
        The model is unknown or can't be exported, or a package is missing.
    """
    if to not in SUFFIXES:
        raise SettingError(f"to is {to!r}, but must be one of {', '.join(SUFFIXES)}")
    if path.suffix.lower() != SUFFIXES[to]:
        raise SettingError(f"{path} must end in {SUFFIXES[to]} to hold a model as {to}")
    if path.exists() and not overwrite:
        raise WriteError(f"{path} exists already; choose another name, or replace it with --overwrite")
    yield Progress(0, 1, "exporting")
    model = load_model(name)
    if isinstance(model.network, SequenceNetwork):
        raise ModelError(
            f"the model {model.name!r} reads whole tracks, and only models of single cells can be exported"
        )
    fingerprints = None if model.folder is None else load_training_fingerprints(model.folder)
    if to == "onnx":
        from napari_cellcycle.store.onnx_files import save_onnx

        save_onnx(model, path, fingerprints)
    else:
        from napari_cellcycle.store.bioimageio_files import save_bioimageio

        save_bioimageio(model, path, fingerprints)
    yield Progress(1, 1, "exporting")
    return path
