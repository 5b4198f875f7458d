"""The synthetic control that ships: its stain has the phases that its table names."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from napari_cellcycle.events import result_of
from napari_cellcycle.images.field_crops import cell_positions
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.io.sample_data import control_path
from napari_cellcycle.models.stain_finder import StainFinder
from napari_cellcycle.stain.measure import Measures, measure_cells


def test_the_stain_of_the_second_field_is_proportional_to_dna() -> None:
    path = control_path("second")
    truth = pd.read_csv(path.with_name("truth.csv")).query("source == 'second.ome.tif'")
    cells = read_cells(path, finder=StainFinder())
    assert len(cells) == len(truth)  # dead cells are left out
    distance, row = cKDTree(truth[["row", "column"]]).query(cell_positions(cells.images))
    assert (distance < 8).mean() > 0.97
    stain: Measures = result_of(measure_cells(cells, "dna"))
    content, phase = truth["dna_content"].to_numpy()[row], truth["phase"].to_numpy()[row]
    round_ones = (phase != "Metaphase") & np.isfinite(stain.dna)  # those at the border have no sum
    assert np.corrcoef(stain.dna[round_ones], content[round_ones])[0, 1] > 0.97
    assert not stain.saturated.any()
    assert cells.common_pixel_size_um == 0.5
