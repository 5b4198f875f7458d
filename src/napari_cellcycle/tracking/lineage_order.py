"""Tracks in the order of a family tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def lineage_order(tracks: Sequence[int], parents: Mapping[int, int]) -> list[tuple[int, int]]:
    """Tracks with each mother above her daughters.

    Parameters
    ----------
    tracks : sequence of int
        Numbers of tracks, in the order in which families are wanted.
    parents : mapping of int to int
        Mother of each track that has one.

    Returns
    -------
    list of pairs of int
        Each track, and how many mothers above it are among the tracks.

    Examples
    --------
    >>> lineage_order([1, 2, 3, 4], {3: 1, 4: 1})
    [(1, 0), (3, 1), (4, 1), (2, 0)]
    """
    known = set(tracks)
    daughters: dict[int, list[int]] = {}
    for track in tracks:
        if (mother := parents.get(track)) in known and mother is not None:
            daughters.setdefault(mother, []).append(track)
    waiting = [(track, 0) for track in tracks if parents.get(track) not in known][::-1]
    order = []
    while waiting:
        track, depth = waiting.pop()
        order.append((track, depth))
        waiting += [(daughter, depth + 1) for daughter in reversed(daughters.get(track, []))]
    return order
