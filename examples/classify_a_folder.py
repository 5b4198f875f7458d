"""Classify every cell in a folder and print how many are in which phase.

    python examples/classify_a_folder.py [FOLDER OR FILE]

Without an argument it uses the sample of synthetic cells that comes with the package.
"""

import sys

import napari_cellcycle as cc
from napari_cellcycle.io.sample_data import sample_path

cells = cc.read_cells(sys.argv[1] if len(sys.argv) > 1 else sample_path())
for note in cells.notes:
    print("note:", note)

calls = cc.classify(cells, cc.load_model("default"), min_probability=0.5)
print(calls.to_table()["phase"].value_counts())
