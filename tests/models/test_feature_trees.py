"""Trees give what one gets who follows each cell from node to node."""

from __future__ import annotations

import torch

from napari_cellcycle.models.feature_trees import DEPTH, Trees


def test_outputs_are_the_sums_of_the_leaves_that_each_cell_reaches() -> None:
    torch.manual_seed(0)
    rounds, outputs, nodes, features = 25, 3, 2**DEPTH - 1, 6
    trees = Trees(
        torch.randint(features, (rounds, outputs, nodes)).short(),
        torch.randn(rounds, outputs, nodes),
        torch.randn(rounds, outputs, nodes + 1),
    )
    cells = torch.randn(20, features)
    cells[0, 0] = trees.threshold[trees.feature == 0][0]  # up to the threshold is not above it
    expected = torch.zeros(len(cells), outputs, dtype=torch.float64)
    for number, cell in enumerate(cells):
        for turn in range(rounds):
            for output in range(outputs):
                node = 0
                while node < nodes:
                    is_above = cell[trees.feature[turn, output, node].long()] > trees.threshold[turn, output, node]
                    node = 2 * node + 1 + int(is_above)
                expected[number, output] += trees.answer[turn, output, node - nodes]
    torch.testing.assert_close(trees.outputs(cells), expected.float())
