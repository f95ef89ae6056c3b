"""What policies see of a trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2

from collector.testing.otlp import START, make_spans
from processors.tail_sampling.trace import Origin, Part, Trace
from tests.timing import cpu_seconds


def trace_from(trace_id: bytes, parts: Sequence[Part], size: int = 0) -> Trace:
    """
    Return a trace whose spans came in these parts, and are of their own size unless told.
    """
    trace = Trace(trace_id, parts[0].origin if parts else Origin({}, b"", b""), [], 0)
    for origin, raws in parts:
        trace.add(origin, raws, sum(map(len, raws)))
    trace.size = size or trace.size
    return trace


def trace_of(*spans: dict[str, object], resource: dict[str, object] | None = None) -> Trace:
    batch = make_spans(*spans, resource=resource, scope="lib")
    node = batch.request.resource_spans[0]
    raws = [span.SerializeToString() for span in node.scope_spans[0].spans]
    shell = trace_pb2.ResourceSpans(resource=node.resource).SerializeToString()
    scope = trace_pb2.ScopeSpans(scope=node.scope_spans[0].scope).SerializeToString()
    return trace_from(bytes(range(16)), [Part(Origin({}, shell, scope), raws)], sum(map(len, raws)))


def test_duration_is_from_the_first_start_to_the_last_end() -> None:
    trace = trace_of({"start_time": START + 1, "duration": 1}, {"start_time": START, "duration": 0.5})
    assert trace.duration == 2_000_000_000
    assert trace.span_count == 2


def test_spans_and_resources_are_read_if_they_are_wanted_and_equal_resources_once() -> None:
    trace = trace_of({"name": "a"}, {"name": "b"}, resource={"a": 2})
    twice = trace_from(trace.trace_id, [*trace.parts, *trace.parts], 0)

    assert ["b", "b"] == [span.name for span in twice.spans(lambda raw: b"b" in raw)]
    assert [{"a": 2}] == [dict(resource) for resource in twice.resources()]
    assert [] == list(twice.resources(lambda _: False))


def test_the_root_is_the_first_span_without_a_parent() -> None:
    child = {"name": "child", "parent_span_id": "01" * 8}
    root = trace_of(child, {"name": "root"}, {"name": "other"}, resource={"a": 2}).root

    assert root is not None
    assert ("root", 2) == (root.name, root.resource["a"])
    assert trace_of(child).root is None


def test_the_root_is_found_among_spans_that_come_from_here_and_there() -> None:
    child, root = trace_of({"name": "child", "parent_span_id": "01" * 8}).parts[0], trace_of({"name": "root"}).parts[0]
    found = trace_from(bytes(16), [child, root, child]).root

    assert found is not None
    assert "root" == found.name


def test_a_parent_that_is_all_zero_is_none() -> None:
    root = trace_of({"parent_span_id": "01" * 8}, {"name": "root", "parent_span_id": "00" * 8}).root

    assert root is not None
    assert "root" == root.name


def test_spans_have_their_resource_and_scope() -> None:
    (span,) = trace_of({"name": "x"}, resource={"service.name": "shop"}).spans()
    assert (span.name, span.resource["service.name"], span.scope.name) == ("x", "shop", "lib")


@pytest.mark.slow
def test_a_trace_whose_spans_all_stand_elsewhere_takes_time_that_grows_with_their_number_and_no_faster() -> None:
    """
    A request may have as many scopes as spans.
    """

    def scattered(count: int) -> Callable[[], None]:
        origins = [Origin({}, b"", b"") for _ in range(count)]
        trace = Trace(bytes(16), origins[0], [], 0)

        def add_all() -> None:
            for origin in origins:
                trace.add(origin, [b""], 0)

        return add_all

    most = 24 * cpu_seconds(partial(scattered, 5_000)) + 0.1  # eight times as many; a square would be 64 times

    assert cpu_seconds(partial(scattered, 40_000), most) < most
