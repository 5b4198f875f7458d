"""Classify every cell in a folder and print how many are in which phase.

    python examples/classify_a_folder.py [FOLDER OR FILE]

Without an argument it uses the sample of synthetic cells that comes with the package.
"""

import sys

import napari_cellcycle as cc
from napari_cellcycle.io.sample_data import sample_path

cells = cc.read_cells(sys.argv[1] if len(sys.argv) > 1 else sample_path())  # what it guesses is shown as warnings
calls = cc.classify(cells, "default", min_probability=0.5)
print(calls.to_table()["phase"].value_counts())
