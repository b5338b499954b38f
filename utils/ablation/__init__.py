"""Grids of runs that differ in a few settings, and what their scores say of these."""
