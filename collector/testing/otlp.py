"""Small, valid OTLP data."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import ExportProfilesServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.profiles.v1development.profiles_pb2 import Profile, ResourceProfiles, ScopeProfiles
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from collector.batch import Batch, Signal


def make_batch(signal: Signal = Signal.TRACES, items: int = 1, **attributes: str) -> Batch:
    """Build one batch of `items` records, each carrying `attributes`."""
    pairs = [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in attributes.items()]
    match signal:
        case Signal.TRACES:
            spans = [
                Span(name=f"span-{i}", attributes=pairs, trace_id=b"\1" * 16, span_id=(i + 1).to_bytes(8, "big"))
                for i in range(items)
            ]
            resource = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
            return Batch(signal, request=ExportTraceServiceRequest(resource_spans=[resource]))
        case Signal.METRICS:
            points = [NumberDataPoint(as_int=i, attributes=pairs) for i in range(items)]
            scope = ScopeMetrics(metrics=[Metric(name="metric", gauge=Gauge(data_points=points))])
            metrics = ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(scope_metrics=[scope])])
            return Batch(signal, request=metrics)
        case Signal.LOGS:
            logs = [LogRecord(severity_text="INFO", attributes=pairs) for _ in range(items)]
            resource_logs = ResourceLogs(scope_logs=[ScopeLogs(log_records=logs)])
            return Batch(signal, request=ExportLogsServiceRequest(resource_logs=[resource_logs]))
        case Signal.PROFILES:
            profiles = ScopeProfiles(profiles=[Profile() for _ in range(items)])
            resource_profiles = ResourceProfiles(scope_profiles=[profiles])
            return Batch(signal, request=ExportProfilesServiceRequest(resource_profiles=[resource_profiles]))
