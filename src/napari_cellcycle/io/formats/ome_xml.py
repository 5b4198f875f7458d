"""The OME-XML of TIFF files: names of channels, pixel sizes, and which plane lies in which file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PureWindowsPath
from xml.etree import ElementTree

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.formats.base import SYNTHETIC
from napari_cellcycle.io.plain_files import plain_bytes

COMPANION = ".companion.ome"
"""Ending of a file that describes the TIFF files next to it."""
_MOST_BYTES = 256 * 2**20
_LEAST_PLANE_BYTES = 64
"""A plane has a directory of some 100 bytes, or is listed in one."""
_FEW_PLANES = 1000
"""So many may be missing from any file."""
_LONGEST = 25
_MICROMETRES = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "micrometre", "\\u00b5m"), 1.0),
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inch": 25_400.0,
}


def micrometres(unit: str) -> float | None:
    """Length of a unit in micrometres; None if it is not known."""
    return _MICROMETRES.get(unit.lower())


@dataclass(frozen=True, eq=False)
class Block:
    """Some consecutive planes of an image: the first one, in which file they lie, and where."""

    first: tuple[int, int, int]
    file: str
    page: int
    n_planes: int | None


@dataclass(frozen=True, eq=False)
class OmeImage:
    """One ``Image`` element."""

    element: ElementTree.Element
    own_name: str
    own_uuid: str

    @property
    def name(self) -> str:
        """Its name; may be empty."""
        return self.element.get("Name") or ""

    @cached_property
    def pixels(self) -> ElementTree.Element:
        """Its ``Pixels``, empty if it has none."""
        found = self.element.find("{*}Pixels")
        return ElementTree.Element("Pixels") if found is None else found

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of its channels; empty for one without a name."""
        return tuple(channel.get("Name") or "" for channel in self.pixels.findall("{*}Channel"))

    @property
    def pixel_size_um(self) -> float | None:
        """Edge of a pixel in micrometres."""
        unit = micrometres(self.pixels.get("PhysicalSizeXUnit", "µm"))
        try:
            return None if unit is None else float(self.pixels.get("PhysicalSizeX", "")) * unit
        except ValueError:
            return None

    @property
    def is_synthetic(self) -> bool:
        """Whether its own description, and no other text, says that its cells are synthetic."""
        description = self.element.find("{*}Description")
        return description is not None and (description.text or "").strip().startswith(SYNTHETIC)

    def length(self, axis: str) -> int:
        """Length of an axis; of C, the number of ``Channel`` elements, as SizeC counts colours."""
        n_channels = len(self.channels)
        said = self.pixels.get(f"Size{axis}", "1").strip()
        return n_channels if axis == "C" and n_channels else int(said) if said.isdecimal() and len(said) < 19 else -1

    def blocks(self) -> Iterator[Block]:
        """Where its planes lie; in each, channel, focal plane and time run as ``DimensionOrder`` says."""
        for block in self.pixels.findall("{*}TiffData"):
            first = [int(block.get(f"First{axis}", "0")) for axis in "CZT"]
            count = block.get("PlaneCount") or ("1" if "IFD" in block.attrib else None)
            file = _file_of(block, self.own_name, self.own_uuid)
            n_planes = int(count) if count else None
            yield Block((first[0], first[1], first[2]), file, int(block.get("IFD", "0")), n_planes)


@dataclass(frozen=True, eq=False)
class Ome:
    """The OME-XML of a file.

    Attributes
    ----------
    images : tuple of OmeImage
        Its images, in their order.
    is_elsewhere : bool
        Whether it lies in another file.
    has_modulo : bool
        Whether annotations split an axis into two.
    """

    images: tuple[OmeImage, ...]
    is_elsewhere: bool = False
    has_modulo: bool = False

    @property
    def files(self) -> set[str]:
        """Names of the files in which its planes lie."""
        return {block.file for image in self.images for block in image.blocks()}


def parse_ome(text: str, path: Path) -> Ome | None:
    """Read the OME-XML of a TIFF file, or of the file that it names as its metadata.

    Parameters
    ----------
    text : str
        Description of the first page.
    path : Path
        The TIFF file.

    Returns
    -------
    Ome or None
        None if the text is no OME-XML.

    Raises
    ------
    ReadError
        The metadata lie in another file, which is missing.
    """
    root = _root(text)
    if root is None:
        return None
    uuid, only = root.get("UUID", ""), root.find("{*}BinaryOnly")
    if only is not None:
        root = _root(_metadata(path, only.get("MetadataFile", "")))
        if root is None:
            raise ReadError(f"{only.get('MetadataFile')}, which describes {path.name}, is damaged; export it again")
    images = tuple(OmeImage(element, path.name, uuid) for element in root.findall("{*}Image"))
    annotations = (each for part in root.findall("{*}StructuredAnnotations") for each in part)
    has_modulo = any(each.get("Namespace", "").endswith("modulo") for each in annotations)
    ome = Ome(images, only is not None, has_modulo)
    _check_counts(ome, path)
    return ome


def _check_counts(ome: Ome, path: Path) -> None:
    """Refuse numbers of planes that no file of this size can have: they would be counted for hours."""
    known = [found for name in ome.files | {path.name} if (found := locate(path.parent, name)) is not None]
    n_missing = len(ome.files | {path.name}) - len(known)
    room = sum(found.stat().st_size for found in known) // _LEAST_PLANE_BYTES
    most = max(_FEW_PLANES, room) * (1 + n_missing)
    for image in ome.images:
        lengths = [image.length(axis) for axis in "CZT"]
        if min(lengths) < 1 or lengths[0] * lengths[1] * lengths[2] > most:
            counted = " x ".join(f"{length:,}"[:_LONGEST] for length in lengths)
            raise ReadError(
                f"{path.name} is damaged: its OME-XML says {counted} channels, focal planes and times, which a file of "
                "its size can't have; export it again"
            )


def companion_of(path: Path) -> Ome | None:
    """Find the OME-XML of a TIFF file that has none and does not say where it is.

    Parameters
    ----------
    path : Path
        The TIFF file.

    Returns
    -------
    Ome or None
        That of a ``.companion.ome`` in the same folder that names the file; else None.
    """
    try:
        companions = _companions(path.parent, path.parent.stat().st_mtime_ns)
    except OSError:
        return None
    root = next((root for names, root in companions if path.name in names), None)
    if root is None:
        return None
    return Ome(tuple(OmeImage(element, path.name, "") for element in root.findall("{*}Image")), True)


@lru_cache(maxsize=8)
def _companions(folder: Path, _changed: int) -> list[tuple[set[str], ElementTree.Element]]:
    """Names of the files that each companion file in a folder describes, and its content."""
    found = []
    for name in sorted(name for name in os.listdir(folder) if name.lower().endswith(COMPANION)):
        root = _root(_text(folder / name))
        if root is not None:
            found.append(({uuid.get("FileName", "") for uuid in root.iter() if uuid.tag.endswith("}UUID")}, root))
    return found


def _text(path: Path) -> str:
    """Of a companion file; empty if it can't be read."""
    try:
        return plain_bytes(path, _MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _root(text: str) -> ElementTree.Element | None:
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError):  # an unknown encoding is a LookupError
        return None
    return root if root.tag.rpartition("}")[2] == "OME" else None


def _metadata(path: Path, name: str) -> str:
    """Text of the companion file, or the description of the TIFF that stands for it."""
    found = locate(path.parent, name)
    if not name or found is None:
        raise ReadError(
            f"{name or 'the metadata file'}, which says what {path.name} shows, is missing; copy it to the same folder"
        )
    if found.suffix.lower() in (".tif", ".tiff", ".tf2", ".tf8", ".btf"):
        from tifffile import TiffFile

        with TiffFile(found, _multifile=False) as tiff:
            return str(tiff.pages.first.description or "")
    return _text(found)


def locate(folder: Path, name: str) -> Path | None:
    """Find a file that OME-XML names.

    Parameters
    ----------
    folder : Path
        Folder of the file with the OME-XML.
    name : str
        The name in it, which may have folders of another computer in front.

    Returns
    -------
    Path or None
        The file in `folder`, or where the name says; None if it is missing.
    """
    candidates = (folder / name, folder / PureWindowsPath(name).name) if name else ()
    return next((path for path in candidates if path.is_file()), None)


def _file_of(block: ElementTree.Element, own_name: str, own_uuid: str) -> str:
    """Name of the file with these planes. A file knows itself by its UUID too, as users rename files."""
    uuid = block.find("{*}UUID")
    if uuid is None or (own_uuid and (uuid.text or "").strip() == own_uuid):
        return own_name
    return uuid.get("FileName") or (uuid.text or "").strip() or own_name
