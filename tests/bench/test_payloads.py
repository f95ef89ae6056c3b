import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.payloads import STAMP, bodies, renewed, stamp_offset
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


def test_a_renewed_body_has_the_same_traces_under_other_ids():
    """
    Half of an id stays, so that whoever samples by it decides the same; that half tells the traces of one body apart.
    """
    body = bodies("new_traces", 20)[0]
    before, after = (Batch(Signal.TRACES, wire=renewed(body, serial)).records() for serial in (1, 2))

    ids = [(old.trace_id, new.trace_id) for old, new in zip(before, after, strict=True)]
    assert 4 == len({old for old, _ in ids}) == len({new for _, new in ids})
    assert all(old[:8] != new[:8] and old[8:] == new[8:] for old, new in ids)


def test_new_values_are_as_long_as_others_and_hardly_come_again():
    spans = [span for body in bodies("new_values", 20) for span in Batch(Signal.TRACES, wire=body).records()]
    pairs = [pair.SerializeToString() for span in spans for pair in span.attributes]

    assert 550 == pytest.approx(sum(span.ByteSize() for span in spans) / len(spans), rel=0.05)
    assert len(set(pairs)) > 0.99 * len(pairs)
