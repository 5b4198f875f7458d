"""IDEAS analysis files (.daf): the features of the objects of a .cif, and the populations that were gated on them.

A .daf is an XML text. IDEAS 6.2 and later writes the feature values behind that text, in binary; earlier versions write
them inside, as text. The images are in the .cif that the file names. Only what a gate needs is read: nothing personal
(sample names, users, paths) leaves this module.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ReadError, reason_of
from napari_cellcycle.io.plain_files import plain_bytes

Members = NDArray[np.bool_]

_END = b"</Assay>"
_BINARY_HEADER = struct.Struct("<2s3i")  # a mark, the version, and the numbers of features and objects
_BINARY_MARK = b"\0\x1e"
_LINEAR = "P"
_LOG_10 = float(np.log(10))  # one decade: where IDEAS's axis changes from linear to logarithmic


@dataclass(frozen=True, eq=False)
class IdeasAnalysis:
    """What a .daf says of the objects of its .cif.

    Attributes
    ----------
    cif_name : str
        File name of the .cif, without its folder.
    n_objects : int
        Objects in it; object numbers count from 0.
    populations : dict of str to ndarray of bool, shape (n_objects,)
        Members of each population, in the order of the file.
    tagged : frozenset of str
        Populations whose objects a person chose one by one, rather than by a gate on a feature.
    notes : tuple of str
        Populations that could not be worked out, and why.
    """

    cif_name: str
    n_objects: int
    populations: dict[str, Members]
    tagged: frozenset[str]
    notes: tuple[str, ...] = ()


def read_daf(path: Path) -> IdeasAnalysis:
    """Read the populations of an IDEAS analysis file.

    Parameters
    ----------
    path : Path
        The .daf file.

    Returns
    -------
    IdeasAnalysis
        With all populations that can be worked out from the features in the file.

    Raises
    ------
    ReadError
        It can't be read, is damaged, or is no .daf file.
    """
    try:
        content = plain_bytes(path)
    except OSError as error:
        raise ReadError(f"{path.name} can't be read ({error.strerror}); check its name and permissions") from error
    text, mark, rest = content.partition(_END)
    try:
        if b"<!DOCTYPE" in text[:10_000] or not mark:
            raise ValueError("it is no IDEAS analysis")
        return _analysis(ElementTree.fromstring(text + mark), rest)
    except (
        ElementTree.ParseError,
        ValueError,
        LookupError,  # an unknown encoding, or a value that is not there
        struct.error,
        RecursionError,
        OverflowError,
        MemoryError,
    ) as error:
        reason = reason_of(error)
        raise ReadError(f"{path.name} is no .daf file of IDEAS or is damaged ({reason}); save it again") from error


def _analysis(root: ElementTree.Element, rest: bytes) -> IdeasAnalysis:
    source = root.find(".//SOD")
    if source is None:
        raise ValueError("it names no .cif file")
    n_objects = int(source.attrib["objcount"])
    names = [feature.attrib["name"] for feature in root.iter("UDF")]
    values = dict(_values(root, rest, n_objects))
    if not values or not values.keys() <= set(range(len(names))):
        raise ValueError("its values don't fit its list of features")
    gates = _Gates(
        n_objects,
        {"Object Number": np.arange(n_objects, dtype=float), **{names[n]: column for n, column in values.items()}},
        {region.attrib["label"]: region for region in root.iter("Region")},
        {population.attrib["name"]: population for population in root.iter("Pop")},
    )
    populations, notes = {}, []
    for name in gates.populations:
        try:
            populations[name] = gates.members(name)
        except _UnknownGateError as error:
            notes.append(f"population {name!r} is left out: {error}")
    tagged = frozenset(name for name in populations if gates.is_tagged(name))
    return IdeasAnalysis(PureWindowsPath(source.attrib["file"]).name, n_objects, populations, tagged, tuple(notes))


def _values(root: ElementTree.Element, rest: bytes, n_objects: int) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Number of each feature, and its values, shape (n_objects,)."""
    if root.get("binaryfeatures", "").lower() != "true":
        for column in root.iter("UDFValues"):
            values = np.array(column.attrib["fv"].split("|"), np.float64)
            if len(values) != n_objects:
                raise ValueError(f"feature {column.attrib['fid']} has {len(values)} values for {n_objects} objects")
            yield int(column.attrib["fid"]), values
        return
    start = rest.index(_BINARY_MARK)
    _, _, n_features, n_values = _BINARY_HEADER.unpack_from(rest, start)
    if n_values != n_objects or n_features < 0:
        raise ValueError(f"it holds values of {n_values} objects, but {n_objects} are named")
    position = start + _BINARY_HEADER.size
    for _ in range(n_features):
        (number,) = struct.unpack_from("<i", rest, position)
        yield number, np.frombuffer(rest, "<f8", n_objects, position + 4)
        position += 4 + 8 * n_objects


class _UnknownGateError(Exception):
    """A population refers to what the file lacks, or is of an unknown kind."""


@dataclass(frozen=True, eq=False)
class _Gates:
    """The populations as the file defines them, worked out when asked for."""

    n_objects: int
    features: Mapping[str, NDArray[np.float64]]
    regions: Mapping[str, ElementTree.Element]
    populations: Mapping[str, ElementTree.Element]

    def members(self, name: str, inside: tuple[str, ...] = ()) -> Members:
        """Members of a population; `inside` are those whose definitions led here."""
        if name in inside:
            raise _UnknownGateError(f"{name!r} is defined by itself")
        if name not in self.populations:
            raise _UnknownGateError(f"there is no population {name!r}")
        inside = (*inside, name)
        population = self.populations[name]
        kind = population.get("type", "")
        if kind == "B":
            return np.ones(self.n_objects, bool)
        if kind == "C":
            return _Definition(self, population.get("definition", "").split("|"), inside).members()
        base = self.members(population.get("base") or "All", inside)
        if kind == "T":
            return base & self._listed(population)
        if kind == "G":
            return base & self._gated(population)
        raise _UnknownGateError(f"its type is {kind!r}")

    def is_tagged(self, name: str) -> bool:
        """Whether a person chose the objects: a list of them, or a gate on the object number."""
        population = self.populations[name]
        return population.get("type") == "T" or population.get("fx") == "Object Number"

    def _listed(self, population: ElementTree.Element) -> Members:
        numbers = [int(number) for child in population.iter() if (number := child.get("O") or child.get("o"))]
        return np.isin(np.arange(self.n_objects), numbers)

    def _gated(self, population: ElementTree.Element) -> Members:
        label = population.get("region", "")
        if label not in self.regions:
            raise _UnknownGateError(f"there is no region {label!r}")
        region = self.regions[label]
        corners = np.array([[float(corner.attrib[axis]) for axis in "xy"] for corner in region.iter("axy")])
        if len(corners) < 2:
            raise _UnknownGateError(f"the region {label!r} has fewer than two corners")
        shape, features = region.get("type", ""), [population.get("fx", ""), population.get("fy", "")]
        n_axes = 1 if shape == "line" else 2
        axes = [region.get("xlogrange", _LINEAR), region.get("ylogrange", _LINEAR)][:n_axes]
        with np.errstate(all="ignore"):  # a value that is not finite lies in no region
            values = [_on_axis(self._values(feature), axis) for feature, axis in zip(features, axes, strict=False)]
            edges = [_on_axis(corner, axis) for corner, axis in zip(corners.T, axes, strict=False)]
            return _inside(shape, np.stack(edges, axis=1), np.stack(values, axis=1))

    def _values(self, feature: str) -> NDArray[np.float64]:
        if feature not in self.features:
            raise _UnknownGateError(f"there are no values of the feature {feature!r}")
        return self.features[feature]


def _on_axis(values: NDArray[np.float64], axis: str) -> NDArray[np.float64]:
    """Values as they lie along an axis of a plot, which is where the edges of a polygon are straight.

    An axis is linear, or logarithmic from a threshold on and linear below it.
    """
    if axis == _LINEAR:
        return values
    threshold = float(axis)
    size = np.abs(values) / threshold
    return np.sign(values) * np.where(size <= 1, _LOG_10 * size, np.log(size) + _LOG_10)


def _inside(shape: str, corners: NDArray[np.float64], points: NDArray[np.float64]) -> Members:
    """Which points (N, D) lie inside a region; its edge belongs to it."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    if shape in ("line", "rect"):
        return np.asarray(((low <= points) & (points <= high)).all(axis=1))
    if shape == "oval":
        from_middle = (points - (low + high) / 2) / ((high - low) / 2)
        return np.asarray((from_middle**2).sum(axis=1) <= 1)
    if shape == "poly":
        from matplotlib.path import Path as Polygon

        return np.asarray(Polygon(corners).contains_points(points)) & np.isfinite(points).all(axis=1)
    raise _UnknownGateError(f"the shape {shape!r} of its region is not known")


class _Definition:
    """A combination of populations, as in ``Focused|And|Not|Debris``: Not binds before And, And before Or."""

    def __init__(self, gates: _Gates, words: Sequence[str], inside: tuple[str, ...]) -> None:
        self._gates, self._words, self._inside = gates, [word for word in words if word], inside

    def members(self) -> Members:
        """Members of the whole."""
        found = self._either()
        if self._words:
            raise _UnknownGateError(f"its definition is not understood from {self._words[0]!r} on")
        return found

    def _either(self) -> Members:
        found = self._both()
        while self._take("Or"):
            found = found | self._both()
        return found

    def _both(self) -> Members:
        found = self._one()
        while self._take("And"):
            found = found & self._one()
        return found

    def _one(self) -> Members:
        if self._take("Not"):
            return ~self._one()
        if self._take("("):
            found = self._either()
            if not self._take(")"):
                raise _UnknownGateError("a bracket of its definition is not closed")
            return found
        if not self._words:
            raise _UnknownGateError("its definition ends too early")
        return self._gates.members(self._words.pop(0), self._inside)

    def _take(self, word: str) -> bool:
        if self._words and self._words[0] == word:
            self._words.pop(0)
            return True
        return False
