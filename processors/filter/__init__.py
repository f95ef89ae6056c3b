"""Drop spans, span events, metrics, data points and log records that meet a condition."""

from processors.filter.processor import factory

__all__ = ["factory"]
