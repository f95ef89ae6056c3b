"""What policies see of a trace."""

from __future__ import annotations

from opentelemetry.proto.trace.v1 import trace_pb2

from collector.testing.otlp import START, make_spans
from processors.tail_sampling.trace import Origin, Part, Trace


def trace_of(*spans: dict[str, object], resource: dict[str, object] | None = None) -> Trace:
    batch = make_spans(*spans, resource=resource, scope="lib")
    node = batch.request.resource_spans[0]
    raws = [span.SerializeToString() for span in node.scope_spans[0].spans]
    shell = trace_pb2.ResourceSpans(resource=node.resource).SerializeToString()
    scope = trace_pb2.ScopeSpans(scope=node.scope_spans[0].scope).SerializeToString()
    return Trace(bytes(range(16)), [Part(Origin({}, shell, scope), raws)], sum(map(len, raws)))


def test_duration_is_from_the_first_start_to_the_last_end() -> None:
    trace = trace_of({"start_time": START + 1, "duration": 1}, {"start_time": START, "duration": 0.5})
    assert trace.duration == 2_000_000_000
    assert trace.span_count == 2


def test_values_come_from_every_span_that_has_the_key_and_from_resources() -> None:
    trace = trace_of({"attributes": {"a": 1}}, {"attributes": {"b": "a"}}, resource={"a": 2})
    assert list(trace.values("a")) == [1, 2]
    assert list(trace.values("c")) == []


def test_spans_have_their_resource_and_scope() -> None:
    (span,) = trace_of({"name": "x"}, resource={"service.name": "shop"}).spans()
    assert (span.name, span.resource["service.name"], span.scope.name) == ("x", "shop", "lib")
