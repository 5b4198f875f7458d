"""What one writes to classify a folder of PNG pairs with the seed's network: Pillow, torch, a loop.

python benchmarks/seed_script.py FOLDER OUT.csv

The network is that of Duque-Vazquez et al.; its weights are random, as only the time counts.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

BATCH = 32


def read(path):
    image = Image.open(path).convert("F").resize((64, 64))
    return np.asarray(image) / 65535


network = nn.Sequential(
    nn.Conv2d(2, 64, 10),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(64, 32, 5),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.LazyLinear(32),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(32, 16),
    nn.ReLU(),
    nn.Linear(16, 7),
).eval()

brightfield = sorted(Path(sys.argv[1]).glob("*_Ch3.png"))
with open(sys.argv[2], "w", newline="") as file, torch.no_grad():
    writer = csv.writer(file)
    for start in range(0, len(brightfield), BATCH):
        paths = brightfield[start : start + BATCH]
        pairs = [[read(path), read(str(path).replace("_Ch3", "_Ch6"))] for path in paths]
        chances = network(torch.tensor(np.array(pairs), dtype=torch.float32)).softmax(1)
        for path, row in zip(paths, chances.tolist(), strict=True):
            writer.writerow([path.name, int(np.argmax(row)), *row])
