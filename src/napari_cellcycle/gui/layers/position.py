"""Where a layer of the plugin is in the world: where the images are that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Layer


def position_of(below: Sequence[Layer], ndim: int) -> dict[str, Any]:
    """Options that put a new layer of `ndim` axes onto the first of the layers `below`.

    That one may have more axes, as a channel or a focal plane was taken out of it; the last ones are shared.
    """
    if not below:
        return {}
    layer = below[0]
    if layer.ndim == ndim:
        return {name: getattr(layer, name) for name in ("scale", "translate", "rotate", "shear", "affine", "units")}
    affine = np.asarray(layer.affine)
    return {
        "scale": layer.scale[-ndim:],
        "translate": layer.translate[-ndim:],
        "rotate": np.asarray(layer.rotate)[-ndim:, -ndim:],
        "affine": affine[-ndim - 1 :, -ndim - 1 :],
        "units": layer.units[-ndim:],
    }
