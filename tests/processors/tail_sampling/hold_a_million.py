"""Holds a million spans and prints how many bytes of resident memory each takes: run in a process of its own."""

import asyncio
import dataclasses
import gc

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.batch import Batch, Signal
from collector.memory import resident_bytes
from collector.testing import settings
from collector.testing.clock import FakeClock
from collector.testing.fakes import Sink
from processors.tail_sampling.config import TailSamplingConfig
from processors.tail_sampling.factory import factory

SPANS, OF_A_TRACE, SIZE, IN_A_REQUEST = 1_000_000, 8, 549, 512
POLICIES = [{"name": "all", "type": "always_sample"}]


def template():
    """
    Return a request whose spans have `SIZE` bytes each, with the trace ids left to be written over.
    """
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(IN_A_REQUEST):
        span = scope.spans.add(trace_id=bytes(15) + b"\x01", span_id=number.to_bytes(8, "big"), name="x")
        span.name = "x" * (SIZE - span.ByteSize())
        span.name = "x" * (SIZE - (span.ByteSize() - len(span.name)))
        assert SIZE == span.ByteSize()
    return request.SerializeToString().split(bytes(15) + b"\x01")


def requests():
    """
    Yield requests in which no two spans belong to one trace: what costs most, since each span comes on its own.
    """
    parts = template()
    for number in range(-(-SPANS // IN_A_REQUEST)):
        first = number // OF_A_TRACE * IN_A_REQUEST + 1
        ids = [(first + i).to_bytes(16, "big") for i in range(IN_A_REQUEST)]
        pieces = [piece for pair in zip(parts, ids, strict=False) for piece in pair]
        yield Batch(Signal.TRACES, wire=b"".join([*pieces, parts[-1]]), items=IN_A_REQUEST)


async def hold():
    its = dataclasses.replace(settings("tail_sampling", FakeClock()), common={})
    config = TailSamplingConfig(policies=POLICIES, num_traces=SPANS)
    tail = factory.build(config, its, Sink())
    await tail.consume(next(requests()))  # what is made once is not what a span takes
    gc.collect()
    before = resident_bytes()
    for request in requests():
        await tail.consume(request)
    gc.collect()
    traces, size, _ = tail.load
    print(traces, size // SIZE, (resident_bytes() - before) / (size // SIZE - IN_A_REQUEST))  # noqa: T201


asyncio.run(hold())
