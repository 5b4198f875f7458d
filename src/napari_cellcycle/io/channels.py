"""Which channel is which: as the user says, else guessed where it is plain, and said aloud."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, DNA, ROLES
from napari_cellcycle.errors import ChannelError

_WORDS = {
    BRIGHTFIELD: {"brightfield", "bf", "transmitted", "transmission", "transmittedlight"},
    DARKFIELD: {"darkfield", "df", "ssc", "sidescatter"},
    DNA: {"dna", "dapi", "hoechst", "propidiumiodide", "pi", "draq5"},
}
_IMAGESTREAM = {BRIGHTFIELD: 3, DARKFIELD: 6, DNA: 4}  # the channel numbers of BBBC048


@dataclass(frozen=True)
class NamedChannels:
    """Names of the channels of some images, roles where they are known, and the guesses among them."""

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def name_channels(found: Sequence[str], asked: Mapping[str, str] | None, where: str) -> NamedChannels:
    """Give the channels `found` in files their roles.

    Parameters
    ----------
    found : sequence of str
        Names in the files, in their order; empty where a channel has none.
    asked : mapping of role to channel, or None
        What the user says: a name (any case) or a position from 0, as text.
    where : str
        The file or folder, for messages.

    Raises
    ------
    ChannelError
        A channel that was asked for is not there, or the role is none.
    """
    shown = [name or str(position) for position, name in enumerate(found)]
    roles = _asked_roles(shown, asked or {}, where)
    guessed = _guess(found, taken=roles)
    names = tuple({**guessed, **roles}.get(position, name) for position, name in enumerate(shown))
    return NamedChannels(names, _notes(shown, found, guessed))


def _asked_roles(shown: Sequence[str], asked: Mapping[str, str], where: str) -> dict[int, str]:
    roles: dict[int, str] = {}
    folded = [name.casefold() for name in shown]
    for role, channel in asked.items():
        if role not in ROLES:
            raise ChannelError(f"{role!r} is no channel that models know; say one of {', '.join(ROLES)}")
        if channel.casefold() in folded:
            position = folded.index(channel.casefold())
        elif channel.isdecimal() and int(channel) < len(shown):
            position = int(channel)
        else:
            raise ChannelError(f"{where} has no channel {channel!r}; it has {', '.join(shown)}")
        if position in roles:
            raise ChannelError(f"{shown[position]} can't be both {roles[position]} and {role}; name two channels")
        roles[position] = role
    return roles


def _guess(found: Sequence[str], taken: Mapping[int, str]) -> dict[int, str]:
    free = [position for position in range(len(found)) if position not in taken]
    roles = [role for role in ROLES if role not in taken.values()]
    guessed = _by_word(found, free, roles) or _by_imagestream(found, free, roles)
    if guessed:
        return guessed
    if len(found) == 1:
        return dict.fromkeys(free, BRIGHTFIELD)
    if len(found) == 2 and not any(found) and len(free) == 2:
        return dict(enumerate((BRIGHTFIELD, DARKFIELD)))
    return {}


def _by_word(found: Sequence[str], free: Sequence[int], roles: Sequence[str]) -> dict[int, str]:
    guessed: dict[int, str] = {}
    for role in roles:
        hits = [position for position in free if _names(found[position], role)]
        if len(hits) == 1:
            guessed[hits[0]] = role
    return guessed


def _names(channel: str, role: str) -> bool:
    words = re.findall(r"[a-z0-9]+", channel.lower())
    return bool(_WORDS[role] & {*words, "".join(words), *map("".join, zip(words, words[1:], strict=False))})


def _by_imagestream(found: Sequence[str], free: Sequence[int], roles: Sequence[str]) -> dict[int, str]:
    matches = [re.fullmatch(r"ch(?:annel)?[ _-]?(\d+)", name.lower()) for name in found]
    position_of = {int(match[1]): position for position, match in enumerate(matches) if match}
    if not {3, 6} <= position_of.keys():
        return {}
    stained = position_of.keys() <= {3, 4, 6}  # in other experiments channel 4 holds other dyes
    wanted = {role: number for role, number in _IMAGESTREAM.items() if role != DNA or stained}
    places = {position_of[number]: role for role, number in wanted.items() if role in roles and number in position_of}
    return {position: role for position, role in places.items() if position in free}


def _notes(shown: Sequence[str], found: Sequence[str], guessed: Mapping[int, str]) -> tuple[str, ...]:
    guesses = [
        f"{shown[position]} read as {role}" if found[position] else f"unnamed channel {position} read as {role}"
        for position, role in guessed.items()
        if not found[position] or found[position].casefold() != role
    ]
    return (f"{', '.join(guesses)}; change it with --channels",) if guesses else ()
