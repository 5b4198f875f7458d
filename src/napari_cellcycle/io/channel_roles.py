"""Which channel is brightfield, darkfield or DNA: named by the user, or else guessed from the names in the files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, DNA, ROLES
from napari_cellcycle.errors import ChannelError

_WORDS = {
    BRIGHTFIELD: {"brightfield", "bf", "transmitted", "transmission", "transmittedlight"},
    DARKFIELD: {"darkfield", "df", "ssc", "sidescatter"},
    DNA: {"dna", "dapi", "hoechst", "propidiumiodide", "pi", "draq5"},
}
_OTHER_WORDS = {
    BRIGHTFIELD: {
        "bright",
        "trans",
        "tl",
        "td",
        "td1",
        "dia",
        "tpmt",
        "esid",
        "transpmt",
        "pmttrans",
        "bf1",
        "tld",
        "tlight",
    },
    DARKFIELD: {"dark", "scatter", "ss"},
    DNA: {
        *("hoechst33342", "hoechst33258", "h33342", "h33258", "h3342", "ho33342", "draq7", "draq9", "7aad", "nucblue"),
        *("dyecycle", "vybrant", "sytox", "fxcycle", "topro3", "sirdna", "spydna", "nucleus", "nuclei", "nuclear"),
    },
}
"""Names that microscopes give; they count where no channel has one of the words above."""
_LIKE_BRIGHTFIELD = {
    "phase contrast": {"ph", "ph1", "ph2", "ph3", "phl", "phc", "phasecontrast", "phasecontr"},
    "DIC": {"dic", "hdic", "nomarski"},
}
"""Other transmitted light, read as brightfield where there is none, with a note."""
_READ_AS = "read as"
_IMAGESTREAM = {BRIGHTFIELD: 3, DARKFIELD: 6, DNA: 4}  # channel numbers in BBBC048


@dataclass(frozen=True)
class NamedChannels:
    """Names of channels in the files, their roles (or names again), and notes on what was guessed."""

    found: tuple[str, ...]
    roles: tuple[str, ...]
    notes: tuple[str, ...] = ()


def shown_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of channels, with the position from 0 for a channel without a name."""
    return tuple(name or str(position) for position, name in enumerate(names))


def name_channels(found: Sequence[str], asked: Mapping[str, str] | None, where: str) -> NamedChannels:
    """Find the role of each channel.

    Parameters
    ----------
    found : sequence of str
        Names in the files, in their order; empty for a channel without a name.
    asked : mapping of role to channel, or None
        What the user says: a name (any case) or a position from 0, as text.
    where : str
        The file or folder, for messages.

    Returns
    -------
    NamedChannels
        In the order of `found`.

    Raises
    ------
    ChannelError
        A channel that the user names is missing, or a role is unknown.

    Examples
    --------
    >>> name_channels(["Bright field", "SSC", "GFP"], {"dna": "gfp"}, "cells.tif").roles
    ('brightfield', 'darkfield', 'dna')
    """
    shown = shown_names(found)
    named = _asked_roles(shown, asked or {}, where)
    guessed = _guess(found, named)
    roles = tuple({**guessed, **named}.get(position, name) for position, name in enumerate(shown))
    return NamedChannels(shown, roles, (*_notes(found, guessed), *_contrast_notes(found, guessed)))


def role_in_notes(channel: str, notes: Iterable[str]) -> str | None:
    """The role that a channel was guessed to have, by the notes of cells that were read with it.

    Parameters
    ----------
    channel : str
        Its name in the files, in any case.
    notes : iterable of str
        Among others those of `name_channels`.

    Returns
    -------
    str or None
        None if the notes say nothing about it.

    Examples
    --------
    >>> role_in_notes("ch4", name_channels(["Ch3", "Ch4", "Ch6"], None, "cells.tif").notes)
    'dna'
    """
    for note in notes:
        for role in ROLES:
            if re.search(rf"(?:^|, ){re.escape(channel)} {_READ_AS} {role}\b", note, re.IGNORECASE):
                return role
    return None


def _asked_roles(shown: Sequence[str], asked: Mapping[str, str], where: str) -> dict[int, str]:
    roles: dict[int, str] = {}
    for role, channel in asked.items():
        if role not in ROLES:
            raise ChannelError(f"{role!r} is not a channel that models know; choose one of {', '.join(ROLES)}")
        position = _position(channel, shown)
        if position is None:
            raise ChannelError(f"{where} has no channel {channel!r}; choose one of {', '.join(shown)}")
        if position in roles:
            raise ChannelError(f"{shown[position]} can't be both {roles[position]} and {role}; name two channels")
        roles[position] = role
    return roles


def _position(channel: str, shown: Sequence[str]) -> int | None:
    folded = [name.casefold() for name in shown]
    if channel.casefold() in folded:
        return folded.index(channel.casefold())
    return int(channel) if channel.isdecimal() and int(channel) < len(shown) else None


def _guess(found: Sequence[str], named: Mapping[int, str]) -> dict[int, str]:
    guessed = _by_word(found) or _by_imagestream(found)
    if not guessed and len(found) == 1:
        guessed = {0: BRIGHTFIELD}
    if not guessed and len(found) == 2 and not any(found):
        guessed = {0: BRIGHTFIELD, 1: DARKFIELD}
    return {index: role for index, role in guessed.items() if index not in named and role not in named.values()}


def _by_word(found: Sequence[str]) -> dict[int, str]:
    guessed: dict[int, str] = {}
    for role in ROLES:
        kinds = [_WORDS[role], _OTHER_WORDS[role], *(_LIKE_BRIGHTFIELD.values() if role == BRIGHTFIELD else ())]
        for words in kinds:
            hits = [position for position, name in enumerate(found) if _has_word(name, words)]
            if len(hits) == 1 and hits[0] not in guessed:
                guessed[hits[0]] = role
            if hits:
                break
    return guessed


def _has_word(channel: str, wanted: set[str]) -> bool:
    words = re.findall(r"[a-z0-9]+", re.sub(r"^w\d(?=[a-z])", "", channel.lower()))  # MetaMorph numbers its channels
    pairs = map("".join, pairwise(words))  # "bright field"
    return not wanted.isdisjoint((*words, *pairs))


def _by_imagestream(found: Sequence[str]) -> dict[int, str]:
    matches = [re.fullmatch(r"ch(?:annel)?[ _-]?0*(\d+)", name.lower()) for name in found]
    position_of = {int(match[1]): position for position, match in enumerate(matches) if match}
    if not {3, 6} <= position_of.keys():
        return {}
    stained = position_of.keys() <= {3, 4, 6}  # in other experiments, channel 4 may show another dye
    wanted = {number: role for role, number in _IMAGESTREAM.items() if role != DNA or stained}
    return {position_of[number]: role for number, role in wanted.items() if number in position_of}


def _notes(found: Sequence[str], guessed: Mapping[int, str]) -> tuple[str, ...]:
    nameless = "the one channel" if len(found) == 1 else "unnamed channel {}"
    guesses = [
        f"{found[position] or nameless.format(position)} {_READ_AS} {role}"
        for position, role in guessed.items()
        if found[position].casefold() != role
    ]
    return (f"{', '.join(guesses)}; change it with --channels",) if guesses else ()


def _contrast_notes(found: Sequence[str], guessed: Mapping[int, str]) -> Iterator[str]:
    for position, role in guessed.items():
        kinds = [kind for kind, words in _LIKE_BRIGHTFIELD.items() if _has_word(found[position], words)]
        if role == BRIGHTFIELD and kinds and not _has_word(found[position], _WORDS[BRIGHTFIELD]):
            yield f"{found[position]} is {kinds[0]}, which looks different from the brightfield that models know"
