"""Finders on disk: ``finder.safetensors`` and ``finder.json``, in the folder of a model or in one of their own."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from napari_cellcycle.errors import ModelError, WriteError
from napari_cellcycle.images.object_cut import Cut
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.models.cellpose_finder import CELLPOSE, CellposeFinder
from napari_cellcycle.models.stain_finder import STAIN, StainFinder
from napari_cellcycle.models.trained_finder import FINDER_CARD_VERSION, Finder, FinderCard
from napari_cellcycle.store.cards import PixelSize, known_version
from napari_cellcycle.store.models import CARD as MODEL_CARD
from napari_cellcycle.store.models import find_model
from napari_cellcycle.store.run_registry import remembered_runs
from napari_cellcycle.store.strict import Facts, Name, Strict, Text, parse, read_bytes
from napari_cellcycle.store.weights import COPY, fill_network, load_weights

if TYPE_CHECKING:
    from napari_cellcycle.images.find_cells import CellFinder

CARD = "finder.json"
WEIGHTS = "finder.safetensors"
NONE = "none"
"""The name of no finder: cells are found by their contrast."""

Share = Annotated[float, Field(ge=0, le=1)]


class _Cut(Strict):
    foreground: Share
    middle: Share
    min_area_px: float = Field(ge=0, le=1e9)
    min_certainty: Share


class _FinderCard(Strict):
    """``finder.json``, in the order of its keys."""

    card_version: known_version(FINDER_CARD_VERSION)  # type: ignore[valid-type]
    name: Name
    description: Text = ""
    channel: Name
    widths: Annotated[tuple[Annotated[int, Field(ge=1, le=1024)], ...], Field(min_length=2, max_length=6)]
    diameter_px: float = Field(ge=1, le=10_000)
    pixel_size_um: PixelSize | None = None
    cut: _Cut
    figures: Facts = Field(default_factory=dict)
    training: Facts = Field(default_factory=dict)
    versions: dict[Name, Text] = Field(default_factory=dict)
    licence: Text = ""
    data_licence: Text = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        f1, tested_on = self.figures.get("f1_at_iou_0.5"), self.figures.get("tested_on")
        if f1 is not None and not (isinstance(f1, float | int) and 0 <= f1 <= 1 and isinstance(tested_on, str)):
            raise ValueError("figures.f1_at_iou_0.5 must be a share, with what it was tested_on in words")
        return self

    def card(self) -> FinderCard:
        values = {name: getattr(self, name) for name in type(self).model_fields if name != "card_version"}
        return FinderCard(**{**values, "cut": Cut(**self.cut.model_dump())})


def parse_finder_card(text: str | bytes) -> FinderCard:
    """Read a ``finder.json``.

    Parameters
    ----------
    text : str or bytes
        Its content.

    Returns
    -------
    FinderCard

    Raises
    ------
    ModelError
        It is no card, one of another version, or a value lies outside its limits. The message is half a sentence.
    """
    return parse(_FinderCard, text).card()


def has_finder(folder: Path | None) -> bool:
    """Whether there is a finder in a folder."""
    return folder is not None and os.path.isfile(folder / CARD)  # which is also False where a name is too long


def choose_finder(finder: CellFinder | str | Path | None, model: Path | None = None) -> CellFinder | None:
    """The finder that a user means.

    Parameters
    ----------
    finder : CellFinder, str, Path or None
        A finder, what `load_finder` takes, ``none``, or None for that of the model.
    model : Path, optional
        Folder of a model.

    Returns
    -------
    CellFinder or None
        None if cells are to be found by their contrast.

    Raises
    ------
    ModelError
        There is no such finder, or it is damaged.
    """
    if finder is None:
        return load_trained_finder(model) if model is not None and has_finder(model) else None
    if isinstance(finder, str | Path):
        return None if str(finder) == NONE else load_finder(finder)
    return finder


def load_finder(name: str | Path) -> CellFinder:
    """A finder, ready to find cells.

    Parameters
    ----------
    name : str or Path
        A model that has a finder, by its name or folder; a folder that ``train-finder`` wrote; ``cellpose``, if it is
        installed; or ``stain``, for nuclei in the channel ``dna``.

    Returns
    -------
    CellFinder

    Raises
    ------
    ModelError
        It is none of them, or its files are damaged or don't belong together.
    """
    if str(name) == CELLPOSE:
        return CellposeFinder.load()
    if str(name) == STAIN:
        return StainFinder()
    return load_trained_finder(name)


def load_trained_finder(name: str | Path) -> Finder:
    """A finder of ours; see `load_finder`.

    Raises
    ------
    ModelError
        There is none, or its files are damaged or don't belong together.
    """
    from napari_cellcycle.models.finder import FinderNetwork

    folder = _find(name)
    card = load_finder_card(folder)
    network = FinderNetwork(widths=card.widths)
    fill_network(network, load_weights(folder / WEIGHTS), folder / WEIGHTS, 1)
    return Finder(network.eval(), card, folder)


def _find(name: str | Path) -> Path:
    folder = Path(name)
    if has_finder(folder):
        return folder
    if folder.exists() and not (folder / MODEL_CARD).is_file():
        raise ModelError(f"{folder} has no finder: it has no {CARD}; give a folder written by train-finder")
    named = [run for run in remembered_runs() if run.name == str(name) and has_finder(run)]
    if len(named) > 1:
        raise ModelError(
            f"{len(named)} finders are called {str(name)!r}; give the folder: {' or '.join(map(str, named))}"
        )
    if named:
        return named[0]
    found = find_model(name)
    if not has_finder(found):
        raise ModelError(f"the model {str(name)!r} has no finder; train one with train-finder, or choose {NONE}")
    return found


def list_finders() -> list[FinderCard]:
    """Cards of the user's own finders, the newest first; damaged ones are left out."""
    cards = []
    for folder in filter(has_finder, remembered_runs()):
        with suppress(ModelError):
            cards.append(load_finder_card(folder))
    return cards


def load_finder_card(folder: Path) -> FinderCard:
    """The card of the finder in `folder`.

    Raises
    ------
    ModelError
        There is no readable card, or one of its values can't be right.
    """
    try:
        card = parse_finder_card(read_bytes(folder / CARD))
    except OSError as error:
        raise ModelError(f"{folder} has no readable {CARD}; give a folder written by train-finder") from error
    except ModelError as error:
        raise ModelError(f"{folder / CARD} can't be used: {error}; {COPY}, or train again") from error
    return replace(card, name=folder.name or card.name)


def check_finder_output(folder: Path) -> None:
    """Check that a finder can be written to a folder.

    Raises
    ------
    WriteError
        It has a finder, or holds something that is no model.
    """
    if has_finder(folder):
        raise WriteError(f"{folder} has a finder already; choose another folder, or remove its {CARD} first")
    if folder.exists() and not (folder / MODEL_CARD).is_file():
        raise WriteError(f"{folder} exists and is no model; choose a new folder, or that of a model")


def save_finder(finder: Finder, folder: Path) -> None:
    """Write a finder: into the folder of a model, or as a new folder. It is there whole or not at all.

    Parameters
    ----------
    finder : Finder
        Network and card.
    folder : Path
        New, or that of a model without a finder.

    Raises
    ------
    WriteError
        The folder has a finder, is no model, or can't be written.
    """
    from safetensors.torch import save

    check_finder_output(folder)
    weights = save({name: values.contiguous() for name, values in finder.network.state_dict().items()})
    if not folder.exists():
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            _write(temporary, weights, finder.card.to_json())
        return
    with atomic_path(folder / WEIGHTS) as temporary:
        temporary.write_bytes(weights)
    # the card comes last: without it, there is no finder
    with atomic_path(folder / CARD) as temporary:
        temporary.write_text(finder.card.to_json(), encoding="utf-8")


def copy_finder(source: Path, folder: Path) -> bool:
    """Give the model in `folder` the finder of the one in `source`; return whether there was one.

    Parameters
    ----------
    source : Path
        Folder of a model.
    folder : Path
        Folder of a model without a finder.

    Raises
    ------
    ModelError
        The finder is damaged.
    WriteError
        It can't be written.
    """
    if not has_finder(source):
        return False
    save_finder(load_trained_finder(source), folder)
    return True


def _write(folder: Path, weights: bytes, card: str) -> None:
    (folder / WEIGHTS).write_bytes(weights)
    (folder / CARD).write_text(card, encoding="utf-8")
