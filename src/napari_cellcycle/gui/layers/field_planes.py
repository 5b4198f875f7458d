"""What the first axis of an image layer counts, and which of its planes show a field.

napari takes every first axis for a slider, whatever it counts: a file with two channels, or with focal planes, is not a
film of two frames. The answer is kept where napari keeps it, in the layer's `axis_labels`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Image, Layer

TIME, CHANNELS, DEPTH = "time", "channels", "focal planes"
AXES = {"t": TIME, "c": CHANNELS, "z": DEPTH}
_WORDS = {"time": "t", "frame": "t", "channel": "c", "channels": "c", "depth": "z", "plane": "z"}
_FEW = 4
"""An axis that nothing is known of and that is no longer than this is taken for channels."""
_IN_FILES: WeakKeyDictionary[Image, str] = WeakKeyDictionary()
"""What files say, so that each is looked into once."""
_MOST_LOOKED_AT = 64
"""The header of a file with more planes takes long to read, and it is hardly anything but a film."""


@dataclass(frozen=True)
class FieldImage:
    """One image of a field: a whole layer, one of its planes, or with `sharpest` the sharpest of its focal planes."""

    layer: Image
    axis: str = ""
    plane: int | None = None
    sharpest: bool = False

    @property
    def title(self) -> str:
        """What users see."""
        if self.sharpest:
            return f"{self.layer.name} [sharpest plane]"
        if self.plane is None:
            return str(self.layer.name)
        return f"{self.layer.name} [{'channel' if self.axis == CHANNELS else 'z'} {self.plane}]"

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


def planes_of(layer: Image, layers: Iterable[Layer]) -> list[FieldImage]:
    """The images in a layer, the likeliest first; `layers` are all that are open."""
    axis = axis_of(layer, layers)
    if axis not in (CHANNELS, DEPTH):
        return [FieldImage(layer, axis)]
    planes = [FieldImage(layer, axis, plane) for plane in range(layer.data.shape[0])]
    return [FieldImage(layer, axis, sharpest=True), *planes] if axis == DEPTH else planes


def axis_of(layer: Image, layers: Iterable[Layer]) -> str:
    """What the first of three axes counts: `TIME`, `CHANNELS` or `DEPTH`; empty where there are two.

    It is what the user or a reader said, else what the file says, else a guess by labels and its length.
    """
    if layer.ndim != 3:
        return ""
    label = str(layer.axis_labels[0]).lower()
    letter = _WORDS.get(label, label)
    if letter not in AXES:
        letter = _IN_FILES[layer] if layer in _IN_FILES else _IN_FILES.setdefault(layer, _axis_in_file(layer))
    return AXES.get(letter) or _by_shape(layer, layers)


def set_axis(layer: Image, axis: str) -> None:
    """Keep what the first axis counts."""
    letter = next(letter for letter, name in AXES.items() if name == axis)
    layer.axis_labels = (letter, *layer.axis_labels[1:])


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


def _by_shape(layer: Image, layers: Iterable[Layer]) -> str:
    from napari.layers import Labels

    shape = layer.data.shape
    if any(isinstance(other, Labels) and other.data.shape == shape for other in layers):
        return TIME  # channels and focal planes share their labels
    return CHANNELS if shape[0] <= _FEW else TIME
