"""Requests that are larger, odder or newer than most come out as they came in."""

import dataclasses
from collections import Counter

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.batch import Batch, Signal
from collector.records.mapping import records_of
from collector.telemetry import DROPPED, HELD
from collector.testing import FakeClock, Sink, make_spans, settings
from processors.tail_sampling.config import TailSamplingConfig
from processors.tail_sampling.factory import factory

ALL = [{"name": "all", "type": "always_sample"}]
LATER = b"\xa2\x06\x05later"
"""Field 100 of any message, which OTLP may have one day."""


def trace(number):
    return f"{number:032x}"


class Running:
    def __init__(self, **config):
        self.clock, self.sink = FakeClock(), Sink()
        its = dataclasses.replace(settings("tail_sampling", self.clock), common={}, signal=Signal.TRACES)
        config = TailSamplingConfig(**{"policies": ALL, "decision_wait": 10, **config})
        self.tail = factory.build(config, its, self.sink)
        self.telemetry = its.telemetry.telemetry

    async def sends(self, *batches):
        """
        Return what comes out once all is decided on.
        """
        async with self.tail.lifespan():
            for batch in batches:
                await self.tail.consume(batch)
            await self.clock.advance(11)
        assert 0 == self.telemetry.total(HELD)
        return self.sink.batches


async def test_fields_that_are_not_known_survive_wherever_they_stand():
    request = make_spans({"trace_id": trace(1)}, {"trace_id": trace(2)}, resource={"a": 1}, scope="lib").copy().request
    resource = request.resource_spans[0]
    scope = resource.scope_spans[0]
    for message in (request, resource, resource.resource, scope, scope.scope, *scope.spans):
        message.MergeFromString(LATER)

    (sent,) = await Running(record_policy=False, record_rate=False).sends(
        Batch(Signal.TRACES, wire=request.SerializeToString())
    )

    assert request == ExportTraceServiceRequest.FromString(sent.wire)
    assert 7 == sent.wire.count(b"later")


async def test_parts_of_a_trace_that_came_with_different_metadata_go_with_their_own():
    batches = [
        Batch(Signal.TRACES, wire=make_spans({"trace_id": trace(1), "name": name}).wire, metadata={"tenant": tenant})
        for tenant, name in ("xa", "yb", "xc")
    ]

    sent = await Running().sends(*batches)

    assert [("x", "a"), ("x", "c"), ("y", "b")] == sorted(
        (b.metadata["tenant"], r.name) for b in sent for r in records_of(b)
    )


async def test_a_span_larger_than_a_request_should_be_goes_alone_and_whole():
    large = make_spans({"trace_id": trace(1), "attributes": {"text": "x" * (4 << 20)}})
    small = make_spans(*({"trace_id": trace(number)} for number in (1, 2, 3)))

    sent = await Running().sends(small, large, small.copy())

    assert 7 == sum(map(len, sent))
    assert [1] == [len(batch) for batch in sent if len(batch.wire) > 4 << 20]


async def test_a_trace_may_have_more_spans_than_a_request_has():
    spans = make_spans(*({"trace_id": trace(1), "attributes": {"n": number}} for number in range(3000)))

    sent = await Running().sends(*[spans.copy() for _ in range(7)])

    assert {7} == set(Counter(record["n"] for batch in sent for record in records_of(batch)).values())
    assert max(map(len, sent)) <= 8192


async def test_a_span_that_comes_twice_goes_twice():
    """
    Whoever sends again what was not acknowledged may have sent it twice; to remember all ids costs more than it helps.
    """
    span = {"trace_id": trace(1), "span_id": "02" * 8}

    sent = await Running().sends(make_spans(span, span), make_spans(span))

    assert 3 == sum(map(len, sent))


@pytest.mark.parametrize("most", [1, 10, 40])
async def test_a_trace_that_is_too_large_goes_whole_and_so_does_what_comes_of_it_later(most):
    its = Running(maximum_trace_size_bytes=most)

    sent = await its.sends(*[make_spans({"trace_id": trace(1)}, {"trace_id": trace(1)}) for _ in range(3)])

    assert [] == sent
    assert 6 == its.telemetry.total(DROPPED, reason="sampled_out")


async def test_a_request_of_nothing_but_traces_that_are_too_large_leaves_nothing_held():
    its = Running(maximum_trace_size_bytes=1, decision_cache={"sampled_cache_size": 0, "non_sampled_cache_size": 0})
    spans = make_spans(*({"trace_id": trace(number)} for number in range(1, 300)))

    async with its.tail.lifespan():
        await its.tail.consume(spans)
        held = its.telemetry.total(HELD)

    assert (0, 299) == (held, its.telemetry.total(DROPPED, reason="sampled_out"))


async def test_what_comes_of_a_trace_that_is_too_large_in_the_same_request_goes_with_it():
    its = Running(maximum_trace_size_bytes=40)
    request = Batch.join([make_spans({"trace_id": trace(1)}, resource={"n": number}) for number in range(5)])

    sent = await its.sends(request)

    assert ([], 5) == (sent, its.telemetry.total(DROPPED, reason="sampled_out"))
    too_large = "otelcol_processor_tail_sampling_traces_dropped_too_large"
    assert 1 == sum(value for metric, _, value in its.telemetry.samples() if metric.name == too_large)
