"""Send metrics to Prometheus, or to whatever else takes its remote write: each series in its order."""

from exporters.prometheus_remote_write.exporter import factory

__all__ = ["factory"]
