"""Fakes, generators and laws for component authors.  Shipped, typed and documented like the rest."""

from collector.plugins import load_plugin
from collector.testing.clock import FakeClock
from collector.testing.fakes import FakeBackend, FakeHost, FakeIntake, Sink, settings
from collector.testing.laws import check, laws_of
from collector.testing.otlp import make_batch, make_log, make_logs, make_metric, make_metrics, make_span, make_spans
from collector.testing.runner import Outcome, run_processor

__all__ = [
    "FakeBackend",
    "FakeClock",
    "FakeHost",
    "FakeIntake",
    "Outcome",
    "Sink",
    "check",
    "laws_of",
    "load_plugin",
    "make_batch",
    "make_log",
    "make_logs",
    "make_metric",
    "make_metrics",
    "make_span",
    "make_spans",
    "run_processor",
    "settings",
]
