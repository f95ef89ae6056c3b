"""Fakes, generators and laws for component authors.  Shipped, typed and documented like the rest."""

from collector.testing.clock import FakeClock
from collector.testing.fakes import FakeBackend, FakeHost, FakeIntake, Sink, settings
from collector.testing.otlp import make_batch, make_log, make_logs, make_metric, make_metrics, make_span, make_spans

__all__ = [
    "FakeBackend",
    "FakeClock",
    "FakeHost",
    "FakeIntake",
    "Sink",
    "make_batch",
    "make_log",
    "make_logs",
    "make_metric",
    "make_metrics",
    "make_span",
    "make_spans",
    "settings",
]
