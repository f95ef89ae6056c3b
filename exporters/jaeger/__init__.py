"""Send traces to Jaeger: as OTLP, or to older installations in Jaeger's own formats.

Every Jaeger since 1.35 takes OTLP, which is sent as it is. The protocols `grpc` and `thrift_http` are for those that do
not; Jaeger has deprecated both. Their model is poorer: attributes of scopes and of links and the trace state of links
are lost, arrays and maps become JSON, and with `thrift_http` times are whole microseconds.

A connection is in plain text unless `tls` is given or the endpoint starts with `https://`, which is how Jaeger listens
if it is told nothing else.
"""

from __future__ import annotations

from collector.api import Exporter, ExporterFactory, PreparingExporter, Settings
from collector.batch import Signal
from exporters.jaeger.settings import JaegerConfig


def build(config: JaegerConfig, settings: Settings) -> Exporter | PreparingExporter:
    """Import the rest only now: a configuration may have an exporter that no pipeline uses."""
    from exporters.jaeger.exporter import exporter_of  # noqa: PLC0415  see above

    return exporter_of(config, settings)


factory = ExporterFactory(
    config=JaegerConfig, build=build, signals=frozenset({Signal.TRACES}), example="endpoint: localhost:4317"
)
