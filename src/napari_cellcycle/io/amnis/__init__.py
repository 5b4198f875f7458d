"""Amnis .cif and .rif files: what ImageStream and FlowSight imaging flow cytometers write."""

from napari_cellcycle.io.amnis.cells import read_amnis_cells
from napari_cellcycle.io.amnis.file import AmnisFile, AmnisObject, open_amnis

__all__ = ["AmnisFile", "AmnisObject", "open_amnis", "read_amnis_cells"]
