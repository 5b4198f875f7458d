"""What the names of files and folders tell: the kind of file, the cell, the channel and the phase."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from napari_cellcycle.phases import UNKNOWN, parse_phase

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
AMNIS_SUFFIXES = (".cif", ".rif")
ZARR_SUFFIX = ".zarr"
LAYOUTS = ("auto", "cells", "montage", "field")
"""What an image shows; the user may choose it."""

_SEPARATORS = " _.-"
_CHANNEL_WORDS = ("bright[ _-]?field", "dark[ _-]?field", "bf", "df", "ssc", "dna", "dapi", "hoechst")
_DIGITS = re.compile(r"\d+")
_LABELS = re.compile(r"[ _.-](?:labels?|masks?|cp[ _-]masks?)$", re.IGNORECASE)


def stem_of(name: str) -> str:
    """File name without its suffixes.

    Examples
    --------
    >>> stem_of("7_Ch3.ome.tif"), stem_of("plate.1")
    ('7_Ch3', 'plate.1')
    """
    stem, dot, suffix = name.rpartition(".")
    if not dot or f".{suffix}".lower() not in (*IMAGE_SUFFIXES, *AMNIS_SUFFIXES, ZARR_SUFFIX, ".csv"):
        return name
    return stem[:-4] if stem.lower().endswith(".ome") else stem


def channel_pattern(asked: Iterable[str] = ()) -> re.Pattern[str]:
    """Pattern of the words that name a channel in a file name, including those that the user names."""
    asked_words = [re.escape(word) for word in asked if word and not word.isdecimal()]  # a number is a position
    words = [r"ch(?:annel)?[ _-]?\d+", *asked_words, *_CHANNEL_WORDS]
    return re.compile(rf"(?:^|(?<=[{_SEPARATORS}]))(?:{'|'.join(words)})(?=$|[{_SEPARATORS}])", re.IGNORECASE)


def split_channel(stem: str, pattern: re.Pattern[str]) -> tuple[str, str]:
    """Split a file name into the name of the cell and that of the channel.

    Parameters
    ----------
    stem : str
        File name without its suffixes.
    pattern : Pattern
        From `channel_pattern`.

    Returns
    -------
    key, channel : str
        The name without its channel, and the channel; the channel is empty if none is named.

    Examples
    --------
    >>> split_channel("7_Ch3", channel_pattern()), split_channel("7", channel_pattern())
    (('7', 'Ch3'), ('7', ''))
    """
    found = list(pattern.finditer(stem))
    if not found:
        return stem, ""
    last = found[-1]
    rest = (stem[: last.start()].rstrip(_SEPARATORS), stem[last.end() :].lstrip(_SEPARATORS))
    return "_".join(part for part in rest if part), last.group()


def labelled_image(stem: str) -> str | None:
    """Stem of the image that a label image belongs to, or None if it is not a label image.

    Examples
    --------
    >>> labelled_image("a_cp_masks"), labelled_image("a")
    ('a', None)
    """
    found = _LABELS.search(stem)
    return stem[: found.start()] if found else None


def phase_in_stem(stem: str) -> int:
    """Number of the phase that a file name begins with, or `UNKNOWN`.

    Examples
    --------
    >>> phase_in_stem("S_phase_12"), phase_in_stem("G1_123"), phase_in_stem("Group1")
    (1, 0, -1)
    """
    words = re.split(rf"[{_SEPARATORS}]+", stem)
    for n_words in (len(words), 2, 1):
        phase = parse_phase("_".join(words[:n_words]))
        if phase is not None:
            return int(phase)
    return UNKNOWN


def phase_of_folder(folder: PurePath, top: PurePath) -> int:
    """Number of the phase that a folder, or the nearest folder above it, is named after.

    Parameters
    ----------
    folder : path
        The folder of the images.
    top : path
        The last folder to look at.

    Returns
    -------
    int
        `UNKNOWN` if no folder is named after a phase.
    """
    for candidate in (folder, *folder.parents):
        phase = parse_phase(candidate.name)
        if phase is not None:
            return int(phase)
        if candidate == top:
            break
    return UNKNOWN


def names_montage(key: str) -> bool:
    """Whether a file name, without its channel, is that of a montage: ``CP0001`` from CellProfiler, for instance."""
    return re.fullmatch(r"cp\d+|.*montage.*", key, re.IGNORECASE) is not None


def natural_key(name: str) -> str:
    """Key for sorting that puts ``cell_2`` before ``cell_10``."""
    return _DIGITS.sub(lambda found: found[0].zfill(20), name)
