import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.payloads import STAMP, bodies, stamp_offset
from collector.batch import Batch, Signal
from collector.net.validation import validate


def test_a_span_has_549_bytes_and_11_attributes():
    """
    What the figures are about, so that they can be compared with others.
    """
    made = bodies("traces", 100)
    spans = [span for body in made for span in Batch(Signal.TRACES, wire=body).records()]

    assert 549 == round(sum(map(len, made)) / len(spans))
    assert {11} == {len(span.attributes) for span in spans}


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
@pytest.mark.parametrize("items", [10, 100])
def test_bodies_hold_what_was_ordered_and_are_valid(signal, items):
    for body in bodies(signal, items):
        valid = validate(Signal(signal), body, max_items=items, max_record_size=10_000)

        assert (items, 0) == (len(valid.batch), valid.rejected)


def test_the_time_of_sending_replaces_the_first_start_time():
    body = bodies("traces", 10)[0]
    at = stamp_offset(body)

    stamped = ExportTraceServiceRequest.FromString(body[:at] + (42).to_bytes(STAMP, "little") + body[at + STAMP :])

    first, second, *_ = stamped.resource_spans[0].scope_spans[0].spans
    assert 42 == first.start_time_unix_nano != second.start_time_unix_nano
