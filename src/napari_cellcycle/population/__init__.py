"""Cells by sample: fractions of phases, DNA content, a map of features, and how they change over time."""
