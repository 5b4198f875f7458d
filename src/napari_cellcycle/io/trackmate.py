"""TrackMate's XML: read its tracks, and write phases back as features of its spots."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np

from napari_cellcycle.errors import ReadError, reason_of
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.phase_table import MOST_BYTES
from napari_cellcycle.io.plain_files import plain_bytes
from napari_cellcycle.tracking.track_table import MergeError, TrackTable, cut_at_divisions

_OURS = "CELLCYCLE_"
_WRITTEN_BEFORE = re.compile(rb'\sCELLCYCLE_[A-Z_]+="[^"]*"|\n?<Feature feature="CELLCYCLE_[^>]*/>')


def parse_trackmate(path: Path, text: str) -> TrackTable:
    """Tracks of a file that TrackMate saved.

    Parameters
    ----------
    path : Path
        The file, for messages.
    text : str
        What is in it.

    Returns
    -------
    TrackTable
        Spots of tracks that pass TrackMate's filters; a lineage is cut into tracks at divisions.

    Raises
    ------
    ReadError
        It is damaged, of another kind, or has merges.
    """
    try:
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("it defines entities, which TrackMate never does")
        root = ElementTree.fromstring(text.encode())
        spots, edges = _spots(root), _edges(root)
        if root.find(".//AllSpots") is None or not edges:
            raise ValueError("it has no spots in tracks")
        pixel = root.find("Settings/ImageData")
        size = 0.0 if pixel is None else float(pixel.get("pixelwidth", 0))
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError, OverflowError) as error:
        reason = reason_of(error)
        raise ReadError(f"{path.name} is no file of TrackMate or is damaged ({reason}); save it again") from error
    if any(spot not in spots for edge in edges for spot in edge):
        raise ReadError(f"{path.name} links spots that it does not have; save it again")
    try:
        number, parents = cut_at_divisions({spot: values[0] for spot, values in spots.items()}, edges)
    except MergeError as error:
        raise ReadError(f"{path.name} {error}; undo merges in TrackMate") from error
    rows = list(number)
    model = root.find("Model")
    return TrackTable(
        np.array(list(number.values())),
        np.array([spots[spot][0] for spot in rows]),
        parents,
        position=np.array([spots[spot][1:] for spot in rows]),
        unit="" if model is None else model.get("spatialunits", ""),
        pixel_size=size if size > 0 else None,
        spot=np.array(rows),
    )


def _spots(root: ElementTree.Element) -> dict[int, tuple[int, float, float]]:
    """Frame, y and x by id."""
    return {
        int(spot.attrib["ID"]): (
            round(float(spot.attrib["FRAME"])),
            float(spot.attrib["POSITION_Y"]),
            float(spot.attrib["POSITION_X"]),
        )
        for spot in root.iterfind(".//AllSpots//Spot")
    }


def _edges(root: ElementTree.Element) -> list[tuple[int, int]]:
    """Pairs of spots that are linked, of the tracks that pass TrackMate's filters."""
    kept = {int(track.attrib["TRACK_ID"]) for track in root.iterfind(".//FilteredTracks/TrackID")}
    filtered = root.find(".//FilteredTracks") is not None
    return [
        (int(edge.attrib["SPOT_SOURCE_ID"]), int(edge.attrib["SPOT_TARGET_ID"]))
        for track in root.iterfind(".//AllTracks/Track")
        if not filtered or int(track.attrib["TRACK_ID"]) in kept
        for edge in track.iterfind("Edge")
    ]


@dataclass(frozen=True, eq=False)
class SpotFeature:
    """A number for each spot.

    Attributes
    ----------
    name : str
        In capitals, as ``PHASE``.
    title : str
        As TrackMate shows it.
    values : mapping of int to float
        By the id of the spot; spots that are not in it get none.
    is_whole : bool
        Whether the numbers are whole.
    """

    name: str
    title: str
    values: Mapping[int, float]
    is_whole: bool = False

    @property
    def declaration(self) -> bytes:
        """Its line among the features of spots."""
        kind = str(self.is_whole).lower()
        short = self.title[:16]
        return (
            f'\n<Feature feature="{_OURS}{self.name}" name="{self.title}" shortname="{short}" '
            f'dimension="NONE" isint="{kind}" />'
        ).encode()


def write_spot_features(original: Path, features: list[SpotFeature], path: Path) -> None:
    """Write a copy of a file of TrackMate whose spots have more features; all else is as it was, to the byte.

    Parameters
    ----------
    original : Path
        The file, which is not changed.
    features : list of SpotFeature
        What the spots get. Features that an earlier call wrote are replaced.
    path : Path
        The copy.

    Raises
    ------
    ReadError
        The original can't be read.
    WriteError
        The copy can't be written.
    """
    content = _WRITTEN_BEFORE.sub(b"", plain_bytes(original, MOST_BYTES))
    inserted = _places(content, features, original)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        done = 0
        for place, text in sorted(inserted):
            file.write(content[done:place] + text)
            done = place
        file.write(content[done:])


def _places(content: bytes, features: list[SpotFeature], original: Path) -> list[tuple[int, bytes]]:
    """What is inserted where, as byte offsets."""
    found: list[tuple[int, bytes]] = []
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "Spot" and attributes.get("ID", "").isdecimal():
            spot = int(attributes["ID"])
            known = [(each.name, each.values[spot]) for each in features if spot in each.values]
            text = "".join(f' {_OURS}{name}="{float(value):.6g}"' for name, value in known)
            found.append((parser.CurrentByteIndex + len("<Spot"), text.encode()))

    def end(name: str) -> None:
        at = parser.CurrentByteIndex
        if name == "SpotFeatures" and content.startswith(b"</", at):
            found.append((at, b"".join(each.declaration for each in features)))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ReadError(f"{original.name} is damaged ({reason_of(error)}); save it again") from error
    return found
