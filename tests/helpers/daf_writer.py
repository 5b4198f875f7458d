"""Writes small IDEAS analysis files, so that tests need no data of anyone."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

AREA = np.array([10.0, 20.0, 30.0, 40.0, 1000.0, np.nan])
SHAPE = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def region(label: str, shape: str, corners: list[tuple[float, float]], axis: str = "P") -> str:
    points = "".join(f'<axy x="{x}" y="{y}" />' for x, y in corners)
    return f'<Region type="{shape}" label="{label}" xlogrange="{axis}" ylogrange="P">{points}</Region>'


def gate(name: str, where: str, base: str = "All", x: str = "Area", y: str = "Shape") -> str:
    return f'<Pop name="{name}" type="G" base="{base}" region="{where}" fx="{x}" fy="{y}" />'


def combined(name: str, definition: str) -> str:
    return f'<Pop name="{name}" type="C" base="All" definition="{definition}" />'


def tagged(name: str, objects: Sequence[int]) -> str:
    """A population of objects that a person chose one by one."""
    return f'<Pop name="{name}" type="T" base="All">{"".join(f"""<ob O="{number}" />""" for number in objects)}</Pop>'


def write_daf(path: Path, regions: str, populations: str, *, binary: bool = False, cif: str = "run 1.cif") -> Path:
    """A small analysis of 6 objects with the features Area and Shape."""
    columns = (AREA, SHAPE)
    texts = ["|".join("NaN" if np.isnan(value) else repr(float(value)) for value in column) for column in columns]
    values = "" if binary else "".join(f'<UDFValues fid="{n}" fv="{text}" />' for n, text in enumerate(texts))
    xml = (
        f'<?xml version="1.0" encoding="utf-8"?><Assay user="Ada Lovelace" binaryfeatures="{binary}">'
        rf'<SOD file="C:\Users\ada\{cif}" objcount="6" /><UDF name="Area" /><UDF name="Shape" />'
        f'{values}{regions}<Pop name="All" type="B" base="" />{populations}</Assay>'
    )
    content = b"\xef\xbb\xbf" + xml.encode()
    if binary:
        content += b"\n\0\x1e" + struct.pack("<iii", 1, 2, 6)
        content += b"".join(struct.pack("<i", n) + column.astype("<f8").tobytes() for n, column in enumerate(columns))
        content += b"what IDEAS writes after that"
    path.write_bytes(content)
    return path
