"""Names of the figures and of ways to group cells: apart from matplotlib, so that a dock does not wait for it."""

from __future__ import annotations

FRACTIONS, DNA, EMBEDDING, OVER_TIME, GALLERY = "populations", "dna_content", "embedding", "over_time", "gallery"
"""Names of the figures, and of their files."""
WAYS = {
    "well": "well",
    "frame": "frame",
    "folder1": "first folder",
    "folder": "folder",
    "file": "file",
    "all": "all cells together",
}
"""Ways to group that need no column, in words."""
ALL_SAMPLES = "all samples"
