"""Models on disk: a folder with ``weights.safetensors`` and ``model.json``. No pickle is ever read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.errors import ModelError, WriteError
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.models import Model, ModelCard, build
from napari_cellcycle.store.cards import parse_model_card
from napari_cellcycle.store.run_registry import HOME, models_folder, remember_run, remembered_runs
from napari_cellcycle.store.strict import read_bytes
from napari_cellcycle.store.weights import COPY, fill_network, load_detector, load_fingerprints, load_weights, try_model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = [
    "CARD",
    "HOME",
    "WEIGHTS",
    "damaged_models",
    "find_model",
    "known_models",
    "list_models",
    "load_card",
    "load_model",
    "load_training_fingerprints",
    "models_folder",
    "remember_run",
    "save_model",
    "shipped_models",
    "write_folder",
]

CARD = "model.json"
WEIGHTS = "weights.safetensors"
ONNX_SUFFIX = ".onnx"
_FAMILIARITY = "familiarity.safetensors"
_TRAINED_ON = "trained_on.npy"


def shipped_models() -> list[str]:
    """Names of the models that came with the package, `default` first."""
    folders = [folder for folder in _shipped().iterdir() if (folder / CARD).is_file()]
    return sorted((folder.name for folder in folders), key=lambda name: (name != "default", name))


def known_models() -> dict[str, Path]:
    """Folders of the shipped models and of the user's own runs, newest first, by the name that finds each.

    Own runs that share their name with another model go by their folder. Damaged ones are left out.
    """
    return {name: folder for name, (folder, found) in _look().items() if isinstance(found, ModelCard)}


def list_models() -> list[ModelCard]:
    """Cards of the shipped models and of the user's own runs, each with the name that `load_model` finds it by."""
    return [replace(found, name=name) for name, (_, found) in _look().items() if isinstance(found, ModelCard)]


def damaged_models() -> dict[str, str]:
    """Models whose card can't be used: the reason by the name that the model has, or by its folder."""
    return {name: str(found) for name, (_, found) in _look().items() if isinstance(found, ModelError)}


def _look() -> dict[str, tuple[Path, ModelCard | ModelError]]:
    """Folder of each model by its name, with its card or what is wrong with it."""
    shipped, own = shipped_models(), [folder for folder in remembered_runs() if _is_there(folder / CARD)]
    cards = {folder: _card_or_error(folder) for folder in own}
    works = [folder for folder in own if isinstance(cards[folder], ModelCard)]
    holders = Counter([*shipped, *(folder.name for folder in works)])
    known = {name: (_shipped() / name, _card_or_error(_shipped() / name)) for name in shipped}
    for folder in [*works, *(folder for folder in own if folder not in works)]:
        # a damaged run, which comes later, takes no name from one that works
        is_only = holders[folder.name] < 2 and folder.name not in known
        known[folder.name if is_only else str(folder)] = (folder, cards[folder])
    return known


def _is_there(path: Path) -> bool:
    """Whether a file is there; also False where the system refuses to look, as in the folder of another user."""
    try:
        return path.exists()
    except OSError:
        return False


def _card_or_error(folder: Path) -> ModelCard | ModelError:
    try:
        return load_card(folder)
    except ModelError as error:
        return error


def load_card(folder: Path) -> ModelCard:
    """The card of the model in `folder`.

    Raises
    ------
    ModelError
        There is no readable card, or one of its values can't be right.
    """
    try:
        return parse_model_card(read_bytes(folder / CARD))
    except OSError as error:
        raise ModelError(f"{folder} is no model: it has no readable {CARD}; give a folder written by train") from error
    except ModelError as error:
        raise ModelError(f"{folder / CARD} can't be used: {error}; {COPY}, or train again") from error


def load_model(name: str | Path = "default") -> Model:
    """A model with its weights, ready to classify.

    Parameters
    ----------
    name : str or Path
        Name of a model that came with the package or that you trained, or a folder that ``train`` wrote, or an ONNX
        file that ``export`` wrote.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        It is neither, or its files are damaged or don't belong together.

    Examples
    --------
    >>> load_model("default")
    Model('default': paired, brightfield + darkfield, 40 px)
    """
    folder = find_model(name)
    if folder.suffix == ONNX_SUFFIX:
        from napari_cellcycle.store.onnx_files import load_onnx

        return load_onnx(folder)
    card = load_card(folder)
    try:
        network = build(card.architecture, **card.options)
    except TypeError as error:
        known = ", ".join(card.options)
        raise ModelError(
            f"{folder / CARD} can't be used: {card.architecture} does not take all of the options {known}; {COPY}"
        ) from error
    fill_network(network, load_weights(folder / WEIGHTS), folder / WEIGHTS, len(card.input.channels))
    model = Model(network.eval(), card, load_detector(folder / _FAMILIARITY), folder)
    try_model(model, folder)
    return model


def find_model(name: str | Path) -> Path:
    """Folder of the model called `name`.

    Raises
    ------
    ModelError
        There is none, or more than one.
    """
    if str(name) in shipped_models():
        return _shipped() / str(name)
    folder, known = Path(name), _look()
    if (folder / CARD).is_file() or (folder.suffix == ONNX_SUFFIX and folder.is_file()):
        return folder
    if str(name) in known:
        return known[str(name)][0]
    if folder.exists():
        raise ModelError(f"{folder} is no model: it has no {CARD}; give a folder written by train")
    if alike := [str(run) for run, found in known.values() if run.name == str(name) and isinstance(found, ModelCard)]:
        raise ModelError(f"{len(alike)} models are called {str(name)!r}; give the folder: {' or '.join(alike)}")
    names = ", ".join(name for name, (_, found) in known.items() if isinstance(found, ModelCard))
    raise ModelError(f"no model is called {str(name)!r}; choose {names} or give a run's folder")


def load_training_fingerprints(folder: Path) -> NDArray[np.uint64] | None:
    """Fingerprints of the cells that a model or generator was trained on, as `datasets.duplicates` takes them.

    Returns
    -------
    ndarray of uint64, shape (N, 4), or None
        None where no record is kept.

    Raises
    ------
    ModelError
        The record is damaged.
    """
    if folder.suffix == ONNX_SUFFIX:
        from napari_cellcycle.store.onnx_files import onnx_fingerprints

        return onnx_fingerprints(folder)
    return load_fingerprints(folder / _TRAINED_ON)


def save_model(
    model: Model, folder: Path, training_fingerprints: NDArray[np.uint64], tables: Mapping[str, str] | None = None
) -> None:
    """Write `model` as a new folder, whole or not at all.

    Parameters
    ----------
    model : Model
        Weights and card.
    folder : Path
        Must not exist.
    training_fingerprints : ndarray of uint64, shape (N, 4)
        Of the cells it was trained on, so that they are recognised when it is tested.
    tables : mapping of str to str, optional
        Further text files by name.

    Raises
    ------
    WriteError
        The folder exists already, or can't be written.
    """
    tensors: dict[str, Mapping[str, Tensor]] = {WEIGHTS: model.network.state_dict()}
    if model.familiarity is not None:
        tensors[_FAMILIARITY] = asdict(model.familiarity)
    write_folder(folder, tensors, training_fingerprints, {CARD: model.card.to_json(), **(tables or {})})


def write_folder(
    folder: Path,
    tensors: Mapping[str, Mapping[str, Tensor]],
    training_fingerprints: NDArray[np.uint64],
    texts: Mapping[str, str],
) -> None:
    """Write a new folder, whole or not at all.

    Parameters
    ----------
    folder : Path
        Must not exist.
    tensors : mapping of str to mapping of str to Tensor
        For each file of tensors, the tensors by name.
    training_fingerprints : ndarray of uint64, shape (N, 4)
        Of the real cells behind the weights.
    texts : mapping of str to str
        Text files by name.

    Raises
    ------
    WriteError
        The folder exists already, or can't be written.
    """
    import numpy as np

    if folder.exists():
        raise WriteError(f"{folder} exists already; choose another folder, or remove it first")
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for name, values in tensors.items():
            _write_tensors(values, temporary / name)
        np.save(temporary / _TRAINED_ON, training_fingerprints)
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8")


def _write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """With the usual permissions: a file that safetensors writes can be read by its owner only."""
    from safetensors.torch import save

    path.write_bytes(save({name: values.contiguous() for name, values in tensors.items()}))


def _shipped() -> Path:
    return Path(str(files("napari_cellcycle") / "weights"))
