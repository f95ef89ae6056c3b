"""
Any telemetry at all, for Hypothesis: what SDKs send and what only a hostile sender would.
"""

from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from collector.batch import Batch, Signal

KEYS = [
    "a",
    "a.b",
    "a.b.c",
    "a.value",
    "a.",
    ".a",
    "..",
    "b",
    "@timestamp",
    "trace.id",
    "span.id",
    "trace_id",
    "span_id",
    "Name",
    "Body",
    "Resource.a",
    "Scope.name",
    "event",
    "event.name",
    "service.name",
    "host.name",
    "os.type",
    "error",
    "data_stream.dataset",
    "data_stream.namespace",
    "data_stream.type",
    "message",
    "data_stream",
    "elasticsearch.index",
    "elasticsearch.document_id",
    "elasticsearch.mapping.hints",
    "geo.location.lat",
    "geo.location.lon",
    "x.geo.location.lat",
    "telemetry.sdk.name",
    "opentracing.ref_type",
    "exception.message",
    "100%",
    "metrics",
]
TEXTS = st.sampled_from(["", "otel", "INVALID", "_doc_count", "child_of", "%s", "é\u2028\n", "\0", 'a"b\\'])

keys = st.one_of(st.sampled_from([*KEYS, "", " ", "\0", "a" + ".b" * 40]), st.text(max_size=3))
text = st.one_of(TEXTS, st.text(max_size=5))
uint32, uint64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
nanoseconds = st.one_of(st.sampled_from([0, 5, 10**6, 1_700_000_000_123_456_789]), uint64)
doubles = st.one_of(st.sampled_from([0.0, 1.0, 1e300, float("nan"), float("inf"), -float("inf")]), st.floats())
trace_ids, span_ids = (st.sampled_from([b"", b"\x01" * n, b"\xff" * n]) for n in (16, 8))
scalars = st.one_of(
    st.just(AnyValue()),
    st.builds(AnyValue, string_value=text),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=doubles),
    st.builds(AnyValue, bytes_value=st.binary(max_size=3)),
)


def _containers(values):
    pairs = st.lists(st.builds(KeyValue, key=keys, value=values), max_size=3)
    return st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(values, max_size=3))),
        st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=pairs)),
    )


def _deep(depth):
    value = AnyValue(int_value=1)
    for level in range(depth):
        wrapped = AnyValue(array_value=ArrayValue(values=[value]))
        value = wrapped if level % 2 else AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="d", value=value)]))
    return value


values = st.one_of(st.recursive(scalars, _containers, max_leaves=6), st.just(_deep(24)))
attributes = st.lists(st.builds(KeyValue, key=keys, value=values), max_size=4)
hints = st.builds(
    KeyValue,
    key=st.just("elasticsearch.mapping.hints"),
    value=st.sampled_from(
        [
            AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=hint), AnyValue(int_value=1)]))
            for hint in ("_doc_count", "aggregate_metric_double", "histogram_raw")
        ]
    ),
)
point_attributes = st.builds(lambda given, hint: given + hint, attributes, st.lists(hints, max_size=1))
modes = st.sampled_from(["otel", "ecs", "none", "raw", "bodymap", "jaeger", "unheard_of"])
resources = st.builds(Resource, attributes=attributes, dropped_attributes_count=uint32)
scopes = st.builds(InstrumentationScope, name=text, version=text, attributes=attributes)
events = st.builds(
    Span.Event, time_unix_nano=nanoseconds, name=keys, attributes=attributes, dropped_attributes_count=uint32
)
links = st.builds(
    Span.Link, trace_id=trace_ids, span_id=span_ids, trace_state=text, attributes=attributes, flags=uint32
)
spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=span_ids,
    trace_state=text,
    flags=uint32,
    name=text,
    kind=st.integers(-1, 7),
    start_time_unix_nano=nanoseconds,
    end_time_unix_nano=nanoseconds,
    attributes=attributes,
    dropped_links_count=uint32,
    events=st.lists(events, max_size=2),
    links=st.lists(links, max_size=2),
    status=st.builds(Status, code=st.integers(-1, 3), message=text),
)
log_records = st.builds(
    LogRecord,
    time_unix_nano=nanoseconds,
    observed_time_unix_nano=nanoseconds,
    severity_number=st.integers(-1, 30),
    severity_text=text,
    body=values,
    attributes=attributes,
    flags=uint32,
    trace_id=trace_ids,
    span_id=span_ids,
    event_name=text,
)
_times = {"time_unix_nano": nanoseconds, "start_time_unix_nano": nanoseconds, "attributes": point_attributes}
_flags = st.sampled_from([0, 0, 1])
number_points = st.lists(
    st.one_of(
        st.builds(metrics.NumberDataPoint, **_times, flags=_flags),
        st.builds(metrics.NumberDataPoint, **_times, flags=_flags, as_int=st.integers(-(2**63), 2**63 - 1)),
        st.builds(metrics.NumberDataPoint, **_times, flags=_flags, as_double=doubles),
    ),
    max_size=3,
)
histogram_points = st.builds(
    metrics.HistogramDataPoint,
    **_times,
    flags=_flags,
    count=uint64,
    sum=doubles,
    bucket_counts=st.lists(uint64, max_size=3),
    explicit_bounds=st.lists(doubles, max_size=2),
)
buckets = st.builds(
    metrics.ExponentialHistogramDataPoint.Buckets,
    offset=st.integers(-(2**31), 2**31 - 1),
    bucket_counts=st.lists(uint64, max_size=3),
)
exponential_points = st.builds(
    metrics.ExponentialHistogramDataPoint,
    **_times,
    flags=_flags,
    count=uint64,
    sum=doubles,
    scale=st.one_of(st.integers(-10, 20), st.integers(-(2**31), 2**31 - 1)),
    zero_count=uint64,
    positive=buckets,
    negative=buckets,
)
summary_points = st.builds(metrics.SummaryDataPoint, **_times, flags=_flags, count=uint64, sum=doubles)
_temporality = st.integers(0, 3)


def _metric(kind, message, points, **fields):
    points = points if points is number_points else st.lists(points, max_size=3)
    data = st.builds(message, data_points=points, **fields)
    return st.builds(metrics.Metric, name=keys, unit=text, **{kind: data})


all_metrics = st.one_of(
    st.builds(metrics.Metric, name=keys),
    _metric("gauge", metrics.Gauge, number_points),
    _metric("sum", metrics.Sum, number_points, aggregation_temporality=_temporality, is_monotonic=st.booleans()),
    _metric("histogram", metrics.Histogram, histogram_points, aggregation_temporality=_temporality),
    _metric(
        "exponential_histogram",
        metrics.ExponentialHistogram,
        exponential_points,
        aggregation_temporality=_temporality,
    ),
    _metric("summary", metrics.Summary, summary_points),
)


def _scoped(message, **records):
    scope = st.builds(_with_mode, scopes, st.one_of(st.none(), modes))
    return st.lists(st.builds(message, scope=scope, schema_url=text, **records), max_size=2)


def _with_mode(scope, mode):
    chosen = InstrumentationScope.FromString(scope.SerializeToString())
    if mode:
        chosen.attributes.add(key="elastic.mapping.mode").value.string_value = mode
    return chosen


def _requests(request, resources_field, message, **scoped):
    nodes = st.lists(st.builds(message, resource=resources, schema_url=text, **scoped), max_size=2)
    return st.builds(request, **{resources_field: nodes})


REQUESTS = {
    Signal.TRACES: _requests(
        ExportTraceServiceRequest,
        "resource_spans",
        ResourceSpans,
        scope_spans=_scoped(ScopeSpans, spans=st.lists(spans, max_size=3)),
    ),
    Signal.LOGS: _requests(
        ExportLogsServiceRequest,
        "resource_logs",
        ResourceLogs,
        scope_logs=_scoped(ScopeLogs, log_records=st.lists(log_records, max_size=3)),
    ),
    Signal.METRICS: _requests(
        ExportMetricsServiceRequest,
        "resource_metrics",
        metrics.ResourceMetrics,
        scope_metrics=_scoped(metrics.ScopeMetrics, metrics=st.lists(all_metrics, max_size=4)),
    ),
}


@st.composite
def batches(draw):
    """
    Batches of any signal that has documents.
    """
    signal = draw(st.sampled_from(list(REQUESTS)))
    return Batch(signal, wire=draw(REQUESTS[signal]).SerializeToString())
