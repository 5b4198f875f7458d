"""Names in the labelling by stain; cheap to import, as forms and the command line need them."""

from __future__ import annotations

from napari_cellcycle.phases import COLOURS, Phase

DEAN_JETT_FOX, WATSON = "dean-jett-fox", "watson"
MODELS = (DEAN_JETT_FOX, WATSON)
"""Models of a DNA histogram."""
LIKELIEST, MIDDLE = "likeliest", "middle"
S_G2M_GATES = (LIKELIEST, MIDDLE)
"""Where the gate between S and G2/M is put: by the fit, or halfway between the peaks."""
FUCCI_ROLES = ("g1", "s-g2m")
"""What a FUCCI channel is high in."""

G1, S, G2M = PARTS = (Phase.G1.label, Phase.S.label, "G2/M")
"""What a histogram is divided into."""
MITOSIS, NOT_G1, DOUBLET, DEBRIS = "M", "S/G2/M", "doublet", "debris"
LABELS = (G1, S, G2M, MITOSIS, NOT_G1, DOUBLET, DEBRIS)
"""What a gate can say of a cell, in the order of tables."""
LABEL_COLOURS = {
    G1: COLOURS[Phase.G1],
    S: COLOURS[Phase.S],
    G2M: COLOURS[Phase.G2],
    MITOSIS: COLOURS[Phase.METAPHASE],
    NOT_G1: COLOURS[Phase.PROPHASE],
    DOUBLET: "#777777",
    DEBRIS: "#aaaaaa",
}
"""Distinct for colour-blind readers, as those of the phases are."""
