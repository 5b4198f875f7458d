"""Whole tasks in order, as generators of events: what a button and a command both call."""
