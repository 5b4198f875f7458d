"""What the names of files and folders tell: the kind of file, the cell, the channel and the phase."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

IMAGE_SUFFIXES = (".tif", ".tiff", ".tf2", ".tf8", ".btf", ".png", ".jpg", ".jpeg")
AMNIS_SUFFIXES = (".cif", ".rif")
ZARR_SUFFIX = ".zarr"
LAYOUTS = ("auto", "cells", "montage", "field")
"""What an image shows; the user may choose it."""

_SEPARATORS = " _.-"
_CHANNEL_WORDS = (
    *("bright[ _-]?field", "dark[ _-]?field", "bf", "df", "ssc", "dna", "dapi", "hoechst"),
    *("phase[ _-]?contr(?:ast)?", "t-?pmt", "trans(?:mitted)?", "draq5"),
)
_NUMBERED_CHANNELS = (
    r"ch(?:annel)?[ _-]?\d+(?:sk\d+fk\d+fl\d+)?",  # of Opera, with numbers that are the same for all
    r"w\d[a-z][a-z0-9 ]*",  # of MetaMorph: number and name
    r"wv [^()]+(?=\))",  # of InCell, in parentheses
)
_DIGITS = re.compile(r"\d+")
_LABELS = re.compile(r"[ _.-](?:labels?|masks?|cp[ _-]masks?)$", re.IGNORECASE)
_PERHAPS_LABELS = re.compile(
    r"[ _.-](?:stardist|segm?|segmentations?|gt|ground[ _-]?truth|instances?|simple[ _]segmentation"
    r"|object[ _](?:identities|predictions))$",
    re.IGNORECASE,
)
_THUMBNAIL = re.compile(
    r"[ _.-](?:thumb(?:nail)?s?|(?:cp[ _-])?outlines?|cp[ _-]output|(?:cp[ _-])?flows?|overlays?)$", re.IGNORECASE
)
_NUMBERED_LABELS = re.compile(
    r"(?:man[ _-]?(?:seg|track)|masks?|labels?|segs?|segmentations?|gt)[ _.-]?(?=\d+$)", re.IGNORECASE
)
_NUMBERED_IMAGE = re.compile(r"(?:t|images?|imgs?|frames?|raw|fields?|pos)[ _.-]?(?=\d+$)", re.IGNORECASE)
_LABEL_FOLDER = re.compile(
    r"(?:(?:label|instance|cell|nuclei|nuclear)[ _-]?)?masks?|labels?(?:t[rs])?|label[ _-]?images?|gt|tra"
    r"|ground[ _-]?truths?|segs?|segmentations?|annotations?|instances|.*[ _-](?:masks|labels|gt|seg|segmentations)",
    re.IGNORECASE,
)


def stem_of(name: str) -> str:
    """File name without its suffixes.

    Examples
    --------
    >>> stem_of("7_Ch3.ome.tif"), stem_of("plate.1")
    ('7_Ch3', 'plate.1')
    """
    stem, dot, suffix = name.rpartition(".")
    if not dot or f".{suffix}".lower() not in (*IMAGE_SUFFIXES, *AMNIS_SUFFIXES, ZARR_SUFFIX, ".csv", ".daf"):
        return name
    return stem[:-4] if stem.lower().endswith(".ome") else stem


def channel_pattern(asked: Iterable[str] = ()) -> re.Pattern[str]:
    """Pattern of the words that name a channel in a file name, including those that the user names."""
    asked_words = [re.escape(word) for word in asked if word and not word.isdecimal()]  # a number is a position
    words = [*asked_words, *_NUMBERED_CHANNELS, *_CHANNEL_WORDS]
    return re.compile(rf"(?:^|(?<=[{_SEPARATORS}]))(?:{'|'.join(words)})(?=$|[){_SEPARATORS}])", re.IGNORECASE)


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


def labelled_image(stem: str, *, perhaps: bool = False) -> str | None:
    """Stem of the image that a label image belongs to, or None if it is not a label image.

    Parameters
    ----------
    stem : str
        File name without its suffixes.
    perhaps : bool
        Accept endings too that an image may have, such as ``_seg``: they count where the other image is there.

    Returns
    -------
    str or None
        The stem without its ending.

    Examples
    --------
    >>> labelled_image("a_cp_masks"), labelled_image("a")
    ('a', None)
    >>> labelled_image("a_stardist"), labelled_image("a_stardist", perhaps=True)
    (None, 'a')
    """
    found = _LABELS.search(stem)
    if perhaps:
        found = _PERHAPS_LABELS.search(stem if found is None else stem[: found.start()]) or found
    return stem[: found.start()] if found else None


def numbered_labels(stem: str) -> str | None:
    """Number of a label image that is named by it, as in the Cell Tracking Challenge; else None.

    Examples
    --------
    >>> numbered_labels("man_seg000"), numbered_labels("mask_12"), numbered_labels("a12")
    ('000', '12', None)
    """
    found = _NUMBERED_LABELS.match(stem)
    return stem[found.end() :] if found else None


def image_number(stem: str) -> str:
    """Number of an image that is named by it and a usual word; else its whole name.

    Examples
    --------
    >>> image_number("t000"), image_number("img_12"), image_number("12"), image_number("a12")
    ('000', '12', '12', 'a12')
    """
    return _NUMBERED_IMAGE.sub("", stem, count=1) if _NUMBERED_IMAGE.match(stem) else stem


def names_label_folder(name: str) -> bool:
    """Whether a folder is called like one of label images, as in ``masks`` next to ``images``."""
    return _LABEL_FOLDER.fullmatch(name) is not None


def pictured_image(stem: str) -> str | None:
    """Stem of the image that a thumbnail or an overlay shows, or None if it is none of these."""
    found = _THUMBNAIL.search(stem)
    return stem[: found.start()] if found else None


def folded(name: str) -> str:
    """A name without differences of case and of Unicode form, which file systems may or may not keep.

    Examples
    --------
    >>> folded("Te\u0301lo") == folded("T\u00e9LO")
    True
    """
    return unicodedata.normalize("NFC", name).casefold()


def printable(name: str) -> str:
    """A name without characters that can't be written or would break a line: they are escaped, as in a Python text."""
    return name if name.isprintable() else "".join(map(_escaped, name))


def _escaped(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Cs" and "\udc80" <= letter <= "\udcff":  # a byte that is not UTF-8, as Python keeps it
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode() if category in ("Cc", "Cs", "Zl", "Zp") else letter


def names_montage(key: str) -> bool:
    """Whether a file name, without its channel, is that of a montage: ``CP0001`` from CellProfiler, for instance."""
    return re.fullmatch(r"cp\d+|.*montage.*", key, re.IGNORECASE) is not None


def natural_key(name: str) -> str:
    """Key for sorting that puts ``cell_2`` before ``cell_10``."""
    return _DIGITS.sub(lambda found: found[0].zfill(20), name)
