"""Projects as earlier versions of the program wrote them, character by character; they open for ever."""

from __future__ import annotations

from pathlib import Path

from napari_cellcycle.phases import PHASE_LABELS

PROJECT_1 = """{
 "napari_cellcycle_project": 1,
 "data": [
  {
   "title": "plate",
   "paths": [{"relative": "plate", "absolute": "/somewhere/else/plate"}],
   "made": [],
   "reading": {"channels": "brightfield=Ch3,darkfield=Ch6", "layout": "auto", "labels": "", "pixel_size_um": 0.5,
    "plane": null, "population": "", "cell_diameter_px": null},
   "label_image": null,
   "n_cells": 90,
   "calls": {
    "file": "old.cellcycle.calls.csv",
    "sha256": "SHA256",
    "model": "default",
    "min_probability": 0.5,
    "verdict": null,
    "force": false
   },
   "labels": null,
   "view": {"visible": ["darkfield", "phase"], "hidden": ["S"]}
  }
 ],
 "view": {"camera": {"zoom": 2.5, "center": [0.0, 10.0, 20.0]}, "docks": {"SomeDock": {"sort": "phase"}}},
 "versions": {"python": "3.11.2", "napari-cellcycle": "1.0"}
}
"""


def write_project_1(folder: Path) -> Path:
    """The project of version 1 of the made `plate`, whose cells are all called G1 but the last one."""
    from hashlib import sha256

    header = ["source", "cell", "phase", "probability", *(f"p_{label}" for label in PHASE_LABELS)]
    lines = [",".join([*header, "dna_content", "unfamiliar", "synthetic", "truth"])]
    for phase in ("G1", "G2", "S"):
        for cell in range(30):
            called = "Telophase" if (phase, cell) == ("S", 29) else "G1"
            shares = ["0.75" if label == called else "0.0416" for label in PHASE_LABELS]
            lines.append(
                ",".join([f"{phase}/cells_Ch3.tif", str(cell), called, "0.75", *shares, "", "0", "False", phase])
            )
    table = ("\n".join(lines) + "\n").encode()
    (folder / "old.cellcycle.calls.csv").write_bytes(table)
    path = folder / "old.cellcycle.json"
    path.write_text(PROJECT_1.replace("SHA256", sha256(table).hexdigest()))
    return path
