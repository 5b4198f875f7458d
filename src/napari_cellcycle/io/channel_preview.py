"""Which channels some inputs have, what each seems to be, and a picture of each to judge by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import ROLES
from napari_cellcycle.io.input_part import Part
from napari_cellcycle.io.inputs import Paths, left_out, open_parts


@dataclass(frozen=True, eq=False)
class ProposedChannel:
    """A channel of some inputs.

    Attributes
    ----------
    name : str
        As the files name it, and as `read_cells` understands it: a position where they name none.
    role : str or None
        ``brightfield``, ``darkfield`` or ``dna``, where that is told or guessed.
    example : ndarray, shape (Y, X), or None
        One raw image of it; None if the first one can't be read.
    """

    name: str
    role: str | None
    example: NDArray[np.generic] | None


@dataclass(frozen=True, eq=False)
class ChannelProposal:
    """Channels of the first thing in some inputs, in their order; notes tell what is unlike it or can't be read."""

    channels: tuple[ProposedChannel, ...]
    notes: tuple[str, ...]

    @property
    def mapping(self) -> dict[str, str]:
        """The proposal as the ``channels`` of `read_cells`."""
        return {channel.role: channel.name for channel in self.channels if channel.role is not None}


def propose_channels(
    paths: Paths, *, channels: Mapping[str, str] | None = None, layout: str = "auto"
) -> ChannelProposal:
    """Look into inputs for their channels, without reading their cells.

    Parameters
    ----------
    paths, channels, layout
        As for `read_cells`.

    Raises
    ------
    ReadError, ChannelError, ImageError
        Nothing can be read; it says why for the first input.
    """
    found = open_parts(paths, channels=channels, layout=layout)
    if not found.parts:
        raise found.errors[0]
    first, *others = found.parts
    proposed = tuple(
        ProposedChannel(name, role if role in ROLES else None, example)
        for name, role, example in zip(first.channels, first.roles, _examples(first), strict=True)
    )
    different = [
        f"{part.where} has other channels than {first.where}: {', '.join(part.channels)}"
        for part in others
        if part.channels != first.channels
    ]
    return ChannelProposal(proposed, (*found.notes, *different, *left_out(found.errors)))


def _examples(part: Part) -> list[NDArray[np.generic]] | list[None]:
    image = part.images.read([0])[0]
    return list(image.pixels) if isinstance(image, CellImage) else [None] * len(part.channels)
