"""Decide on whole traces: keep those that matter, and a fair part of the others."""

from processors.tail_sampling.factory import factory

__all__ = ["factory"]
