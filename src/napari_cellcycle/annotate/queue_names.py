"""Names of the queues in which cells are labelled; they stand in files of labels, so they stay."""

from __future__ import annotations

RANDOM = "random"
"""How a cell came to be labelled that was drawn at random. Only such cells say how good a model is on all cells."""
EVERY_CELL = "every cell"
"""How a cell came to be labelled if all were, as a control labels them."""
LEAST_SURE, LIKELY_WRONG = "least sure", "likely wrong labels"
RARE_FIRST, UNLIKE = "rare phases first", "unlike what is labelled"

QUEUES = {
    RANDOM: "a random sample of all cells: the only labels that say how good a model is",
    LEAST_SURE: "cells whose two most probable phases are nearly equally probable",
    LIKELY_WRONG: "labelled cells that look like those of another phase",
    RARE_FIRST: "cells that are probably of a phase with few labels, in a mix of phases",
    UNLIKE: "cells that look least like any labelled cell, and least like each other",
}
"""What each queue proposes, by its name."""
