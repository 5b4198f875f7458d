"""The channels of some inputs, their proposed roles, and an example image of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import ROLES
from napari_cellcycle.io.input_part import InputPart
from napari_cellcycle.io.inputs import Paths, left_out, open_parts


@dataclass(frozen=True, eq=False)
class ProposedChannel:
    """A channel of some inputs.

    Attributes
    ----------
    name : str
        Its name in the files, or its position if it has none; `read_cells` understands both.
    role : str or None
        ``brightfield``, ``darkfield`` or ``dna``, if it is known or can be guessed.
    example : ndarray, shape (Y, X), or None
        A raw image; None if the first one can't be read.
    """

    name: str
    role: str | None
    example: NDArray[np.generic] | None


@dataclass(frozen=True, eq=False)
class ChannelProposal:
    """Channels of the first part of some inputs; notes say which parts differ from it or can't be read."""

    channels: tuple[ProposedChannel, ...]
    notes: tuple[str, ...]

    @property
    def mapping(self) -> dict[str, str]:
        """The proposal as the argument ``channels`` of `read_cells`."""
        return {channel.role: channel.name for channel in self.channels if channel.role is not None}


def propose_channels(
    paths: Paths, *, channels: Mapping[str, str] | None = None, layout: str = "auto", plane: int | None = None
) -> ChannelProposal:
    """Find the channels of inputs without reading their cells.

    Parameters
    ----------
    paths, channels, layout, plane
        As for `read_cells`.

    Returns
    -------
    ChannelProposal
        For the user to confirm or change.

    Raises
    ------
    ReadError, ChannelError, ImageError
        Nothing can be read; the message gives the reason for the first input.
    """
    found = open_parts(paths, channels=channels, layout=layout, plane=plane)
    first, *others = found.parts
    proposed = tuple(
        ProposedChannel(name, role if role in ROLES else None, example)
        for name, role, example in zip(first.channels, first.roles, _examples(first), strict=True)
    )
    different = [
        f"the channels of {part.where} differ from those of {first.where}: {', '.join(part.channels)}"
        for part in others
        if part.channels != first.channels
    ]
    return ChannelProposal(proposed, (*found.notes, *different, *left_out(found.errors)))


def _examples(part: InputPart) -> list[NDArray[np.generic]] | list[None]:
    image = part.images.read([0])[0]
    return list(image.pixels) if isinstance(image, CellImage) else [None] * len(part.channels)
