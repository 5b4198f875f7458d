"""A map of cells in two dimensions, in which cells lie side by side that the network sees as alike."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import evenly_spaced
from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.events import Job, Progress

PCA, UMAP = "pca", "umap"
EMBEDDINGS = (PCA, UMAP)
MOST_FITTED = 20_000
"""More cells add nothing to where the axes lie, but much to the time that UMAP takes."""
_AT_A_TIME = 20_000
_UMAP_NEIGHBOURS = 15


@dataclass(frozen=True, eq=False)
class Embedding:
    """Places of cells on a map.

    Attributes
    ----------
    positions : ndarray of float32, shape (N, 2)
        NaN for cells whose image could not be read.
    method : {"pca", "umap"}
        How they were found.
    explained : tuple of float
        With PCA, share of the variance along each axis; else empty.
    """

    positions: NDArray[np.float32]
    method: str
    explained: tuple[float, ...] = ()

    @property
    def axes(self) -> tuple[str, str]:
        """What the axes are called."""
        if not self.explained:
            return ("UMAP 1", "UMAP 2")
        first, second = (f"PC {n} ({share:.0%} of variance)" for n, share in enumerate(self.explained, 1))
        return (first, second)


def has_umap() -> bool:
    """Whether the package umap-learn is installed."""
    return find_spec("umap") is not None


def embed(
    features: NDArray[np.float32], method: str = PCA, *, seed: int = 0, most: int = MOST_FITTED
) -> Job[Progress, Embedding]:
    """Lay out cells by their features.

    Parameters
    ----------
    features : ndarray of float32, shape (N, F)
        From `predict.extract_features`; NaN for cells that could not be read.
    method : {"pca", "umap"}
        Principal components, or UMAP [1]_ where the package umap-learn is installed.
    seed : int
        The same seed and cells give the same map.
    most : int
        Cells by which the map is made, evenly spaced; the others are placed on it.

    Returns
    -------
    Job of Embedding

    Raises
    ------
    SettingError
        The method is unknown, or its package is not installed.
    TooFewCellsError
        Fewer than three cells could be read.

    References
    ----------
    .. [1] McInnes, Healy and Melville (2018), :doi:`10.48550/arXiv.1802.03426`
    """
    if method not in EMBEDDINGS:
        raise SettingError(f"embedding is {method!r}, but must be one of {', '.join(EMBEDDINGS)}")
    if method == UMAP and not has_umap():
        raise SettingError(
            "the embedding umap needs the package umap-learn; install it with pip install 'napari-cellcycle[umap]', or "
            "choose pca"
        )
    rows = np.flatnonzero(np.isfinite(features).all(axis=1))
    if len(rows) < 3:
        raise TooFewCellsError(f"{len(rows)} cells could be read, but an embedding needs at least 3")
    yield Progress(0, len(rows), f"computing the {method.upper()}")
    fitted = _fit(features[rows[evenly_spaced(len(rows), most)]], method, seed)
    positions = np.full((len(features), 2), np.nan, np.float32)
    if method == UMAP and len(rows) <= most:  # its own `transform` would only come near to where it put them
        positions[rows], rows = fitted.embedding_, rows[:0]
    for start in range(0, len(rows), _AT_A_TIME):
        some = rows[start : start + _AT_A_TIME]
        positions[some] = fitted.transform(features[some])
        yield Progress(start + len(some), len(rows), f"computing the {method.upper()}")
    explained = tuple(map(float, fitted.explained_variance_ratio_)) if method == PCA else ()
    return Embedding(positions, method, explained)


def _fit(features: NDArray[np.float32], method: str, seed: int) -> Any:
    """A fitted estimator of scikit-learn's kind."""
    if method == PCA:
        from sklearn.decomposition import PCA as PrincipalComponents

        return PrincipalComponents(2, random_state=seed).fit(features)
    from umap import UMAP as UniformManifold

    neighbours = min(_UMAP_NEIGHBOURS, len(features) - 1)
    return UniformManifold(n_neighbors=neighbours, random_state=seed, n_jobs=1).fit(features)
