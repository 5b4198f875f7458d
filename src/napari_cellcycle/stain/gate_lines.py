"""Gates as lines that can be dragged: where each lies, what it divides, and how far it may go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.stain.fucci import FucciGates
from napari_cellcycle.stain.gates import Gated, Gates
from napari_cellcycle.stain.names import LABELS

DEBRIS, G1_S, S_G2M, CLUMPS, EXCESS = "debris", "g1_s", "s_g2m", "clumps", "area_excess"
G1_STAIN, LATER_STAIN = "g1", "s_g2m"
_NEAREST = 0.01
"""Gates on DNA content come no nearer to each other, in sets of chromosomes."""
_CONTENTS, _EXCESSES, _STAINS = (0.05, 12.0), (0.02, 3.0), (1.0, 1e15)
_NO_EXCESS = 10.0
"""From here on no cell is a doublet by its area, as too few cells were there to say how large they are."""


@dataclass(frozen=True)
class GateLine:
    """A gate that can be dragged.

    Attributes
    ----------
    name : str
        Of the field in `Gates` or `FucciGates`.
    divides : str
        What lies on its sides, for the user.
    place : float
        Its value.
    low, high : float
        How far it may go.
    """

    name: str
    divides: str
    place: float
    low: float
    high: float


def lines_of(gates: Gates | FucciGates) -> tuple[GateLine, ...]:
    """The gates that can be dragged.

    Parameters
    ----------
    gates : Gates or FucciGates
        As they are now.

    Returns
    -------
    tuple of GateLine
        Those of DNA content from left to right, then that of the area of doublets where there is one; or those of both
        FUCCI stains.
    """
    if isinstance(gates, FucciGates):
        return (
            GateLine(G1_STAIN, "cells without and with the stain of G1", gates.g1, *_STAINS),
            GateLine(LATER_STAIN, "cells without and with the stain of S, G2 and M", gates.s_g2m, *_STAINS),
        )
    inner = {G1_S: "G1 and S", S_G2M: "S and G2/M"} if gates.separates_s else {G1_S: "G1 and later phases"}
    divides = {DEBRIS: "debris and cells", **inner, CLUMPS: "single cells and clumps"}
    ends = [_CONTENTS[0] - _NEAREST, *(getattr(gates, name) for name in divides), _CONTENTS[1] + _NEAREST]
    lines = [
        GateLine(name, text, ends[number + 1], ends[number] + _NEAREST, ends[number + 2] - _NEAREST)
        for number, (name, text) in enumerate(divides.items())
    ]
    if gates.area_excess < _NO_EXCESS:
        lines.append(GateLine(EXCESS, "single cells and doublets", gates.area_excess, *_EXCESSES))
    return tuple(lines)


def move_gate(gates: Gates | FucciGates, name: str, place: float) -> Gates | FucciGates:
    """The same gates with one as near to a place as its neighbours allow.

    Parameters
    ----------
    gates : Gates or FucciGates
        As they are now.
    name : str
        Of one of `lines_of`.
    place : float
        Where it is dragged to.

    Returns
    -------
    Gates or FucciGates

    Raises
    ------
    KeyError
        There is no such gate that can be dragged.
    """
    line = {line.name: line for line in lines_of(gates)}[name]
    moved = {name: float(np.clip(place, line.low, max(line.low, line.high)))}
    if isinstance(gates, FucciGates):
        return gates.moved(**moved)
    if not gates.separates_s:  # the hidden gate must not be in the way
        low, high = moved.get(G1_S, gates.g1_s), moved.get(CLUMPS, gates.clumps) - _NEAREST
        moved[S_G2M] = float(np.clip(gates.s_g2m, low, max(low, high)))  # they differ by rounding where both are close
    return gates.moved(**moved)


def kinds_of(gated: Gated) -> NDArray[np.uint8]:
    """Numbers for drawings of cells.

    Parameters
    ----------
    gated : Gated
        What gates say of N cells.

    Returns
    -------
    ndarray of uint8, shape (N,)
        0 where nothing is said; from 1 on the labels in the order of `LABELS`; and the same order again, after these,
        for cells that are not sure.
    """
    kinds = np.zeros(len(gated.labels), np.uint8)
    for number, label in enumerate(LABELS, start=1):
        kinds[gated.labels == label] = number
    kinds[(kinds > 0) & ~gated.sure] += len(LABELS)
    return kinds
