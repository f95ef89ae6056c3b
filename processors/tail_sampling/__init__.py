"""Decide on whole traces: keep those that matter, and a fair part of the others."""
