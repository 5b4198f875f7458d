"""The commands of the how-tos run as they stand there, in the order in which they stand there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from amnis_writer import WrittenObject, write_amnis
from daf_writer import tagged
from made import made_pixels
from shell_blocks import commands_in, quick, shell_blocks

from napari_cellcycle.cli import main

DOCS = Path(__file__).parents[1] / "docs"
N_EACH = 12
PHASES = ("G1", "S", "G2")


def write_plate(folder: Path) -> None:
    """Wells in three plates; the example of the page has no phases, which evaluate needs."""
    for plate in (1, 2, 3):
        for number, phase in enumerate(PHASES):
            (folder / f"plate{plate}" / phase).mkdir(parents=True)
            pixels = made_pixels(np.full(N_EACH, number), seed=number + 10 * plate)
            for channel, name in enumerate(("Ch3", "Ch6")):
                file = folder / f"plate{plate}" / phase / f"A0{number % 2 + 1}_{name}.tif"
                tifffile.imwrite(file, pixels[:, channel], metadata={"axes": "TYX"})


def write_run(folder: Path) -> None:
    """A .cif with the populations of an analysis."""
    pixels = made_pixels(np.repeat(np.arange(3), N_EACH)).astype(np.int16)
    objects = [WrittenObject(image[[2, 0, 1]], np.ones_like(image, np.uint8)) for image in pixels]
    write_amnis(folder / "run.cif", objects, (1, 3, 6), brightfield=(3,))
    members = {phase: list(range(number * N_EACH, (number + 1) * N_EACH)) for number, phase in enumerate(PHASES)}
    populations = "".join(tagged(name, some) for name, some in {**members, "Focused": list(range(30))}.items())
    areas = "|".join(str(50.0 + number) for number in range(len(objects)))
    (folder / "run.daf").write_text(
        '<?xml version="1.0" encoding="utf-8"?><Assay binaryfeatures="False">'
        f'<SOD file="run.cif" objcount="{len(objects)}" /><UDF name="Area" /><UDFValues fid="0" fv="{areas}" />'
        f'<Pop name="All" type="B" base="" />{populations}</Assay>',
        encoding="utf-8-sig",
    )


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all inputs that the pages name."""
    monkeypatch.chdir(tmp_path)
    write_plate(tmp_path / "screen")
    write_plate(tmp_path / "plate")
    (tmp_path / "samples.csv").write_text("well,drug,dose\nA01,none,0\nA02,nocodazole,50\n")
    write_run(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("page", ["own-files", "amnis", "plates", "exchange"])
def test_the_commands_of_a_page_run(page: str, bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in shell_blocks(DOCS / f"{page}.md"):
        for words in commands_in(block):
            assert main(quick(words)) == 0, capsys.readouterr().err
