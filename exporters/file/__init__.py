"""Write OTLP to a file: one line of JSON, or one frame of protobuf, for each batch."""

from exporters.file.exporter import factory

__all__ = ["factory"]
