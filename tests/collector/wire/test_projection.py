import random
import tracemalloc

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from collector.batch import SHAPES, Signal
from collector.testing import make_batch
from collector.wire.projection import OPAQUE, VALUE, Merged, project


def accepts(class_, wire):
    try:
        class_.FromString(wire)
    except DecodeError:
        return False
    return True


@given(st.sampled_from(sorted(Signal)), st.integers(0, 4), st.randoms(use_true_random=False), st.integers(0, 3))
def test_a_checker_accepts_what_the_official_class_accepts_and_nothing_else(signal, items, dice, changes):
    wire = bytearray(make_batch(signal, items, user="alice", city="Zürich").wire)
    for _ in range(min(changes, len(wire))):
        wire[dice.randrange(len(wire))] = dice.randrange(256)

    assert accepts(SHAPES[signal].request, bytes(wire)) == accepts(SHAPES[signal].checker, bytes(wire))


@given(st.sampled_from(sorted(Signal)), st.binary(max_size=60))
def test_a_checker_and_the_official_class_agree_on_noise(signal, wire):
    assert accepts(SHAPES[signal].request, wire) == accepts(SHAPES[signal].checker, wire)


def values():
    leaf = st.one_of(
        st.builds(AnyValue, string_value=st.text(max_size=5)),
        st.builds(AnyValue, bytes_value=st.binary(max_size=5)),
        st.builds(AnyValue, double_value=st.floats()),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(lambda v: AnyValue(array_value=ArrayValue(values=v)), st.lists(inner, max_size=3)),
            st.builds(
                lambda k, v: AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=k, value=v)])),
                st.text(max_size=3),
                inner,
            ),
        ),
        max_leaves=8,
    )


@given(st.lists(values(), max_size=4), st.integers(0, 2**16))
def test_values_in_values_are_checked_to_the_last_level(attributes, seed):
    batch = make_batch(Signal.TRACES, 1)
    (span,) = batch.records()
    span.attributes.extend([KeyValue(key="k", value=value) for value in attributes])
    wire = bytearray(batch.wire)
    dice = random.Random(seed)
    wire[dice.randrange(len(wire))] ^= 1 << dice.randrange(8)

    assert accepts(SHAPES[Signal.TRACES].request, bytes(wire)) == accepts(SHAPES[Signal.TRACES].checker, bytes(wire))


@pytest.mark.parametrize("depth", [95, 96, 97, 98, 99, 100, 101, 120])
def test_what_nests_too_deeply_is_too_deep_for_both(depth):
    value = b""
    for _ in range(depth):  # array_value { values { ... } }
        value = field(5, field(1, value))
    wire = field(1, field(2, field(2, field(9, field(2, value)))))

    assert accepts(SHAPES[Signal.TRACES].request, wire) == accepts(SHAPES[Signal.TRACES].checker, wire)


def field(number, payload):
    length, size = b"", len(payload)
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + payload


@pytest.mark.parametrize(
    "bomb",
    [
        field(1, field(2, b"\x12\x00" * 500_000)),  # empty spans
        field(1, field(2, field(2, b"\x4a\x00" * 500_000))),  # empty attributes of one span
        field(1, b"\x12\x00" * 500_000),  # empty scopes
    ],
)
def test_checking_a_count_bomb_builds_no_object_for_each_of_its_records(bomb, resident):
    """
    The official class builds one for each: some seventy bytes for two on the wire.
    """
    before = resident()

    SHAPES[Signal.TRACES].checker.FromString(bomb)

    assert resident() - before < 4 << 20


@pytest.fixture
def resident():
    """
    Returns how much memory the process has now; the parser's is not Python's, so tracemalloc does not see it.
    """
    from collector.memory import resident_bytes

    assert not tracemalloc.is_tracing()
    return resident_bytes


def test_a_projection_writes_back_what_it_does_not_know():
    wire = make_batch(Signal.TRACES, 3, user="alice").wire
    spans = project(ExportTraceServiceRequest, {"resource_spans": {"scope_spans": {"spans": OPAQUE}}})
    names = project(ExportTraceServiceRequest, {"resource_spans": {"scope_spans": {"spans": {"name": VALUE}}}})

    for projection in (spans, names):
        written = projection.FromString(wire).SerializeToString()

        assert ExportTraceServiceRequest.FromString(wire) == ExportTraceServiceRequest.FromString(written)


def test_a_field_that_the_message_does_not_have_is_an_error():
    with pytest.raises(KeyError, match="colour"):
        project(ExportTraceServiceRequest, {"resource_spans": {"colour": VALUE}})


def test_what_is_merged_holds_the_records_of_all_its_occurrences():
    wire = make_batch(Signal.TRACES, 3).wire + b"\x0a\x00" + make_batch(Signal.TRACES, 2).wire
    spec = {"resource_spans": Merged({"scope_spans": Merged({"spans": OPAQUE})})}

    merged = project(ExportTraceServiceRequest, spec).FromString(wire)

    assert 5 == len(merged.resource_spans.scope_spans.spans)
