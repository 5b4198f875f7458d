"""Nuclei in the image of a DNA stain, as a finder: for films whose nuclei are marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import DNA

STAIN = "stain"


@dataclass(frozen=True)
class StainFinder:
    """Finds living nuclei in the channel ``dna``, with `images.nuclei.label_nuclei`."""

    name: str = STAIN
    channel: str = DNA

    def find(self, image: NDArray[np.generic], pixel_size_um: float | None = None) -> NDArray[np.int32]:
        """Find nuclei.

        Parameters
        ----------
        image : ndarray, shape (Y, X)
            The stain: nuclei are bright.
        pixel_size_um : float, optional
            Not used: the size of nuclei is measured in the image.

        Returns
        -------
        ndarray of int32, shape (Y, X)
        """
        from napari_cellcycle.images.nuclei import label_nuclei

        return label_nuclei(image).labels
