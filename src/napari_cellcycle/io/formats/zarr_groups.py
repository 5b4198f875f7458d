"""What an OME-Zarr folder holds: one image, or many in a plate, a well or the layout of bioformats2raw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.plain_files import plain_bytes

ZARR_SUFFIX = ".zarr"
_METADATA = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
_MOST_BYTES = 64 * 2**20
_DEEPEST = 4
"""A plate has rows, wells and fields."""


def enclosing_zarr(path: PurePath) -> PurePath | None:
    """The outermost ``.zarr`` folder that a path is or lies in, or None.

    Examples
    --------
    >>> str(enclosing_zarr(PurePath("plate.zarr/A/1")))
    'plate.zarr'
    """
    found = [each for each in (path, *path.parents) if each.suffix.lower() == ZARR_SUFFIX]
    return found[-1] if found else None


def shown_name(path: PurePath) -> str:
    """Name of an image for messages: in an OME-Zarr, with the folders inside it.

    Examples
    --------
    >>> shown_name(PurePath("data/plate.zarr/A/1/0")), shown_name(PurePath("data/a.tif"))
    ('plate.zarr/A/1/0', 'a.tif')
    """
    enclosing = enclosing_zarr(path)
    return path.name if enclosing is None else path.relative_to(enclosing.parent).as_posix()


def attributes_of(group: Path) -> dict[str, Any]:
    """The metadata of a group, of version 0.4 or 0.5; empty if it has none. It needs no other package."""
    for name in ("zarr.json", ".zattrs"):
        try:
            found = json.loads(plain_bytes(group / name, _MOST_BYTES))
        except (OSError, ValueError, RecursionError):
            continue
        if name == "zarr.json":
            found = found.get("attributes") if isinstance(found, dict) else None
        if isinstance(found, dict):
            ome = found.get("ome")
            return {**found, **ome} if isinstance(ome, dict) else found
    return {}


def find_images(path: Path) -> list[Path]:
    """The images in an OME-Zarr folder, or in a group inside one.

    Parameters
    ----------
    path : Path
        An image, a well, a plate, or a folder that holds them.

    Returns
    -------
    list of Path
        The groups of the images; `path` alone if it is none of these, so that opening it tells why.

    Raises
    ------
    ReadError
        It is a label image, or one resolution of an image.
    """
    if path.name in _METADATA:  # users choose this file, as a dialog offers no folders
        path = path.parent
    if not attributes_of(path).get("multiscales") and attributes_of(path.parent).get("multiscales"):
        raise ReadError(f"{shown_name(path)} is one resolution of an image; open {shown_name(path.parent)} instead")
    found = list(_images(path, _DEEPEST)) or [path]
    if found == [path] and ("image-label" in attributes_of(path) or path.parent.name == "labels"):
        raise ReadError(
            f"{shown_name(path)} is a label image; open the image that it belongs to, with --labels {path.name}"
        )
    return found


def _images(group: Path, depth: int) -> Iterator[Path]:
    attributes = attributes_of(group)
    if "multiscales" in attributes:
        yield group
        return
    if depth == 0:
        return
    listed = _listed(attributes) or _listed({"series": attributes_of(group / "OME").get("series", [])})
    for name in listed or _below(group):
        inside = group / name
        known = attributes_of(inside)
        if "well" in attributes or "bioformats2raw.layout" in attributes or "multiscales" in known:
            yield inside  # also if it is missing, so that opening it tells that
        elif "plate" in attributes and not known:
            yield inside
        else:
            yield from _images(inside, depth - 1)


def _listed(attributes: dict[str, Any]) -> list[str]:
    """The paths that the metadata of a group list."""
    try:
        if "plate" in attributes:
            return [str(well["path"]) for well in attributes["plate"]["wells"]]
        if "well" in attributes:
            return [str(image["path"]) for image in attributes["well"]["images"]]
        return [str(name) for name in attributes.get("series", [])]
    except (KeyError, TypeError):
        return []


def _below(group: Path) -> list[str]:
    """Names of the groups in a group that lists none; ``OME`` holds metadata and ``labels`` no images."""
    try:
        names = [each.name for each in group.iterdir() if each.is_dir() and each.name not in ("OME", "labels")]
    except OSError:
        return []
    groups = (name for name in names if any((group / name / metadata).is_file() for metadata in _METADATA))
    return sorted(groups, key=lambda name: (len(name), name))


def plate_columns(image: Path) -> dict[str, str]:
    """Well and field of an image in a plate; empty for any other image.

    Examples
    --------
    >>> plate_columns(Path("missing.zarr/0"))
    {}
    """
    well = image.parent
    if "well" not in attributes_of(well):
        return {}
    return {"well": f"{well.parent.name}{well.name}", "field": image.name}
