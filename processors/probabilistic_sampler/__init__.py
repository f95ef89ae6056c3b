"""Keep a part of all traces and log records, the same part wherever the same is set."""

from processors.probabilistic_sampler.processor import factory

__all__ = ["factory"]
