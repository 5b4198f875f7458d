"""Generators of cells on disk: a folder with ``weights.safetensors`` and ``generator.json``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.errors import ModelError
from napari_cellcycle.models.trained_generator import Generator, GeneratorCard, build_pair, size_of
from napari_cellcycle.store.cards import parse_generator_card
from napari_cellcycle.store.models import WEIGHTS, models_folder, write_folder
from napari_cellcycle.store.strict import read_bytes
from napari_cellcycle.store.weights import fill_network, load_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


CARD = "generator.json"
SHIPPED = "jurkat"
"""Name of the generator that came with the package."""


def load_generator(name: str | Path = SHIPPED) -> Generator:
    """A generator with its weights, ready to make synthetic cells.

    Parameters
    ----------
    name : str or Path
        ``jurkat``, which came with the package, or a folder that ``augment`` wrote.

    Returns
    -------
    Generator

    Raises
    ------
    ModelError
        It is neither, or its files are damaged or don't belong together.
    """
    folder = find_generator(name)
    card = load_generator_card(folder)
    size_px, n_channels = size_of(card.method), len(card.encoding.channels)
    if card.encoding.size_px != size_px:
        raise ModelError(
            f"{folder / CARD} can't be used: encoding.size_px is {card.encoding.size_px}, but {card.method} makes "
            f"cells of {size_px} pixels; copy the generator's folder again"
        )
    weights = load_weights(folder / WEIGHTS)
    networks = {}
    for part in card.networks:
        network, _ = build_pair(card.method, n_channels)
        own = {key.removeprefix(f"{part}."): value for key, value in weights.items() if key.startswith(f"{part}.")}
        fill_network(network, own, folder / WEIGHTS, n_channels)
        networks[part] = network.eval()
    return Generator(networks, card)


def find_generator(name: str | Path) -> Path:
    """Folder of the generator called `name`.

    Raises
    ------
    ModelError
        There is none.
    """
    folder = Path(name)
    if (folder / CARD).is_file():
        return folder
    if str(name) == SHIPPED:
        return Path(str(files("napari_cellcycle") / "generators" / SHIPPED))
    raise ModelError(f"{name} is no generator: it has no {CARD}; give a folder written by augment, or {SHIPPED}")


def load_generator_card(folder: Path) -> GeneratorCard:
    """The card of the generator in `folder`.

    Raises
    ------
    ModelError
        There is no readable card, or one of its values can't be right.
    """
    try:
        return parse_generator_card(read_bytes(folder / CARD))
    except OSError as error:
        raise ModelError(f"{folder} is no generator: it has no readable {CARD}; give a folder of augment") from error
    except ModelError as error:
        raise ModelError(f"{folder / CARD} can't be used: {error}; copy the generator's folder again") from error


def save_generator(generator: Generator, folder: Path, training_fingerprints: NDArray[np.uint64]) -> None:
    """Write `generator` as a new folder, whole or not at all.

    Parameters
    ----------
    generator : Generator
        Networks and card.
    folder : Path
        Must not exist.
    training_fingerprints : ndarray of uint64, shape (N, 4)
        Of the real cells it was trained on: a model that is tested on these must not be trained on its synthetic cells.

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
    """Where synthetic cells are kept unless the user names another folder."""
    return models_folder().parent / "made"
