"""What `import napari_cellcycle` offers and needs more than one room for: reading and training, with warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import Any, ParamSpec

from napari_cellcycle.annotate.data_labels import with_labels
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ModelError, SettingError
from napari_cellcycle.events import run_with_warnings, warn_user
from napari_cellcycle.io import inputs
from napari_cellcycle.io.array_cells import is_array
from napari_cellcycle.io.labelled_fields import LabelledField
from napari_cellcycle.jobs.config import FinderSettings, ReadSettings, TrainSettings
from napari_cellcycle.jobs.train import train_cells
from napari_cellcycle.jobs.train_finder import train_finder_fields, train_finder_files
from napari_cellcycle.models import Model
from napari_cellcycle.models.trained_finder import Finder
from napari_cellcycle.settings_base import Setting, settings_in
from napari_cellcycle.store.finders import choose_finder

_Arguments = ParamSpec("_Arguments")


def _with_labels_and_warnings(read: Callable[_Arguments, Cells]) -> Callable[_Arguments, Cells]:
    """The same function, which gives cells the labels beside their files, and shows notes as warnings too."""

    @wraps(read)
    def read_and_warn(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> Cells:
        if "finder" in options:
            options["finder"] = choose_finder(options["finder"])  # type: ignore[arg-type]
        cells = read(*arguments, **options)
        paths: Any = arguments[0] if arguments else options["paths"]
        if not is_array(paths):
            cells = with_labels(cells, paths)
        warn_user(cells.notes)
        return cells

    return read_and_warn


read_cells = _with_labels_and_warnings(inputs.read_cells)


def train(
    cells: Cells | str | PathLike[str] | Sequence[str | PathLike[str]],
    output: str | PathLike[str],
    model: str = "default",
    *,
    start_from: str | PathLike[str] | Model | None = None,
    **overrides: Any,
) -> Model:
    """Train a model on labelled cells, and write it to a new folder; notes are shown as `CellCycleWarning`.

    Parameters
    ----------
    cells : Cells, or path or sequence of paths
        Those of known phase are trained on; what `read_cells` takes is read by it.
    output : path
        Folder of the new model; it must not exist.
    model : str
        Kind of network: ``default``, ``duque2024``, ``jin2021``, ... Not used with `start_from`.
    start_from : str, path or Model, optional
        Train this model further, even with few cells.
    **overrides
        Other settings of the command ``train``, with underscores: ``epochs=5``, ``seed=1``, ``device="cpu"``,
        ``resume=True``, ...

    Returns
    -------
    Model
        Ready for `classify`.

    Raises
    ------
    SettingError
        A setting is unknown, or outside its limits.
    WriteError
        `output` exists.
    TooFewCellsError
        Fewer than two phases have two cells.

    Examples
    --------
    Cells that are told apart by their brightness, to see a model trained in a second:

    >>> import numpy as np, tempfile, napari_cellcycle as cc
    >>> phases = np.arange(40) % 2
    >>> pixels = np.random.default_rng(0).normal(600 + 80 * phases[:, None, None, None], 20, (40, 2, 32, 32))
    >>> cells = cc.read_cells(pixels, channels=["brightfield", "darkfield"], phases=phases)
    >>> folder = tempfile.mkdtemp()
    >>> cc.train(cells, f"{folder}/mine", "duque2024", epochs=1, device="cpu")
    Model('mine': duque2024, brightfield + darkfield, 64 px)
    """
    own, known = settings_in(TrainSettings), {**TrainSettings.overridable(), **settings_in(TrainSettings)}
    if unknown := [name for name in overrides if name not in known]:
        raise SettingError(f"{unknown[0]!r} is no setting of train; choose among {', '.join(known)}")
    given = {name: _as_setting(known[name], value) for name, value in overrides.items()}
    settings = TrainSettings(
        model=model,
        start_from=_folder_or_name(start_from),
        overrides={name: value for name, value in given.items() if name not in own},
        **{name: value for name, value in given.items() if name in own},
    )
    to_train = cells if isinstance(cells, Cells) else read_cells(cells)
    return run_with_warnings(train_cells(to_train, Path(output), settings))


def train_finder(
    fields: str | PathLike[str] | Sequence[str | PathLike[str]] | Sequence[LabelledField],
    output: str | PathLike[str],
    *,
    start_from: str | PathLike[str] | None = None,
    channels: Mapping[str, str | int] | Sequence[str] | None = None,
    labels: str | PathLike[str] | None = None,
    pixel_size_um: float | None = None,
    **overrides: Any,
) -> Finder:
    """Train a finder of cells or nuclei on labelled fields; notes are shown as `CellCycleWarning`.

    Parameters
    ----------
    fields : path or sequence of paths, or sequence of LabelledField
        Full-field images with label images, or with a stain that `dna` names.
    output : path
        Folder of a model, which then finds its cells by itself, or a new folder.
    start_from : str or path, optional
        Train this finder further: a model with a finder, or a folder that was written by `train_finder`.
    channels, labels, pixel_size_um
        Of files, as for `read_cells`.
    **overrides
        Other settings of the command ``train-finder``, with underscores: ``dna="DAPI"``, ``steps=300``, ``seed=1``, ...

    Returns
    -------
    Finder
        `read_cells` takes it, and so does its `find` an image.

    Raises
    ------
    SettingError
        A setting is unknown, or outside its limits.
    WriteError
        `output` has a finder already, or is no folder of a model.
    TooFewCellsError
        There are fewer than ten objects.

    Examples
    --------
    >>> import napari_cellcycle as cc
    >>> finder = cc.train_finder("control/", "my_model", dna="DAPI")         # doctest: +SKIP
    >>> cells = cc.read_cells("unstained.tif", finder="my_model")            # doctest: +SKIP
    """
    settings = _finder_settings(start_from, overrides)
    first = fields[0] if isinstance(fields, Sequence) and not isinstance(fields, str) and fields else None
    if isinstance(first, LabelledField):
        return run_with_warnings(train_finder_fields(fields, Path(output), settings))  # type: ignore[arg-type]
    several = [fields] if isinstance(fields, str | PathLike) else list(fields)
    reading = ReadSettings(
        channels=inputs.named_channels(channels),
        labels=None if labels is None else Path(labels),
        pixel_size_um=pixel_size_um,
    )
    paths = [Path(path) for path in several]  # type: ignore[arg-type]
    return run_with_warnings(train_finder_files(paths, Path(output), settings, reading))


def _finder_settings(start_from: str | PathLike[str] | None, overrides: dict[str, Any]) -> FinderSettings:
    own, known = settings_in(FinderSettings), {**FinderSettings.overridable(), **settings_in(FinderSettings)}
    if unknown := [name for name in overrides if name not in known]:
        raise SettingError(f"{unknown[0]!r} is no setting of train_finder; choose among {', '.join(known)}")
    given = {name: _as_setting(known[name], value) for name, value in overrides.items()}
    return FinderSettings(
        start_from="" if start_from is None else str(start_from),
        overrides={name: value for name, value in given.items() if name not in own},
        **{name: value for name, value in given.items() if name in own},
    )


def _as_setting(item: Setting, value: Any) -> Any:
    """A value in the form that its setting has: texts stand for what they stand for on the command line."""
    if isinstance(value, PathLike):
        value = str(value)
    return item.read(value) if isinstance(value, str) else value


def _folder_or_name(model: str | PathLike[str] | Model | None) -> str:
    if not isinstance(model, Model):
        return "" if model is None else str(model)
    if model.folder is None:
        raise ModelError(f"the model {model.name!r} is in no folder; save it first, or give a name")
    return str(model.folder)
