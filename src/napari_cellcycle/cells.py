"""The nouns that travel: cells whose images are read when asked for, and what a model says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import (
    BlankedImages,
    CellImage,
    CellImages,
    JoinedImages,
    SubsetImages,
    Unreadable,
    take_planes,
)
from napari_cellcycle.errors import ChannelError, ImageError
from napari_cellcycle.phases import N_PHASES, PHASE_LABELS, UNKNOWN, UNSURE, phase_label

if TYPE_CHECKING:
    import pandas as pd

BRIGHTFIELD = "brightfield"
DARKFIELD = "darkfield"
DNA = "dna"
ROLES = (BRIGHTFIELD, DARKFIELD, DNA)
"""What a channel can be to a model. Other channels keep the names their files give them."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Single cells in a fixed order: who they are, and lazily their images.

    Attributes
    ----------
    images : CellImages
        Reads the images; nothing of them is kept here.
    channels : tuple of str
        What each image plane shows: roles (``brightfield``, ``darkfield``, ``dna``) or file names.
    sources : ndarray of str, shape (N,)
        File each cell comes from, relative to the input; the brightfield one of a channel set.
    ids : ndarray of int64, shape (N,)
        Position in that file from 0, or the object id, or the label of a full-field image.
    phases : ndarray of int8, shape (N,)
        True phase, `UNKNOWN` where nobody says it.
    synthetic : ndarray of bool, shape (N,)
        Cells that a generator made; they may be trained on, never tested on.
    pixel_size_um : ndarray of float32, shape (N,)
        Edge of a pixel in micrometres, NaN where unknown.
    notes : tuple of str
        What was guessed, dropped or skipped while opening: said aloud to the user.
    """

    images: CellImages
    channels: tuple[str, ...]
    sources: NDArray[np.str_]
    ids: NDArray[np.int64]
    phases: NDArray[np.int8]
    synthetic: NDArray[np.bool_]
    pixel_size_um: NDArray[np.float32]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n_cells = len(self.images)
        for name in ("sources", "ids", "phases", "synthetic", "pixel_size_um"):
            if len(getattr(self, name)) != n_cells:
                raise ValueError(f"{name} has {len(getattr(self, name))} entries for {n_cells} cells")

    @classmethod
    def build(
        cls,
        images: CellImages,
        channels: Sequence[str],
        source: str | Sequence[str],
        *,
        ids: Sequence[int] | NDArray[np.integer] | None = None,
        phases: int | NDArray[np.integer] = UNKNOWN,
        synthetic: bool = False,
        pixel_size_um: float | None = None,
        notes: Iterable[str] = (),
    ) -> Cells:
        """Cells with one value for all where one is given."""
        n_cells = len(images)
        return cls(
            images=images,
            channels=tuple(channels),
            sources=np.array([source] * n_cells if isinstance(source, str) else source, dtype=str),
            ids=np.arange(n_cells, dtype=np.int64) if ids is None else np.asarray(ids, dtype=np.int64),
            phases=np.full(n_cells, phases, np.int8) if np.ndim(phases) == 0 else np.asarray(phases, np.int8),
            synthetic=np.full(n_cells, synthetic),
            pixel_size_um=np.full(n_cells, np.nan if pixel_size_um is None else pixel_size_um, np.float32),
            notes=tuple(notes),
        )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        known = int((self.phases != UNKNOWN).sum())
        return f"Cells({len(self)} cells, {known} of known phase, channels {', '.join(self.channels)})"

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """Raw images of the cells at `indices`, in that order."""
        return self.images.read(indices)

    def subset(self, indices: Sequence[int] | NDArray[np.integer]) -> Cells:
        """The cells at `indices`, in that order; still lazy."""
        chosen = np.asarray(indices, dtype=np.intp)
        return replace(
            self,
            images=SubsetImages(self.images, chosen),
            sources=self.sources[chosen],
            ids=self.ids[chosen],
            phases=self.phases[chosen],
            synthetic=self.synthetic[chosen],
            pixel_size_um=self.pixel_size_um[chosen],
        )

    def select_channels(self, wanted: Sequence[str]) -> Cells:
        """The same cells with the channels `wanted`, in that order.

        Raises
        ------
        ChannelError
            A wanted channel is not among `channels`.
        """
        missing = [name for name in wanted if name not in self.channels]
        if missing:
            raise ChannelError(
                f"these cells have the channels {', '.join(self.channels)} but no {' and no '.join(missing)}; "
                f"say which channel it is, as in --channels {missing[0]}=Ch3"
            )
        if tuple(wanted) == self.channels:
            return self
        planes = [self.channels.index(name) for name in wanted]
        return replace(self, images=take_planes(self.images, planes), channels=tuple(wanted))


def with_blanks(cells: Cells, channels: Sequence[str]) -> Cells:
    """The same cells with these channels, in that order; those that they lack are NaN, as of an unstained cell."""
    places = tuple(cells.channels.index(name) if name in cells.channels else -1 for name in channels)
    if -1 not in places:
        return cells.select_channels(channels)
    return replace(cells, images=BlankedImages(cells.images, places), channels=tuple(channels))


def join_cells(parts: Sequence[Cells]) -> Cells:
    """Cells of several sources one after the other, in the channels that all of them have.

    Raises
    ------
    ImageError
        There is nothing to join.
    ChannelError
        The parts have no channel in common.
    """
    if not parts:
        raise ImageError("no cells were found in the input; give a folder or file that holds cell images")
    if len(parts) == 1:
        return parts[0]
    common = [name for name in parts[0].channels if all(name in part.channels for part in parts)]
    if not common:
        raise ChannelError("the inputs have no channel in common; name the channels, as in --channels brightfield=Ch3")
    chosen = [part.select_channels(common) for part in parts]
    return Cells(
        images=JoinedImages(tuple(part.images for part in chosen)),
        channels=tuple(common),
        sources=np.concatenate([part.sources for part in chosen]),
        ids=np.concatenate([part.ids for part in chosen]),
        phases=np.concatenate([part.phases for part in chosen]),
        synthetic=np.concatenate([part.synthetic for part in chosen]),
        pixel_size_um=np.concatenate([part.pixel_size_um for part in chosen]),
        notes=tuple(dict.fromkeys(note for part in chosen for note in part.notes)),
    )


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of cells, in their order.

    Attributes
    ----------
    sources, ids
        Which cells, as in `Cells`.
    probabilities : ndarray of float32, shape (N, 7)
        Per phase, in phase order; each row sums to 1, or is NaN where the image could not be read.
    dna_content : ndarray of float32, shape (N,), or None
        Label-free estimate in units where the G1 peak is 2 (so G2 is near 4); None if the model has none.
    min_probability : float
        Cells whose best phase is less probable than this are called unsure.
    unreadable : dict of int to str
        Position of each cell that could not be read, and why.
    synthetic : ndarray of bool, shape (N,), or None
        Cells that a generator made, where that is known: no figure is computed on them by mistake.
    unfamiliar : ndarray of bool, shape (N,), or None
        Cells unlike those that the model was trained on, so that its calls of them are not to be relied on; None if it
        can't tell.
    """

    sources: NDArray[np.str_]
    ids: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    dna_content: NDArray[np.float32] | None = None
    min_probability: float = 0.0
    unreadable: dict[int, str] = field(default_factory=dict)
    synthetic: NDArray[np.bool_] | None = None
    unfamiliar: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.probabilities.shape != (len(self.ids), N_PHASES):
            raise ValueError(f"{len(self.ids)} cells need ({len(self.ids)}, {N_PHASES}) probabilities")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def best(self) -> NDArray[np.int8]:
        """Most probable phase of each cell, however unsure; `UNKNOWN` where it could not be read."""
        readable = ~np.isnan(self.probabilities).any(axis=1)
        return np.where(readable, self.probabilities.argmax(axis=1), UNKNOWN).astype(np.int8)

    @cached_property
    def phases(self) -> NDArray[np.int8]:
        """Called phase of each cell: `best`, or `UNSURE` under `min_probability`."""
        unsure = (self.best != UNKNOWN) & (self.confidence < self.min_probability)
        return np.where(unsure, UNSURE, self.best).astype(np.int8)

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Probability of the most probable phase, shape (N,); NaN where unreadable."""
        return self.probabilities.max(axis=1)

    def to_table(self) -> pd.DataFrame:
        """One row a cell, with the columns of ``phases.csv``."""
        import pandas as pd

        columns: dict[str, object] = {
            "source": self.sources,
            "cell": self.ids,
            "phase": [phase_label(int(number)) for number in self.phases],
            "probability": self.confidence,
        }
        for number, name in enumerate(PHASE_LABELS):
            columns[f"p_{name}"] = self.probabilities[:, number]
        columns["dna_content"] = np.full(len(self), np.nan) if self.dna_content is None else self.dna_content
        columns["unfamiliar"] = np.full(len(self), np.nan) if self.unfamiliar is None else self.unfamiliar
        columns["synthetic"] = np.full(len(self), np.nan) if self.synthetic is None else self.synthetic
        return pd.DataFrame(columns)
