"""What file and folder names say: the cell, the channel and the phase."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from napari_cellcycle.phases import UNKNOWN, parse_phase

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
AMNIS_SUFFIXES = (".cif", ".rif")
ZARR_SUFFIX = ".zarr"
LAYOUTS = ("auto", "cells", "montage", "field")
"""What the user may say that an image shows."""

_SEPARATORS = " _.-"
_CHANNEL_WORDS = ("bright[ _-]?field", "dark[ _-]?field", "bf", "df", "ssc", "dna", "dapi", "hoechst")
_DIGITS = re.compile(r"\d+")
_LABELS = re.compile(r"[ _.-](?:labels?|masks?|cp[ _-]masks?)$", re.IGNORECASE)


def stem_of(name: str) -> str:
    """File name without its suffixes: ``7_Ch3.ome.tif`` gives ``7_Ch3``."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or f".{suffix}".lower() not in (*IMAGE_SUFFIXES, *AMNIS_SUFFIXES, ZARR_SUFFIX, ".csv"):
        return name
    return stem[:-4] if stem.lower().endswith(".ome") else stem


def channel_pattern(asked: Iterable[str] = ()) -> re.Pattern[str]:
    """Pattern of the words that name a channel in a file name, with those the user asked for."""
    asked_words = [re.escape(word) for word in asked if word and not word.isdecimal()]  # a number is a position
    words = [r"ch(?:annel)?[ _-]?\d+", *asked_words, *_CHANNEL_WORDS]
    return re.compile(rf"(?:^|(?<=[{_SEPARATORS}]))(?:{'|'.join(words)})(?=$|[{_SEPARATORS}])", re.IGNORECASE)


def split_channel(stem: str, pattern: re.Pattern[str]) -> tuple[str, str]:
    """Name without its channel, and the channel: ``7_Ch3`` gives ``("7", "Ch3")``, ``7`` gives ``("7", "")``."""
    found = list(pattern.finditer(stem))
    if not found:
        return stem, ""
    last = found[-1]
    rest = (stem[: last.start()].rstrip(_SEPARATORS), stem[last.end() :].lstrip(_SEPARATORS))
    return "_".join(part for part in rest if part), last.group()


def labelled_image(stem: str) -> str | None:
    """Stem of the image that a label image belongs to, or None: ``a_cp_masks`` gives ``a``."""
    found = _LABELS.search(stem)
    return stem[: found.start()] if found else None


def phase_in_stem(stem: str) -> int:
    """Phase that begins a file's stem: ``G1``, ``S_phase_12`` and ``G1_123`` name one, ``Group1`` none."""
    words = re.split(rf"[{_SEPARATORS}]+", stem)
    for n_words in (len(words), 2, 1):
        phase = parse_phase("_".join(words[:n_words]))
        if phase is not None:
            return int(phase)
    return UNKNOWN


def phase_of_folder(folder: PurePath, top: PurePath) -> int:
    """Phase named by `folder` or the nearest folder above it, up to and with `top`."""
    for candidate in (folder, *folder.parents):
        phase = parse_phase(candidate.name)
        if phase is not None:
            return int(phase)
        if candidate == top:
            break
    return UNKNOWN


def names_montage(key: str) -> bool:
    """Whether a file's name, less its channel, is one that CellProfiler montages have: ``CP0001``."""
    return re.fullmatch(r"cp\d+|.*montage.*", key, re.IGNORECASE) is not None


def natural_key(name: str) -> str:
    """Sorting key that puts ``cell_2`` before ``cell_10``."""
    return _DIGITS.sub(lambda found: found[0].zfill(20), name)
