"""Generators of cells on disk: a folder with ``weights.safetensors`` and ``generator.json``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.errors import ModelError
from napari_cellcycle.models.generator import Generator, GeneratorCard, build_pair
from napari_cellcycle.store.models import WEIGHTS, load_weights, models_folder, write_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


CARD = "generator.json"
SHIPPED = "jurkat"
"""Name of the generator that came with the package."""


def load_generator(name: str | Path = SHIPPED) -> Generator:
    """A generator with its weights, ready to make cells.

    Parameters
    ----------
    name : str or Path
        ``jurkat``, which came with the package, or a folder that ``augment`` wrote.

    Raises
    ------
    ModelError
        It is neither, or its files are damaged or don't belong together.
    """
    folder = find_generator(name)
    card = load_generator_card(folder)
    weights = load_weights(folder / WEIGHTS)
    networks = {}
    for part in card.networks:
        network, _ = build_pair(card.method, len(card.encoding.channels))
        own = {key.removeprefix(f"{part}."): value for key, value in weights.items() if key.startswith(f"{part}.")}
        try:
            network.load_state_dict(own)
        except RuntimeError as error:  # how torch says that names or shapes differ
            raise ModelError(f"{folder / WEIGHTS} does not fit its {CARD}; take the folder whole") from error
        networks[part] = network.eval()
    return Generator(networks, card)


def find_generator(name: str | Path) -> Path:
    """Folder of the generator called `name`."""
    folder = Path(name)
    if (folder / CARD).is_file():
        return folder
    if str(name) == SHIPPED:
        return Path(str(files("napari_cellcycle") / "generators" / SHIPPED))
    raise ModelError(f"{name} is no generator: it has no {CARD}; give a folder written by augment, or {SHIPPED}")


def load_generator_card(folder: Path) -> GeneratorCard:
    """The card of the generator in `folder`."""
    try:
        return GeneratorCard.from_json((folder / CARD).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{folder} is no generator: it has no readable {CARD}; give a folder of augment") from error
    except ModelError as error:
        raise ModelError(f"{folder / CARD} can't be used: {error}") from error


def save_generator(generator: Generator, folder: Path, training_fingerprints: NDArray[np.uint64]) -> None:
    """Write `generator` as a new folder, whole or not at all.

    Parameters
    ----------
    generator : Generator
        Networks and card.
    folder : Path
        Must not exist.
    training_fingerprints : ndarray of uint64, shape (N, 4)
        Of the real cells it learnt from: cells that it makes may not be learnt from where these are tested.

    Raises
    ------
    WriteError
        The folder exists already, or can't be written.
    """
    weights = {
        f"{part}.{name}": values
        for part, network in generator.networks.items()
        for name, values in network.state_dict().items()
    }
    write_folder(folder, {WEIGHTS: weights}, training_fingerprints, {CARD: generator.card.to_json()})


def synthetic_folder() -> Path:
    """Where made cells are kept unless the user names another folder."""
    return models_folder().parent / "made"
