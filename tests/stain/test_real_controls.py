"""Real stained cells, where they are: what the stain can show is labelled, and nothing else."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.events import result_of
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs.config import LabelSettings, ReadSettings
from napari_cellcycle.jobs.label_by_stain import label_cells, label_files
from napari_cellcycle.stain import result
from napari_cellcycle.stain.histogram_fit import fit_histogram
from napari_cellcycle.stain.quality import G1_ONLY

NATURAL = [311, 187, 187, 13, 2, 0, 0]
"""Cells of each phase, of 700, as in BBBC048."""


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result, "fit_histogram", partial(fit_histogram, n_bootstrap=6))


def test_g1_of_jurkat_cells_is_found_and_s_is_not_claimed(real_data: Path) -> None:
    cells = read_cells(real_data / "jurkat" / "Experiment_1")
    chance = np.random.default_rng(0)
    rows = [chance.permutation(np.flatnonzero(cells.phases == p))[:n] for p, n in enumerate(NATURAL)]
    drawn = cells.subset(np.concatenate(rows))
    found = result_of(label_cells(drawn, LabelSettings(dna="Ch4")))
    assert found.tells == G1_ONLY
    assert "S can't be separated from G1" in found.words[0]
    sure = np.isin(found.gated.labels, ["G1", "S/G2/M"]) & found.gated.sure
    assert ((found.gated.labels == "G1") == (drawn.phases == 0))[sure].mean() > 0.97
    assert sure.mean() > 0.7


def test_a_dye_that_is_not_proportional_to_dna_labels_nothing(real_data: Path, tmp_path: Path) -> None:
    for name in ("brightfield.png", "nucleus.png", "labels.tif"):
        (tmp_path / f"field1_{name}").symlink_to(real_data / "fields" / "blood" / f"field1_{name}")
    job = label_files([tmp_path], tmp_path / "out", LabelSettings(dna="nucleus"), ReadSettings())
    with pytest.raises(CellCycleError, match="nothing was labelled, as no phase can be determined"):
        result_of(job)
    assert (tmp_path / "out" / "labels.html").exists()
    assert not (tmp_path / "cellcycle_labels.jsonl").exists()
