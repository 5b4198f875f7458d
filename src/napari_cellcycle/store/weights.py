"""Tensors from disk, checked before they are believed: no pickle, no memory map, nothing that is not a number."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_cellcycle.errors import ModelError, reason_of
from napari_cellcycle.io.plain_files import plain_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from napari_cellcycle.models import Model
    from napari_cellcycle.models.feature_trees import FeatureTrees
    from napari_cellcycle.models.out_of_distribution import MahalanobisDetector

COPY = "copy the model's folder again"
"""What mends a damaged file."""


def load_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    They are copied out of it: a file that is mapped and cut short while napari runs would end napari.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    ModelError
        It is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(plain_bytes(path))
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError, MemoryError) as error:
        raise ModelError(f"{path} is missing or damaged ({reason_of(error)}); {COPY}") from error


def fill_network(network: nn.Module, weights: Mapping[str, Tensor], path: Path, n_channels: int) -> None:
    """Put `weights` into `network`, if they are its own.

    Parameters
    ----------
    network : nn.Module
        As its card says.
    weights : mapping of str to Tensor
        By the names of the network's `state_dict`.
    path : Path
        Their file, for the message.
    n_channels : int
        Channels of the images that the network takes.

    Raises
    ------
    ModelError
        Names, shapes or types differ from those of the network, or a number is not finite.
    """
    own = network.state_dict()
    for name, values in weights.items():
        if name in own and not _same_kind(values, own[name]):
            kinds = (str(tensor.dtype).removeprefix("torch.") for tensor in (values, own[name]))
            raise ModelError(f"{path} can't be used: {name} holds {' instead of '.join(kinds)}; {COPY}")
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:  # how torch says that names or shapes differ
        raise ModelError(f"{path} does not fit the network of its card; take the folder whole") from error
    if problem := _first_problem(network, n_channels):
        raise ModelError(f"{path} can't be used: {problem}; {COPY}")


def _same_kind(values: Tensor, own: Tensor) -> bool:
    """Whether the type is the same; weights may have another precision."""
    return values.dtype == own.dtype or (values.is_floating_point() and own.is_floating_point())


def _first_problem(network: nn.Module, n_channels: int) -> str:
    """What is wrong with the numbers in a network; empty if nothing is."""
    from napari_cellcycle.models.feature_trees import FeatureTrees

    for prefix, module in network.named_modules():
        if isinstance(module, FeatureTrees):
            if problem := _tree_problem(module, n_channels):
                return problem
            continue
        for name, values in [*module.named_parameters(prefix, False), *module.named_buffers(prefix, False)]:
            if not values.isfinite().all():
                return f"{name} holds numbers that are not finite"
            if name.endswith("running_var") and (values < 0).any():
                return f"{name} holds variances below 0"
    return ""


def _tree_problem(trees: FeatureTrees, n_channels: int) -> str:
    """What keeps boosted trees from working; empty if nothing does."""
    import torch

    feature, threshold, answer = trees.trees
    if not len(feature) == len(threshold) == len(answer):
        return (
            f"its trees have {len(feature)} rounds of features, {len(threshold)} of thresholds, {len(answer)} of leaves"
        )
    if not len(feature):  # trees that are not grown hold NaN
        return ""
    # an infinite threshold sends all cells to the left, and a start of NaN says that the DNA content is not known
    if threshold.isnan().any() or not answer.isfinite().all() or not trees.start[:-1].isfinite().all():
        return "its trees hold numbers that are not finite"
    n_features = trees.measure(torch.zeros(1, n_channels, 16, 16)).shape[1]
    if feature.min() < 0 or feature.max() >= n_features:
        wrong = int(feature.min() if feature.min() < 0 else feature.max())
        return f"its trees ask for feature {wrong}, but there are only {n_features} features, from 0"
    return ""


def load_detector(path: Path) -> MahalanobisDetector | None:
    """What cells a model knows.

    Parameters
    ----------
    path : Path
        Its ``familiarity.safetensors``.

    Returns
    -------
    MahalanobisDetector or None
        None for a model that keeps no record of it.

    Raises
    ------
    ModelError
        The file is damaged, or holds something else.
    """
    from napari_cellcycle.models.out_of_distribution import MahalanobisDetector

    if not path.exists():
        return None
    tensors = load_weights(path)
    if set(tensors) != {"whitening", "centres", "limit"}:
        raise ModelError(f"{path} holds other tensors than it should; {COPY}")
    detector = MahalanobisDetector(**tensors)
    n_phases, n_numbers = detector.centres.shape if detector.centres.ndim == 2 else (0, 0)
    shapes = {"centres": (n_phases, n_numbers), "whitening": (n_numbers, n_numbers), "limit": (n_phases,)}
    for name, values in tensors.items():
        if tuple(values.shape) != shapes[name] or not values.numel():
            raise ModelError(f"{path} can't be used: {name} has the shape {tuple(values.shape)}; {COPY}")
        if not values.is_floating_point() or not values.isfinite().all():
            raise ModelError(f"{path} can't be used: {name} holds numbers that are not finite; {COPY}")
    return detector


def try_model(model: Model, folder: Path) -> None:
    """Classify one blank cell, so that a model whose parts don't fit each other is found before any cell is read.

    Parameters
    ----------
    model : Model
        In evaluation mode.
    folder : Path
        Where it lies, for the message.

    Raises
    ------
    ModelError
        The network can't take images as the card describes them, or `familiarity` was measured of another network.
    """
    import torch

    from napari_cellcycle.models.out_of_distribution import descriptors

    spec = model.card.input
    blank = torch.zeros(1, *spec.shape)
    try:
        with torch.inference_mode():
            outputs = model.network(blank)
            fits = outputs.logits.shape == (1, len(model.card.phase_set))
            if model.familiarity is not None:
                model.familiarity.is_unfamiliar(descriptors(blank, outputs.features))
    except (RuntimeError, IndexError, ValueError):  # how torch says that shapes differ
        fits = False
    if not fits:
        raise ModelError(
            f"{folder} can't be used: its network does not take {blank.shape[1]} channels of {spec.size_px} pixels as "
            "its card says, or its files are of different models; take the folder whole"
        )


def load_fingerprints(path: Path) -> NDArray[np.uint64] | None:
    """By what training cells are recognised.

    Parameters
    ----------
    path : Path
        A ``trained_on.npy``.

    Returns
    -------
    ndarray of uint64, shape (N, 4), or None
        None where no record is kept.

    Raises
    ------
    ModelError
        The file is damaged, or holds something else.
    """
    try:
        content = plain_bytes(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{path} is damaged ({reason_of(error)}); {COPY}") from error
    return unpack_fingerprints(content, path)


def unpack_fingerprints(content: bytes, path: Path) -> NDArray[np.uint64]:
    """Unpack the fingerprints of training cells.

    Parameters
    ----------
    content : bytes
        An array as ``numpy.save`` writes it.
    path : Path
        The file that it is part of, for messages.

    Returns
    -------
    ndarray of uint64, shape (N, 4)

    Raises
    ------
    ModelError
        It is damaged, or holds something else.
    """
    try:
        found = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # numpy reads the header as Python, so that damage can raise nearly anything
        raise ModelError(f"{path} is damaged ({reason_of(error)}); {COPY}") from error
    if found.dtype != np.uint64 or found.shape[1:] != (4,):
        raise ModelError(f"{path} can't be used: it holds {found.dtype} {found.shape} instead of uint64 (N, 4); {COPY}")
    return found
