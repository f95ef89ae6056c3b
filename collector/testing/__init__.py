"""Fakes and generators for component authors.  Shipped, typed and documented like the rest."""

from collector.testing.fakes import FakeBackend, Sink, settings
from collector.testing.otlp import make_batch

__all__ = ["FakeBackend", "Sink", "make_batch", "settings"]
