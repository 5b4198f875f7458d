"""Pixel size of a TIFF, from its OME-XML, ImageJ metadata or resolution tags."""

from __future__ import annotations

from tifffile import TiffFile

from napari_cellcycle.io.formats.ome_xml import OmeImage, micrometres

_TIFF_UNITS = {2: "inch", 3: "cm"}
_PLAUSIBLE_UM = (0.01, 20.0)
"""Range of a microscope; values outside are the resolution of a printer."""


def pixel_size_um(tiff: TiffFile, image: OmeImage | None) -> float | None:
    """Edge of a pixel in micrometres, or None if the file does not give it.

    Parameters
    ----------
    tiff : TiffFile
        An open file.
    image : OmeImage or None
        What its OME-XML says of the image.

    Returns
    -------
    float or None
        A size that a microscope may have.
    """
    for size in (None if image is None else image.pixel_size_um, _tag_pixel_size(tiff)):
        if is_plausible(size):
            return size
    return None


def is_plausible(size: float | None) -> bool:
    """Whether a pixel size in micrometres may be that of a microscope."""
    return size is not None and _PLAUSIBLE_UM[0] <= size <= _PLAUSIBLE_UM[1]


def _tag_pixel_size(tiff: TiffFile) -> float | None:
    tags = tiff.pages.first.tags
    pixels, units = tags.valueof("XResolution", (0, 1))
    if tiff.is_imagej:
        unit = micrometres(str((tiff.imagej_metadata or {}).get("unit", "")))
    else:
        unit = micrometres(_TIFF_UNITS.get(int(tags.valueof("ResolutionUnit", 0)), ""))
    return units / pixels * unit if unit and pixels and units else None
