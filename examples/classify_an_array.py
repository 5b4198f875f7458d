"""Classify cells that are in an array: of NumPy here, but a dask, zarr or xarray array does as well.

python examples/classify_an_array.py
"""

import numpy as np

import napari_cellcycle as cc
from napari_cellcycle.io.sample_data import sample_path

sample = cc.read_cells(sample_path())
array = np.stack([cell.pixels for cell in sample[:200]])  # (N, C, Y, X)

cells = cc.read_cells(array, channels=sample.channels, pixel_size_um=sample.common_pixel_size_um)
calls = cc.classify(cells, "default")
print(calls)
print(cells[calls.phases == cc.Phase.METAPHASE])
