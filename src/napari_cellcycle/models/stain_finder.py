"""Nuclei in the image of a DNA stain, as a finder: for fields and films whose nuclei are stained."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import DNA

STAIN = "stain"


@dataclass(frozen=True, eq=False)
class StainFinder:
    """Finds living nuclei in the channel ``dna``, with `images.nuclei.label_nuclei`.

    Attributes
    ----------
    name, channel : str
        As of every finder.
    diameter_px : float or None
        Usual diameter of a nucleus, if it is not to be measured.
    reasons : list of str
        Why objects were left out, of all images so far.
    """

    name: str = STAIN
    channel: str = DNA
    diameter_px: float | None = None
    reasons: list[str] = field(default_factory=list)

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

        nuclei = label_nuclei(image, diameter_px=self.diameter_px)
        self.reasons.extend(nuclei.reasons.values())
        return nuclei.labels
