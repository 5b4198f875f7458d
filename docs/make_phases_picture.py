"""Draw what the phases look like, from synthetic cells of the shipped sample; `make pictures` does it too."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

import napari_cellcycle as cc
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.phases import COLOURS, Phase

N_EACH = 3
CHANNELS = ("brightfield", "darkfield")


def main(path: Path) -> None:
    """Write the picture: a column for each phase, and for each cell brightfield over darkfield."""
    cells = cc.read_cells(sample_path()).select_channels(CHANNELS)
    rows = typical_cells(cells)
    pixels = np.stack([[cells[int(row)].pixels for row in of_phase] for of_phase in rows])
    figure, axes = plt.subplots(2 * N_EACH, len(Phase), figsize=(9, 7.9), facecolor="white")
    ranges = [np.percentile(pixels[:, :, channel], (0.2, 99.8)) for channel in range(2)]
    for phase in Phase:
        for number in range(2 * N_EACH):
            channel = number % 2
            axis = axes[number, phase]
            low, high = ranges[channel]
            axis.imshow(pixels[phase, number // 2, channel], cmap="gray", vmin=low, vmax=high)
            axis.set(xticks=[], yticks=[])
            for edge in axis.spines.values():
                edge.set(color=COLOURS[phase], linewidth=2)
        axes[0, phase].set_title(phase.label, fontsize=11)
    for number in range(2 * N_EACH):
        axes[number, 0].set_ylabel(CHANNELS[number % 2], fontsize=8)
    figure.subplots_adjust(0.04, 0.01, 0.99, 0.95, 0.06, 0.06)
    figure.savefig(path, dpi=100)


def typical_cells(cells: cc.Cells) -> list[NDArray[np.intp]]:
    """Of each phase, the cells that `default` finds most typical of the phase that they were made for."""
    calls = cc.classify(cells, "default", device="cpu")
    found = []
    for phase in Phase:
        own = np.flatnonzero(cells.phases == phase)
        found.append(own[np.argsort(-calls.probabilities[own, phase], kind="stable")[:N_EACH]])
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images" / "phases.png")
