"""Every command in the README runs as it stands there, in the order in which it stands there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from lineages import draw_film, lineages
from made import made_pixels
from shell_blocks import commands_in, quick, shell_blocks
from stained import made_contents, stained_pixels

from napari_cellcycle.cli import main

README = Path(__file__).parents[1] / "README.md"
BLOCKS = shell_blocks(README)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all inputs that the README names."""
    monkeypatch.chdir(tmp_path)
    for folder in ("plate", "more"):
        for number, phase in enumerate(("G1", "S", "G2")):
            (tmp_path / folder / phase).mkdir(parents=True)
            pixels = made_pixels(np.full(30, number), seed=number)
            for channel, name in enumerate(("Ch3", "Ch6")):
                path = tmp_path / folder / phase / f"A0{number + 1}_{name}.tif"
                tifffile.imwrite(path, pixels[:, channel], metadata={"axes": "TYX"})
    stain = stained_pixels(made_contents(400, (0.5, 0.25, 0.25), 0.03, seed=8)[0])
    (tmp_path / "control").mkdir()
    for name, planes in (("Ch3", np.full_like(stain, 600)), ("Ch4", stain), ("Ch6", np.full_like(stain, 30))):
        tifffile.imwrite(tmp_path / "control" / f"cells_{name}.tif", planes, metadata={"axes": "NYX"}, imagej=False)
    _write_film(tmp_path)
    return tmp_path


def _write_film(folder: Path) -> None:
    lineage = lineages(2, 4, 30, durations={"G1": 300.0, "S": 200.0, "G2": 150.0}, apart=100, seed=3)
    movie, labels = draw_film(lineage, made_pixels(lineage.phase)[:, :2], radius=19)
    metadata = {"axes": "TCYX", "Channel": {"Name": ["brightfield", "darkfield"]}, "PhysicalSizeX": 0.5}
    tifffile.imwrite(folder / "film.tif", movie, metadata=metadata, ome=True)
    tifffile.imwrite(folder / "film_labels.tif", labels, metadata={"axes": "TYX"}, photometric="minisblack")
    spots, edges, last = [], [], {}
    for row in np.lexsort((lineage.frame, lineage.track)):
        y, x = lineage.position[row] / 2
        spots.append(f'<Spot ID="{row}" FRAME="{lineage.frame[row]}" POSITION_X="{x}" POSITION_Y="{y}" />')
        if (track := int(lineage.track[row])) in last:
            edges.append(f'<Edge SPOT_SOURCE_ID="{last[track]}" SPOT_TARGET_ID="{row}" />')
        last[track] = row
    (folder / "tracks.xml").write_text(
        '<TrackMate><Model spatialunits="um"><AllSpots>' + "".join(spots) + "</AllSpots><AllTracks>"
        '<Track TRACK_ID="0">' + "".join(edges) + "</Track></AllTracks></Model></TrackMate>"
    )


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("block", [block for block in BLOCKS if commands_in(block)])
def test_the_commands_run_one_after_the_other(block: str, bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands_in(block):
        assert main(quick(words)) == 0, capsys.readouterr().err
