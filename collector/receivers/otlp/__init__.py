"""Accept OTLP over gRPC and HTTP."""

from collector.receivers.otlp.receiver import factory

__all__ = ["factory"]
