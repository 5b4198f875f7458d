"""Writing a stack of cells as an OME-Zarr image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import WriteError
from napari_cellcycle.io.formats.base import SYNTHETIC
from napari_cellcycle.io.formats.zarr import MASKS, NEEDS_ZARR, OUR_KEY
from napari_cellcycle.io.writers.stack import PutBlock, StackSpec

if TYPE_CHECKING:
    import zarr


@contextmanager
def zarr_stack(path: Path, spec: StackSpec) -> Iterator[PutBlock]:
    """Create an OME-Zarr 0.5 image, with the masks as labels. Its cells lie along t, as OME has no axis for cells.

    Parameters
    ----------
    path : Path
        The new folder.
    spec : StackSpec
        What it contains.

    Yields
    ------
    PutBlock
        Fills the stack, block by block.

    Raises
    ------
    WriteError
        The packages for OME-Zarr are not installed.
    """
    try:
        import zarr
        from ome_zarr.writer import write_multiscales_metadata
    except ImportError as error:
        raise WriteError(NEEDS_ZARR) from error
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    group.attrs[OUR_KEY] = {"t": "cell", "description": SYNTHETIC if spec.synthetic else ""}
    omero = {"channels": [{"label": name, "color": "FFFFFF"} for name in spec.channels]}
    write_multiscales_metadata(
        group, _level(spec, 4), axes=_axes(spec, "tcyx"), name="cells", metadata={"omero": omero}
    )
    blocks = (spec.block_cells, *spec.shape[1:])
    pixels = group.create_array("0", shape=spec.shape, chunks=blocks, dtype=spec.dtype)
    masks = _mask_array(group, spec) if spec.masks else None

    def put(first: int, images: NDArray[np.generic], inside: NDArray[np.uint8]) -> None:
        pixels[first : first + len(images)] = images
        if masks is not None:
            masks[first : first + len(images)] = inside

    yield put


def _mask_array(group: zarr.Group, spec: StackSpec) -> zarr.Array[Any]:
    from ome_zarr.writer import write_label_metadata, write_multiscales_metadata

    labels = group.create_group("labels")
    image = labels.create_group(MASKS)
    write_multiscales_metadata(image, _level(spec, 3), axes=_axes(spec, "tyx"), name=MASKS)
    write_label_metadata(labels, MASKS)
    n_cells, _, height, width = spec.shape
    shape, chunks = (n_cells, height, width), (spec.block_cells, height, width)
    return image.create_array("0", shape=shape, chunks=chunks, dtype=np.uint8)


def _level(spec: StackSpec, n_axes: int) -> list[dict[str, Any]]:
    scale = [*[1.0] * (n_axes - 2), *[spec.pixel_size_um or 1.0] * 2]
    return [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]


def _axes(spec: StackSpec, names: str) -> list[dict[str, str]]:
    types = {"t": "time", "c": "channel", "y": "space", "x": "space"}
    unit = {} if spec.pixel_size_um is None else {"unit": "micrometer"}
    return [{"name": name, "type": types[name], **(unit if types[name] == "space" else {})} for name in names]
