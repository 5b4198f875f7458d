"""What the first axis of an image layer counts, and which of its planes show a field.

napari takes every first axis for a slider, whatever it counts: a file with two channels, or with focal planes, is not a
film of two frames. The answer is kept where napari keeps it, in the layer's `axis_labels`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

TIME, CHANNELS, DEPTH = "time", "channels", "focal planes"
AXES = {"t": TIME, "c": CHANNELS, "z": DEPTH}
_WORDS = {"time": "t", "frame": "t", "channel": "c", "channels": "c", "depth": "z", "plane": "z"}
_FEW = 4
"""An axis that nothing is known of and that is no longer than this is taken for channels."""
_MOST_LOOKED_AT = 64
"""The header of a file with more planes takes long to read, and it is hardly anything but a film."""


@dataclass(frozen=True)
class FieldImage:
    """One image of a field: a whole layer, one of its planes, or with `sharpest` the sharpest of its focal planes."""

    layer: Image
    plane: int | None = None
    sharpest: bool = False

    @property
    def title(self) -> str:
        """What users see."""
        if self.sharpest:
            return f"{self.layer.name} [sharpest plane]"
        if self.plane is None:
            return str(self.layer.name)
        return f"{self.layer.name} [{'channel' if axis_of(self.layer) == CHANNELS else 'z'} {self.plane}]"

    @property
    def data(self) -> Any:
        """Its pixels: (Y, X), or (T, Y, X) of a film."""
        if self.sharpest:
            return SharpestPlane(self.layer.data)
        return self.layer.data if self.plane is None else self.layer.data[self.plane]


@dataclass(frozen=True, eq=False)
class SharpestPlane:
    """One plane of a stack, which is looked for when its pixels are needed: in a job's thread."""

    stack: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""
        return tuple(self.stack.shape[1:])

    @property
    def ndim(self) -> int:
        """Always 2."""
        return 2

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.asarray(self._plane, dtype)

    @cached_property
    def _plane(self) -> NDArray[Any]:
        from napari_cellcycle.io.formats.focus import sharpest

        planes = [np.asarray(plane) for plane in self.stack]
        return planes[sharpest(planes)]


def planes_of(layer: Image) -> list[FieldImage]:
    """The images in a layer, the likeliest first."""
    axis = axis_of(layer)
    if axis not in (CHANNELS, DEPTH):
        return [FieldImage(layer)]
    planes = [FieldImage(layer, plane) for plane in range(layer.data.shape[0])]
    return [FieldImage(layer, sharpest=True), *planes] if axis == DEPTH else planes


def axis_of(layer: Image) -> str:
    """What the first of three axes counts: `TIME`, `CHANNELS` or `DEPTH`; empty where there are two."""
    if layer.ndim != 3:
        return ""
    label = str(layer.axis_labels[0]).lower()
    return AXES.get(_WORDS.get(label, label), TIME)


def set_axis(layer: Image, axis: str) -> None:
    """Keep what the first axis counts."""
    letter = next(letter for letter, name in AXES.items() if name == axis)
    layer.axis_labels = (letter, *layer.axis_labels[1:])


def guess_axis(viewer: ViewerModel, layer: Image) -> None:
    """Keep what the first axis seems to count, unless that is known: by the file, by labels, or by its length."""
    label = str(layer.axis_labels[0]).lower()
    if layer.ndim != 3 or _WORDS.get(label, label) in AXES:
        return
    set_axis(layer, AXES.get(_axis_in_file(layer), "") or _by_shape(viewer, layer))


def _axis_in_file(layer: Image) -> str:
    """The letter of the first axis in the TIFF that napari opened, if it names one that we know."""
    path = layer.source.path
    if path is None or Path(path).suffix.lower() not in (".tif", ".tiff") or layer.data.shape[0] > _MOST_LOOKED_AT:
        return ""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            axes = [axis for axis, length in zip(series.axes, series.shape, strict=True) if length > 1 or axis in "YX"]
    except (OSError, ValueError, IndexError, KeyError, tifffile.TiffFileError):  # napari could open it, so whatever
        return ""
    return axes[0].lower() if len(axes) == 3 else ""


def _by_shape(viewer: ViewerModel, layer: Image) -> str:
    from napari.layers import Labels

    shape = layer.data.shape
    if any(isinstance(other, Labels) and other.data.shape == shape for other in viewer.layers):
        return TIME  # channels and focal planes share their labels
    return CHANNELS if shape[0] <= _FEW else TIME
