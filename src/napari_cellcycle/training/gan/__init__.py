"""Generators of cells: how they are trained, step by step."""
