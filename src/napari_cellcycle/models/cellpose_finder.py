"""Cellpose as a finder, where it is installed; nothing here needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.errors import ModelError

CELLPOSE = "cellpose"


@dataclass(frozen=True, eq=False)
class CellposeFinder:
    """The default network of the installed Cellpose (Stringer et al. 2021, :doi:`10.1038/s41592-020-01018-x`)."""

    network: Any = field(repr=False)
    name: str = CELLPOSE
    channel: str = BRIGHTFIELD

    @classmethod
    def load(cls) -> CellposeFinder:
        """Load its network, which Cellpose itself downloads at first use.

        Raises
        ------
        ModelError
            Cellpose is not installed, or can't load its network.
        """
        try:
            from cellpose import models
        except ImportError as error:
            raise ModelError(
                "the finder cellpose needs the package of this name; install it with pip install cellpose, or choose "
                "another finder"
            ) from error
        try:
            return cls(models.CellposeModel(gpu=False))
        except Exception as error:
            raise ModelError(
                f"cellpose can't load its network ({error}); see whether cellpose works by itself"
            ) from error

    def find(self, image: NDArray[np.generic], pixel_size_um: float | None = None) -> NDArray[np.int32]:
        """Find objects.

        Parameters
        ----------
        image : ndarray, shape (Y, X)
            Brightfield.
        pixel_size_um : float, optional
            Not used: Cellpose judges the size by itself.

        Returns
        -------
        ndarray of int32, shape (Y, X)
        """
        return np.asarray(self.network.eval(np.asarray(image))[0]).astype(np.int32)
