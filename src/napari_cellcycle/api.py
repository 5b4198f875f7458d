"""What `import napari_cellcycle` offers and needs more than one room for: reading and training, with warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import Any, ParamSpec

from napari_cellcycle.annotate.data_labels import with_labels
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.errors import ModelError, SettingError
from napari_cellcycle.events import run_with_warnings, warn_user
from napari_cellcycle.io import inputs
from napari_cellcycle.io.array_cells import is_array, named_channels
from napari_cellcycle.io.calls_table import SavedCalls
from napari_cellcycle.io.labelled_fields import LabelledField
from napari_cellcycle.io.phase_set_file import read_phase_set
from napari_cellcycle.jobs.config import (
    FinderSettings,
    FollowSettings,
    LabelSettings,
    PopulationsSettings,
    ReadSettings,
    TrainSettings,
)
from napari_cellcycle.jobs.label_by_stain import label_cells, label_files
from napari_cellcycle.jobs.populations import confusion_of, count_samples
from napari_cellcycle.jobs.train import train_cells
from napari_cellcycle.jobs.train_finder import train_finder_fields, train_finder_files
from napari_cellcycle.jobs.train_tracks import train_cells_on_tracks
from napari_cellcycle.models import Model
from napari_cellcycle.models.trained_finder import Finder
from napari_cellcycle.phase_sets import PhaseSet
from napari_cellcycle.population.summary import Populations
from napari_cellcycle.settings_base import Setting, settings_in
from napari_cellcycle.stain.result import StainLabels
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
            wanted: Any = options.get("phases")
            cells = with_labels(cells, paths, None if wanted is None else cells.phase_set)
        warn_user(cells.notes)
        return cells

    return read_and_warn


read_cells = _with_labels_and_warnings(inputs.read_cells)


def populations(
    prediction: Prediction,
    by: str = "",
    *,
    table: str | PathLike[str] | None = None,
    of: str = "calls",
    model: str | PathLike[str] | Model | None = None,
    force: bool = False,
    seed: int = 0,
) -> Populations:
    """Count the phases of each sample, with intervals; notes are shown as `CellCycleWarning`.

    Parameters
    ----------
    prediction : Prediction
        From `classify`.
    by : str
        What the samples are: ``well``, ``frame``, ``file``, ``folder``, ``folder1``, ..., ``all``, or a column; by
        default the most telling one.
    table : path, optional
        A CSV table with a column ``file``, ``folder``, ``well`` or ``source``, and others, such as ``condition``, to
        group by.
    of : {"calls", "labels"}
        Count what the model called, or what a person labelled.
    model : Model, str or path, optional
        For whose confusion fractions are corrected; by default the one that made the calls, if it is known here.
    force : bool
        Give fractions even where most cells are unlike the training cells.
    seed : int
        The same seed gives the same intervals.

    Returns
    -------
    Populations
        Its ``samples`` have the numbers; ``to_table()`` is the table of the command.

    Raises
    ------
    SettingError
        The cells can't be grouped so.

    Examples
    --------
    >>> import napari_cellcycle as cc
    >>> from napari_cellcycle.io.sample_data import sample_path
    >>> calls = cc.classify(cc.read_cells(sample_path())[:60], device="cpu")
    >>> print(cc.populations(calls, by="all"))  # doctest: +ELLIPSIS
    all cells: 60 cells...
    """
    config = PopulationsSettings(by=by, table=None if table is None else Path(table), of=of, force=force, seed=seed)
    if isinstance(model, Model):
        confusion, note = model.card.confusion, ""
    else:
        saved = SavedCalls(prediction, (prediction.model,) if prediction.model else ())
        confusion, note = confusion_of(saved, "" if model is None else str(model))
    if note:
        warn_user([note])
    return run_with_warnings(count_samples(prediction, config, confusion))


def train(
    cells: Cells | str | PathLike[str] | Sequence[str | PathLike[str]],
    output: str | PathLike[str],
    model: str = "default",
    *,
    start_from: str | PathLike[str] | Model | None = None,
    phases: PhaseSet | str | None = None,
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
    phases : PhaseSet or str, optional
        Phase set to train, such as ``"g1-s-g2m"``; by default that of the cells.
    **overrides
        Other settings of the command ``train``, with underscores: ``epochs=5``, ``seed=1``, ``device="cpu"``,
        ``resume=True``, ...; for a network that reads whole tracks, ``tracks="tracks.csv"``.

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
    own, tracking = settings_in(TrainSettings), settings_in(FollowSettings)
    known = {**TrainSettings.overridable(), **own, **tracking}
    if unknown := [name for name in overrides if name not in known]:
        raise SettingError(f"{unknown[0]!r} is no setting of train; choose among {', '.join(known)}")
    given = {name: _as_setting(known[name], value) for name, value in overrides.items()}
    following = FollowSettings(**{name: given.pop(name) for name in tracking if name in given})
    settings = TrainSettings(
        model=model,
        start_from=_folder_or_name(start_from),
        overrides={name: value for name, value in given.items() if name not in own},
        **{name: value for name, value in given.items() if name in own},
    )
    to_train = cells if isinstance(cells, Cells) else read_cells(cells, phases=phases)
    if phases is not None:
        to_train = to_train.in_phases(read_phase_set(phases) if isinstance(phases, str) else phases)
    if following.tracks is not None:
        return run_with_warnings(train_cells_on_tracks(to_train, Path(output), settings, following))
    return run_with_warnings(train_cells(to_train, Path(output), settings))


def label_by_stain(
    cells: Cells | str | PathLike[str] | Sequence[str | PathLike[str]],
    output: str | PathLike[str] | None = None,
    *,
    dna: str | None = None,
    fucci: Mapping[str, str] | None = None,
    **settings: Any,
) -> StainLabels:
    """Label the cells of a stained control by their stain; notes are shown as `CellCycleWarning`.

    Parameters
    ----------
    cells : Cells, or path or sequence of paths
        Of `Cells` the labels are only returned. Of files they are also kept next to the data if `output` is given,
        as the command ``label`` does.
    output : path, optional
        Folder for ``labels.csv``, ``gates.json`` and ``labels.html``.
    dna : str, optional
        Channel of the DNA stain: ``"dna"``, or its name in the files. By default the one that was read as dna.
    fucci : mapping, optional
        Instead of `dna`: ``{"g1": "Cdt1", "s-g2m": "Geminin"}``.
    **settings
        Other settings of the command ``label``: ``model="watson"``, ``margin=0.1``, ``force=True``, ...

    Returns
    -------
    StainLabels
        ``.to_table()`` has one row for each cell; ``.words`` say what the stain can tell.

    Raises
    ------
    SettingError
        A setting is unknown or outside its limits, or `output` is given with `Cells`.
    ChannelError
        There is no such channel.
    TooFewCellsError
        There are too few cells for a histogram.
    ImageError
        Files are given, and their stain can tell no phase.

    Examples
    --------
    >>> found = cc.label_by_stain("control/", "labels/", dna="Ch4")     # doctest: +SKIP
    >>> found.counts                                                    # doctest: +SKIP
    {'G1': 720, 'S': 433, 'G2/M': 468, 'doublet': 9}
    """
    known = settings_in(LabelSettings)
    if unknown := [name for name in settings if name not in known]:
        raise SettingError(f"{unknown[0]!r} is no setting of label_by_stain; choose among {', '.join(known)}")
    given: dict[str, Any] = {
        name: Path(value) if isinstance(value, PathLike) else value for name, value in settings.items()
    }
    config = LabelSettings(dna=dna, fucci=None if fucci is None else dict(fucci), **given)
    if isinstance(cells, Cells):
        if output is not None:
            raise SettingError("output goes with files, next to which labels are kept; give the files instead")
        return run_with_warnings(label_cells(cells, config))
    if output is None:
        return run_with_warnings(label_cells(read_cells(cells), config))
    paths = [cells] if isinstance(cells, str | PathLike) else list(cells)
    return run_with_warnings(label_files([Path(path) for path in paths], Path(output), config, ReadSettings()))


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
        channels=named_channels(channels),
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
