"""Cells, whose images are read only when needed, and what a model predicts for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import index as whole_number
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import (
    CellImage,
    CellImages,
    JoinedImages,
    PlaneImages,
    RememberedImages,
    SubsetImages,
    Unreadable,
    take_planes,
)
from napari_cellcycle.errors import ChannelError, ImageError, ModelError
from napari_cellcycle.phase_sets import SEVEN, PhaseSet, settle
from napari_cellcycle.phases import UNKNOWN, Phase
from napari_cellcycle.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

BRIGHTFIELD = "brightfield"
DARKFIELD = "darkfield"
DNA = "dna"
ROLES = (BRIGHTFIELD, DARKFIELD, DNA)
"""What a channel can be to a model. Other channels keep the names their files give them."""

_PER_CELL = ("sources", "ids", "phases", "synthetic", "pixel_size_um")
"""Attributes of `Cells` that hold one value for each cell."""


_CELLS_AT_A_TIME = 256
"""Read together when cells are gone through one by one."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One of `Cells`, with its image.

    Attributes
    ----------
    source, id, synthetic, pixel_size_um
        As in `Cells`.
    phase : Phase, str or None
        One of the seven phases, or the name of another one; None where it is not known.
    channels : tuple of str
        What each plane of `pixels` shows.
    pixels : ndarray, shape (C, Y, X), or None
        Raw values; None where the image can't be read.
    mask : ndarray of bool, shape (Y, X), or None
        Which pixels belong to the cell, if that is known.
    problem : str
        Why the image can't be read; empty where it can.
    """

    source: str
    id: int
    phase: Phase | str | None
    synthetic: bool
    pixel_size_um: float
    channels: tuple[str, ...]
    pixels: NDArray[np.generic] | None
    mask: NDArray[np.bool_] | None = None
    problem: str = ""

    def __repr__(self) -> str:
        phase = self.phase.label if isinstance(self.phase, Phase) else self.phase or "phase unknown"
        image = self.problem if self.pixels is None else f"{' x '.join(map(str, self.pixels.shape[1:]))} px"
        return f"Cell({self.source} cell {self.id}, {phase}, {', '.join(self.channels)}, {image})"


@dataclass(frozen=True, eq=False, repr=False)
class Cells:
    """Single cells in a fixed order: where each comes from, what is known of it, and access to its image.

    ``cells[3]`` is a `Cell` with its image; ``cells[10:20]``, ``cells[[4, 2]]`` and ``cells[cells.phases == Phase.G1]``
    are `Cells` again, of which no image is read; ``for cell in cells`` goes through them one by one.

    Attributes
    ----------
    images : CellImages
        Reads the images when they are needed; none is held in memory.
    channels : tuple of str
        What each image plane shows: a role (``brightfield``, ``darkfield``, ``dna``) or the name in the file.
    sources : ndarray of str, shape (N,)
        File that each cell comes from, relative to the input; with one file per channel, the brightfield one.
    ids : ndarray of int64, shape (N,)
        Position in that file, counted from 0; or the object number of an Amnis file; or the label in a full field.
    phases : ndarray of int8, shape (N,)
        True phase, as its number in `phase_set`; `UNKNOWN` where it is not known.
    synthetic : ndarray of bool, shape (N,)
        Cells that a generator made. They may be used for training, never for testing.
    pixel_size_um : ndarray of float32, shape (N,)
        Edge of a pixel in micrometres, NaN where unknown.
    notes : tuple of str
        What was guessed or left out while opening, in sentences for the user.
    columns : mapping of str to ndarray of str, each of shape (N,)
        Further columns for tables and for groups, such as the well and the field in a plate.
    phase_set : PhaseSet
        Which phases there are: the seven, or others.

    Examples
    --------
    >>> import napari_cellcycle as cc
    >>> pixels = np.arange(10 * 2 * 40 * 40, dtype=np.uint16).reshape(10, 2, 40, 40)
    >>> cells = cc.read_cells(pixels, channels=("brightfield", "darkfield"), phases=["G1", "S"] * 5)
    >>> cells
    Cells(10 cells, 10 of known phase, channels brightfield, darkfield)
    >>> cells[3]
    Cell(array cell 3, S, brightfield, darkfield, 40 x 40 px)
    >>> cells[cells.phases == cc.Phase.G1][1:].ids
    array([2, 4, 6, 8])
    >>> [cell.id for cell in cells[:3]]
    [0, 1, 2]
    """

    images: CellImages
    channels: tuple[str, ...]
    sources: NDArray[np.str_]
    ids: NDArray[np.int64]
    phases: NDArray[np.int8]
    synthetic: NDArray[np.bool_]
    pixel_size_um: NDArray[np.float32]
    notes: tuple[str, ...] = ()
    columns: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    phase_set: PhaseSet = SEVEN

    def __post_init__(self) -> None:
        for name, values in {**{name: getattr(self, name) for name in _PER_CELL}, **self.columns}.items():
            if len(values) != len(self):
                raise ValueError(f"{name} has {len(values)} entries for {len(self)} cells")

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
        columns: Mapping[str, str | Sequence[str]] | None = None,
        phase_set: PhaseSet = SEVEN,
    ) -> Cells:
        """Cells whose sources, phases, ... are each given as one value for all, or as one value per cell."""
        n_cells = len(images)
        return cls(
            images=images,
            channels=tuple(channels),
            sources=_texts(source, n_cells),
            ids=np.arange(n_cells, dtype=np.int64) if ids is None else np.asarray(ids, dtype=np.int64),
            phases=np.full(n_cells, phases, np.int8) if np.ndim(phases) == 0 else np.asarray(phases, np.int8),
            synthetic=np.full(n_cells, synthetic),
            pixel_size_um=np.full(n_cells, np.nan if pixel_size_um is None else pixel_size_um, np.float32),
            notes=tuple(notes),
            columns={name: _texts(values, n_cells) for name, values in (columns or {}).items()},
            phase_set=phase_set,
        )

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, chosen: int) -> Cell: ...
    @overload
    def __getitem__(self, chosen: slice | Sequence[int] | NDArray[Any]) -> Cells: ...
    def __getitem__(self, chosen: Any) -> Cell | Cells:
        """One cell with its image, or the cells of a slice, of indices or of a mask (N,)."""
        rows = np.arange(len(self))
        if isinstance(chosen, slice) or np.ndim(chosen):
            if not isinstance(chosen, slice):
                chosen = np.asarray(chosen)
                chosen = chosen.astype(np.intp) if not chosen.size else chosen
            return self.subset(rows[chosen])
        (cell,) = self._one_by_one([int(rows[whole_number(chosen)])])
        return cell

    def __iter__(self) -> Iterator[Cell]:
        for start in range(0, len(self), _CELLS_AT_A_TIME):
            yield from self._one_by_one(range(start, min(start + _CELLS_AT_A_TIME, len(self))))

    def _one_by_one(self, indices: Sequence[int]) -> Iterator[Cell]:
        for i, image in zip(indices, self.read(indices), strict=True):
            known = (
                str(self.sources[i]),
                int(self.ids[i]),
                self._phase(int(self.phases[i])),
                bool(self.synthetic[i]),
                float(self.pixel_size_um[i]),
            )
            if isinstance(image, CellImage):
                yield Cell(*known, self.channels, image.pixels, image.mask)
            else:
                yield Cell(*known, self.channels, None, problem=image.reason)

    def _phase(self, number: int) -> Phase | str | None:
        if number == UNKNOWN:
            return None
        return Phase(number) if self.phase_set.is_seven else self.phase_set.label(number)

    def __repr__(self) -> str:
        known = int((self.phases != UNKNOWN).sum())
        return f"Cells({len(self)} cells, {known} of known phase, channels {', '.join(self.channels)})"

    @property
    def common_pixel_size_um(self) -> float | None:
        """Edge of a pixel in micrometres, if it is known and the same for all cells."""
        sizes = np.unique(self.pixel_size_um)
        return float(sizes[0]) if len(sizes) == 1 and np.isfinite(sizes[0]) else None

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """Raw images of the cells at `indices`, in that order."""
        return self.images.read(indices)

    def subset(self, indices: Sequence[int] | NDArray[np.integer]) -> Cells:
        """The cells at `indices`, in that order; no image is read."""
        chosen = np.asarray(indices, dtype=np.intp)
        values: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _PER_CELL}
        columns = {name: texts[chosen] for name, texts in self.columns.items()}
        return replace(self, images=SubsetImages(self.images, chosen), columns=columns, **values)

    def in_phases(self, phases: PhaseSet) -> Cells:
        """The same cells with their phases in another set; unknown where one is in none of it, or in several."""
        if phases == self.phase_set:
            return self
        return replace(self, phases=self.phase_set.numbers_in(phases)[self.phases], phase_set=phases)

    def select_channels(self, wanted: Sequence[str]) -> Cells:
        """The same cells with only the channels `wanted`, in that order.

        Raises
        ------
        ChannelError
            A wanted channel is not among `channels`.
        """
        missing = [name for name in wanted if name not in self.channels]
        if missing:
            lack = f"these cells have the channels {', '.join(self.channels)} but no {' and no '.join(missing)}"
            free = next((name for name in self.channels if name not in ROLES), None)
            if free is None:
                raise ChannelError(f"{lack}; give the images of that channel too")
            raise ChannelError(f"{lack}; say which channel it is, as in --channels {missing[0]}={free}")
        if tuple(wanted) == self.channels:
            return self
        planes = [self.channels.index(name) for name in wanted]
        return replace(self, images=take_planes(self.images, planes), channels=tuple(wanted))


def _texts(values: str | Sequence[str], n_cells: int) -> NDArray[np.str_]:
    if isinstance(values, str):
        return np.broadcast_to(np.array(values, dtype=str), (n_cells,))  # one text in memory, not a million
    return np.array(values, dtype=str)


def evenly_spaced(n_cells: int, most: int) -> NDArray[np.intp]:
    """Indices of at most `most` of `n_cells` cells, evenly spaced, in ascending order.

    Parameters
    ----------
    n_cells : int
        Number of cells to choose from.
    most : int
        Number of cells to choose; all are chosen if there are fewer.

    Returns
    -------
    ndarray of intp, shape (min(n_cells, most),)
        The first and the last cell are among them.

    Examples
    --------
    >>> evenly_spaced(9, 3).tolist(), evenly_spaced(2, 3).tolist()
    ([0, 4, 8], [0, 1])
    """
    return np.linspace(0, n_cells - 1, min(n_cells, most)).round().astype(np.intp)


_FEW_CELLS = 5000


def remembered(cells: Cells, channels: Sequence[str]) -> Cells:
    """Of few cells, keep the images that were read, as they are read several times.

    Parameters
    ----------
    cells : Cells
        Any cells; many of them stay as they are.
    channels : sequence of str
        Those that are read. The first channel of the cells is drawn, so it must be among them, or nothing is kept.

    Returns
    -------
    Cells
        With these channels only, the first one of the cells first.
    """
    if len(cells) > _FEW_CELLS or cells.channels[0] not in channels:
        return cells
    chosen = cells.select_channels(tuple(dict.fromkeys([cells.channels[0], *channels])))
    return replace(chosen, images=RememberedImages(chosen.images))


def with_blanks(cells: Cells, channels: Sequence[str]) -> Cells:
    """The same cells with the given channels, where a channel that they lack is filled with NaN.

    Parameters
    ----------
    cells : Cells
        Any cells, for instance unstained ones.
    channels : sequence of str
        Channels of the result, in this order.

    Returns
    -------
    Cells
        Their images are float32 if a channel was added.
    """
    planes = tuple(cells.channels.index(name) if name in cells.channels else -1 for name in channels)
    if -1 not in planes:
        return cells.select_channels(channels)
    return replace(cells, images=PlaneImages(cells.images, planes), channels=tuple(channels))


def join_cells(parts: Sequence[Cells]) -> Cells:
    """Join the cells of several sources, with the channels that all of them have.

    If their phases are of different sets, they are brought to the finest one that all of them can be told in.

    Raises
    ------
    ImageError
        `parts` is empty.
    ChannelError
        They have no channel in common.
    """
    if not parts:
        raise ImageError("no cells were found in the input; give a folder or file that holds cell images")
    if len(parts) == 1:
        return parts[0]
    common = [name for name in parts[0].channels if all(name in part.channels for part in parts)]
    if not common:
        different = " and ".join(dict.fromkeys(", ".join(part.channels) for part in parts))
        raise ChannelError(
            f"the inputs have no channel in common ({different}); give them one by one, each with its --channels"
        )
    phases = common_phases(parts)
    chosen = [part.select_channels(common).in_phases(phases) for part in parts]
    values: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in chosen]) for name in _PER_CELL}
    notes = tuple(dict.fromkeys(note for part in chosen for note in part.notes))
    names = dict.fromkeys(name for part in chosen for name in part.columns)
    columns = {
        name: np.concatenate([part.columns.get(name, np.full(len(part), "")) for part in chosen]) for name in names
    }
    images = JoinedImages(tuple(part.images for part in chosen))
    return Cells(images, tuple(common), **values, notes=notes, columns=columns, phase_set=phases)


def common_phases(parts: Sequence[Cells]) -> PhaseSet:
    """The phase set of all parts, or the finest one in which each of their known phases means one phase."""
    first = parts[0].phase_set
    if all(part.phase_set == first for part in parts):
        return first
    known = {part.phase_set.parts[n] for part in parts for n in np.unique(part.phases).tolist() if n != UNKNOWN}
    return settle(known)


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """What a model predicts for some cells, in their order.

    Attributes
    ----------
    sources, ids
        Which cell each row belongs to, as in `Cells`.
    probabilities : ndarray of float32, shape (N, P)
        Of each phase, in the order of `phase_set`; each row sums to 1, or is NaN where the image could not be read.
    dna_content : ndarray of float32, shape (N,), or None
        Estimated without a stain, in units where the G1 peak is 2 (so G2 is near 4); None if the model gives none.
    min_probability : float
        A cell whose most probable phase is less probable than this is called unsure.
    unreadable : dict of int to str
        Index of each cell that could not be read, and why.
    synthetic : ndarray of bool, shape (N,), or None
        Cells that a generator made, where that is known, so that no model is evaluated on them by mistake.
    unfamiliar : ndarray of bool, shape (N,), or None
        Cells that are out of distribution: unlike those the model was trained on, so that its calls of them are not
        reliable. None if the model can't tell.
    columns : mapping of str to ndarray of str or numbers, each of shape (N,)
        Further columns of the table, as in `Cells`; and numbers such as the track of each cell of a film.
    model : str
        Name of the model; empty where it is not known.
    trained_on : ndarray of uint64, shape (M, 4), or None
        Fingerprints of the cells that the model was trained on, so that it is not tested on them by mistake. None where
        no record of them is kept.
    verdict : Verdict, or None
        Whether the model fits these cells; None where that was not asked, or the model can't tell.
    phase_set : PhaseSet
        The P phases: the seven, or others.
    phase_thresholds : tuple of float
        Least probability of each phase, below which a cell that is called so is unsure; empty if there are none.
    """

    sources: NDArray[np.str_]
    ids: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    dna_content: NDArray[np.float32] | None = None
    min_probability: float = 0.0
    unreadable: dict[int, str] = field(default_factory=dict)
    synthetic: NDArray[np.bool_] | None = None
    unfamiliar: NDArray[np.bool_] | None = None
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    model: str = ""
    trained_on: NDArray[np.uint64] | None = None
    verdict: Verdict | None = None
    phase_set: PhaseSet = SEVEN
    phase_thresholds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.probabilities.shape != (len(self.ids), len(self.phase_set)):
            raise ValueError(f"{len(self.ids)} cells need ({len(self.ids)}, {len(self.phase_set)}) probabilities")

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        numbers, counts = np.unique(self.phases, return_counts=True)
        found = [
            f"{self.phase_set.label(int(n)) or 'unreadable'} {count}" for n, count in zip(numbers, counts, strict=True)
        ]
        by = f" by {self.model!r}" if self.model else ""
        return f"Prediction({len(self)} cells{by}: {', '.join(found)})"

    @property
    def is_reliable(self) -> bool:
        """False if most cells are unlike the training cells, so that the phases mean nothing."""
        return self.verdict is None or self.verdict.reliable

    @cached_property
    def best(self) -> NDArray[np.int8]:
        """Most probable phase of each cell; `UNKNOWN` where it could not be read."""
        readable = ~np.isnan(self.probabilities).any(axis=1)
        return np.where(readable, self.probabilities.argmax(axis=1), UNKNOWN).astype(np.int8)

    @cached_property
    def phases(self) -> NDArray[np.int8]:
        """Called phase of each cell: `best`, or ``phase_set.unsure`` if it is less probable than it must be."""
        unsure = (self.best != UNKNOWN) & (self.confidence < self.min_probability)
        if self.phase_thresholds:
            least = np.array([*self.phase_thresholds, 0], np.float32)  # the last one for cells without a call
            unsure |= self.confidence < least[self.best]
        return np.where(unsure, self.phase_set.unsure, self.best).astype(np.int8)

    @property
    def is_unsure(self) -> NDArray[np.bool_]:
        """Cells that could be read and are called unsure, shape (N,)."""
        return self.phases == self.phase_set.unsure

    @property
    def is_called(self) -> NDArray[np.bool_]:
        """Cells that are called a phase, shape (N,)."""
        return (self.phases != UNKNOWN) & ~self.is_unsure

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Probability of the most probable phase, shape (N,); NaN where unreadable."""
        return self.probabilities.max(axis=1)

    def in_phases(self, phases: PhaseSet) -> Prediction:
        """The same calls in a coarser phase set: probabilities are added up.

        Raises
        ------
        ModelError
            A phase of these calls is in none of the others, or in several.
        """
        if phases == self.phase_set:
            return self
        if not self.phase_set.refines(phases):
            by = f"the model {self.model!r}" if self.model else "the model"
            raise ModelError(
                f"{by} tells {self.phase_set}, which can't be added up to {phases}; choose another model, or other "
                "phases"
            )
        places = self.phase_set.numbers_in(phases)[: len(self.phase_set)]
        sums = self.probabilities @ (places[:, None] == np.arange(len(phases))).astype(np.float32)
        return replace(self, probabilities=sums, phase_set=phases, phase_thresholds=())

    def to_table(self) -> pd.DataFrame:
        """One row per cell, with the columns of ``phases.csv``.

        Only where the phases mean nothing, there is one more column, ``reliable``, which is false.
        """
        import pandas as pd

        return pd.DataFrame(self.table_columns())

    def table_columns(self, rows: slice = slice(None)) -> dict[str, NDArray[Any]]:
        """The columns of `to_table`, or some rows of them.

        So tables are written piece by piece, and without pandas, which takes longer to import than many cells to write.
        """
        columns: dict[str, NDArray[Any]] = {
            "source": _printable(self.sources[rows]),
            "cell": self.ids[rows],
            "phase": self.phase_set.labels(self.phases[rows]),
            "probability": self.confidence[rows],
        }
        columns |= {f"p_{label}": self.probabilities[rows, phase] for phase, label in enumerate(self.phase_set.names)}
        n_rows = len(columns["cell"])
        for name in ("dna_content", "unfamiliar", "synthetic"):
            values = getattr(self, name)
            columns[name] = np.full(n_rows, np.nan) if values is None else values[rows]
        if not self.is_reliable:
            columns["reliable"] = np.zeros(n_rows, bool)
        return columns | {name: _printable(values[rows]) for name, values in self.columns.items()}


def _printable(texts: NDArray[Any]) -> NDArray[Any]:
    """Texts that every file can hold: in a file name that is not UTF-8, some bytes are no characters."""
    if texts.dtype.kind != "U":
        return texts
    different, index = np.unique(texts, return_inverse=True)
    return np.array([text.encode(errors="replace").decode() for text in different.tolist()], dtype=str)[index]
