"""Models on disk: a folder with ``weights.safetensors`` and ``model.json``. No pickle is ever read."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.errors import ModelError, WriteError
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.models import Model, ModelCard, build

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_cellcycle.models.out_of_distribution import MahalanobisDetector

CARD = "model.json"
WEIGHTS = "weights.safetensors"
FAMILIARITY = "familiarity.safetensors"
TRAINED_ON = "trained_on.npy"
HOME = "NAPARI_CELLCYCLE_HOME"
"""Environment variable that names the folder for what the plugin keeps of a user, instead of the system's own."""


def shipped_models() -> list[str]:
    """Names of the models that came with the package, `default` first."""
    folders = [folder for folder in _shipped().iterdir() if (folder / CARD).is_file()]
    return sorted((folder.name for folder in folders), key=lambda name: (name != "default", name))


def known_models() -> dict[str, Path]:
    """Folders of the shipped models and of the user's own runs, newest first, by the name that finds each.

    Own runs that share their name with another model go by their folder.
    """
    shipped, own = shipped_models(), _remembered_runs()
    holders = Counter([*shipped, *(folder.name for folder in own)])
    names = [folder.name if holders[folder.name] == 1 else str(folder) for folder in own]
    return {**{name: _shipped() / name for name in shipped}, **dict(zip(names, own, strict=True))}


def list_models() -> list[ModelCard]:
    """Cards of the shipped models and of the user's own runs, each with the name that `load_model` finds it by."""
    return [replace(load_card(folder), name=name) for name, folder in known_models().items()]


def remember_run(folder: Path) -> None:
    """Keep in mind where a finished run lies, so that it is found by its name.

    Raises
    ------
    WriteError
        The user's data folder can't be written to.
    """
    folder = folder.resolve()
    # a file a run: two trainings that end at once don't take each other's place, and a damaged file harms no other
    note = _registry() / f"{sha256(str(folder).encode()).hexdigest()[:16]}.json"
    with atomic_path(note) as temporary:
        temporary.write_text(json.dumps({"folder": str(folder)}), encoding="utf-8")


def load_card(folder: Path) -> ModelCard:
    """The card of the model in `folder`.

    Raises
    ------
    ModelError
        There is no readable card.
    """
    try:
        return ModelCard.from_json((folder / CARD).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{folder} is no model: it has no readable {CARD}; give a folder written by train") from error
    except ModelError as error:
        raise ModelError(f"{folder / CARD} can't be used: {error}") from error


def load_model(name: str | Path = "default") -> Model:
    """A model with its weights, ready to classify.

    Parameters
    ----------
    name : str or Path
        Name of a model that came with the package or that you trained, or a folder that ``train`` wrote.

    Raises
    ------
    ModelError
        It is neither, or its files are damaged or don't belong together.
    """
    folder = find_model(name)
    card = load_card(folder)
    network = build(card.architecture, **card.options)
    try:
        network.load_state_dict(load_weights(folder / WEIGHTS))
    except RuntimeError as error:  # how torch says that names or shapes differ
        raise ModelError(f"{folder / WEIGHTS} does not fit the network of its card; take the folder whole") from error
    return Model(network.eval(), card, _load_familiarity(folder / FAMILIARITY))


def find_model(name: str | Path) -> Path:
    """Folder of the model called `name`."""
    if str(name) in shipped_models():
        return _shipped() / str(name)
    folder, known = Path(name), known_models()
    if (folder / CARD).is_file():
        return folder
    if str(name) in known:
        return known[str(name)]
    if folder.exists():
        raise ModelError(f"{folder} is no model: it has no {CARD}; give a folder written by train")
    if alike := [str(run) for run in known.values() if run.name == str(name)]:
        raise ModelError(f"{len(alike)} models are called {str(name)!r}; give the folder: {' or '.join(alike)}")
    raise ModelError(f"no model is called {str(name)!r}; choose {', '.join(known)} or give a run's folder")


def load_training_fingerprints(folder: Path) -> NDArray[np.uint64] | None:
    """By what `evaluation.duplicates.in_training_set` knows a model's training cells, or None if it keeps no record."""
    import numpy as np

    try:
        fingerprints: NDArray[np.uint64] = np.load(folder / TRAINED_ON, allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / TRAINED_ON} is damaged ({error}); copy the model's folder again") from error
    return fingerprints


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
        Of the cells it was trained on, so that they are known again when it is tested.
    tables : mapping of str to str, optional
        Further text files by name.

    Raises
    ------
    WriteError
        The folder exists already, or can't be written.
    """
    tensors: dict[str, Mapping[str, Tensor]] = {WEIGHTS: model.network.state_dict()}
    if model.familiarity is not None:
        tensors[FAMILIARITY] = asdict(model.familiarity)
    write_folder(folder, tensors, training_fingerprints, {CARD: model.card.to_json(), **(tables or {})})


def write_folder(
    folder: Path,
    tensors: Mapping[str, Mapping[str, Tensor]],
    training_fingerprints: NDArray[np.uint64],
    texts: Mapping[str, str],
) -> None:
    """Write a new folder of weights, prints of the cells behind them, and texts, by file name; whole or not at all.

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
        np.save(temporary / TRAINED_ON, training_fingerprints)
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8")


def _write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """For others to read too: safetensors' own writing of files shuts them out."""
    from safetensors.torch import save

    path.write_bytes(save({name: values.contiguous() for name, values in tensors.items()}))


def _load_familiarity(path: Path) -> MahalanobisDetector | None:
    """What cells a model knows; None for one that keeps no record of it."""
    from napari_cellcycle.models.out_of_distribution import MahalanobisDetector

    if not path.exists():
        return None
    try:
        return MahalanobisDetector(**load_weights(path))
    except TypeError as error:
        raise ModelError(f"{path} holds other tensors than it should; copy the model's folder again") from error


def load_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a file by name; ModelError if it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is missing or damaged ({error}); copy the model's folder again") from error


def models_folder() -> Path:
    """Where own models are kept unless the user names another folder."""
    return _home() / "models"


def _registry() -> Path:
    """Folder of the notes that `remember_run` writes."""
    return _home() / "runs"


def _home() -> Path:
    """What the plugin keeps of a user."""
    import platformdirs

    return Path(os.environ.get(HOME) or platformdirs.user_data_path("napari-cellcycle", appauthor=False))


def _remembered_runs() -> list[Path]:
    """Folders of the user's own runs that are still there, newest first."""
    notes = sorted(_registry().glob("*.json"), key=_written, reverse=True)
    folders = [_noted_folder(note) for note in notes]
    return [folder for folder in folders if folder is not None and _is_model(folder)]


def _written(note: Path) -> int:
    try:
        return note.stat().st_mtime_ns
    except OSError:  # gone since it was listed
        return 0


def _noted_folder(note: Path) -> Path | None:
    """What a note names; None if it is damaged."""
    try:
        return Path(json.loads(note.read_text(encoding="utf-8"))["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_model(folder: Path) -> bool:
    try:
        load_card(folder)
    except ModelError:
        return False
    return True


def _shipped() -> Path:
    return Path(str(files("napari_cellcycle") / "weights"))
