"""Channel names and pixel size of a TIFF, from its OME-XML, ImageJ metadata or resolution tags."""

from __future__ import annotations

from xml.etree import ElementTree

from tifffile import TiffFile

_MICROMETRES = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "micrometre", "\\u00b5m"), 1.0),
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inch": 25_400.0,
}
_TIFF_UNITS = {2: "inch", 3: "cm"}
_PLAUSIBLE_UM = (0.01, 20.0)
"""Range of a microscope; values outside are the resolution of a printer."""


def channel_names(tiff: TiffFile, n_channels: int) -> tuple[str, ...]:
    """Names of the channels in the OME-XML.

    Parameters
    ----------
    tiff : TiffFile
        An open file.
    n_channels : int
        Number of channels of the image.

    Returns
    -------
    tuple of str
        One name per channel; empty if the file gives none.
    """
    names = [channel.get("Name") or "" for channel in _ome(tiff, "Channel")][:n_channels]
    return tuple(names) if len(names) == n_channels else ("",) * n_channels


def pixel_size_um(tiff: TiffFile) -> float | None:
    """Edge of a pixel in micrometres, or None if the file does not give it."""
    for size in (_ome_pixel_size(tiff), _tag_pixel_size(tiff)):
        if size is not None and _PLAUSIBLE_UM[0] <= size <= _PLAUSIBLE_UM[1]:
            return size
    return None


def says_synthetic(tiff: TiffFile) -> bool:
    """Whether the description of the file says that its cells are synthetic."""
    return "synthetic" in (tiff.pages.first.description or "").lower()


def _ome(tiff: TiffFile, element: str) -> list[ElementTree.Element]:
    """Elements of that name in the first image of the OME-XML, of any schema version."""
    if not tiff.is_ome:
        return []
    try:
        root = ElementTree.fromstring(tiff.pages.first.description)
    except ElementTree.ParseError:
        return []
    image = root.find("{*}Image")
    return [] if image is None else image.findall(f".//{{*}}{element}")


def _ome_pixel_size(tiff: TiffFile) -> float | None:
    for pixels in _ome(tiff, "Pixels"):
        unit = _MICROMETRES.get(pixels.get("PhysicalSizeXUnit", "µm").lower())
        try:
            return None if unit is None else float(pixels.get("PhysicalSizeX", "")) * unit
        except ValueError:
            return None
    return None


def _tag_pixel_size(tiff: TiffFile) -> float | None:
    tags = tiff.pages.first.tags
    pixels, units = tags.valueof("XResolution", (0, 1))
    if tiff.is_imagej:
        unit = _MICROMETRES.get(str((tiff.imagej_metadata or {}).get("unit", "")).lower())
    else:
        unit = _MICROMETRES.get(_TIFF_UNITS.get(int(tags.valueof("ResolutionUnit", 0)), ""))
    return units / pixels * unit if unit and pixels and units else None
