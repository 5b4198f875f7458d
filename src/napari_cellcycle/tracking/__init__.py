"""Cells over time: phases along tracks."""
