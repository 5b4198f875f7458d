"""How an Amnis file was acquired, from its first directory. Personal data are never read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from napari_cellcycle.io.amnis.tiff_directories import Tag

N_CAMERA_CHANNELS = 12
PIXEL_SIZES_UM = {20: 1.0, 40: 0.5, 60: 0.3}
"""Edge of a pixel in micrometres by magnification."""

_CHANNEL_COUNT, _OBJECT_COUNT, _ACQUISITION_XML = 33000, 33018, 33027
_MOST_XML_BYTES = 1 << 22


@dataclass(frozen=True)
class Acquisition:
    """How the objects were recorded.

    Attributes
    ----------
    channels, brightfield : tuple of int
        Numbers (from 1) of the channels in use, in the order of the images, and of the brightfield ones among them.
    magnification : int or None
        Of the objective.
    n_objects : int
        According to the header; 0 if it does not say.
    problem : str or None
        What had to be guessed because the header does not say it.
    """

    channels: tuple[int, ...]
    brightfield: tuple[int, ...]
    magnification: int | None
    n_objects: int
    problem: str | None = None


def read_acquisition(file: BinaryIO, tags: Mapping[int, Tag]) -> Acquisition:
    """Read how the objects were recorded.

    Parameters
    ----------
    file : binary file
        The Amnis file.
    tags : mapping of int to Tag
        Entries of the first directory, from `read_first`.

    Returns
    -------
    Acquisition
        With a problem if the header does not agree with itself.

    Raises
    ------
    ValueError
        The header names no channels.
    """
    xml = _xml(file, tags)
    n_channels = tags[_CHANNEL_COUNT].value if _CHANNEL_COUNT in tags else 0
    channels, problem = _flagged(xml, "ChannelInUseIndicators_0_11"), None
    if not channels and 0 < n_channels <= N_CAMERA_CHANNELS:
        channels = tuple(range(1, n_channels + 1))
        problem = f"its header doesn't say which channels are in use, so channels 1 to {n_channels} are assumed"
    if not channels:
        raise ValueError("its header names no channels")
    if n_channels and n_channels != len(channels):
        problem = f"its header gives {n_channels} channels, but marks {len(channels)} as in use"
    magnification = _text(xml, "Magnification").strip()
    return Acquisition(
        channels=channels,
        brightfield=tuple(channel for channel in _flagged(xml, "BfLedIndicators_0_11") if channel in channels),
        magnification=int(float(magnification)) if re.fullmatch(r"\d{1,3}(\.\d*)?", magnification) else None,
        n_objects=tags[_OBJECT_COUNT].value if _OBJECT_COUNT in tags else 0,
        problem=problem,
    )


def _xml(file: BinaryIO, tags: Mapping[int, Tag]) -> str:
    if _ACQUISITION_XML not in tags:
        return ""
    tag = tags[_ACQUISITION_XML]
    file.seek(tag.value)
    return file.read(min(tag.n_values, _MOST_XML_BYTES)).decode("utf-8", "replace")


def _text(xml: str, element: str) -> str:
    """Text of the first `element`. Not with an XML parser, as text typed by a user may not be well-formed."""
    found = re.search(rf"<{element}>([^<]*)</{element}>", xml)
    return found.group(1) if found else ""


def _flagged(xml: str, element: str) -> tuple[int, ...]:
    flags = _text(xml, element).split()[:N_CAMERA_CHANNELS]
    return tuple(number for number, flag in enumerate(flags, start=1) if flag == "1")
