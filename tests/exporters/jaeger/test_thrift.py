"""Jaeger's model in Thrift's binary encoding."""

import math
import struct

import pytest

from collector.testing import make_batch, make_spans
from exporters.jaeger.model import JaegerSpan, Reference, RefType
from exporters.jaeger.thrift import Thrift
from exporters.jaeger.translation import Translation
from tests.exporters.jaeger.traces import SPAN, START, TRACE, everything
from tests.exporters.jaeger.traces import Thrift as Reader


def batches_of(batch):
    """
    Return what is posted, each a struct of a process (1) and spans (2).
    """
    read = []
    for parcel in Translation(Thrift()).translate(batch).parcels:
        fields, end = Reader(parcel.content).struct()
        assert len(parcel.content) == end
        read.append(fields)
    return read


def test_the_bytes_are_these(golden):
    """
    Read back by Thrift's own library with Jaeger's definitions when they were written down.
    """
    (parcel,) = Translation(Thrift()).translate(everything()).parcels
    content = parcel.content.hex()

    golden("thrift.hex", "".join(f"{content[i : i + 120]}\n" for i in range(0, len(content), 120)))


def test_ids_are_signed_numbers_and_times_are_microseconds():
    batch = make_spans(
        {
            "trace_id": "ff000000000000000102030405060708",
            "span_id": "8000000000000000",
            "parent_span_id": "7fffffffffffffff",
            "start_time_unix_nano": START + 999,
            "end_time_unix_nano": START + 999 + 1_999,
            "name": "op",
            "kind": "unspecified",
        }
    )

    ((span,),) = [fields[2] for fields in batches_of(batch)]

    assert -72057594037927936 == span[2]
    assert 0x0102030405060708 == span[1]
    assert (-(2**63), 2**63 - 1) == (span[3], span[4])
    assert (START // 1000, 1, b"op") == (span[8], span[9], span[5])
    assert [{1: 0, 2: span[1], 3: span[2], 4: 2**63 - 1}] == span[6]
    assert {10, 11}.isdisjoint(span), "lists that are empty are left out"


def test_a_root_has_no_parent_and_no_references():
    ((span,),) = [fields[2] for fields in batches_of(make_spans({"trace_id": TRACE, "span_id": SPAN}))]

    assert 0 == span[4]
    assert 6 not in span


@pytest.mark.parametrize(
    ("value", "kind", "field"),
    [("é", 0, 3), (0.5, 1, 4), (True, 2, 5), (False, 2, 5), (-7, 3, 6), (2**63 - 1, 3, 6), (b"\xff", 4, 7), ("", 0, 3)],
)
def test_a_tag_says_its_type_in_thrifts_own_order(value, kind, field):
    ((span,),) = [fields[2] for fields in batches_of(make_spans({"attributes": {"k": value}, "kind": "unspecified"}))]

    expected = value.encode() if isinstance(value, str) else value
    assert [{1: b"k", 2: kind, field: expected}] == span[10]


def test_a_number_that_is_none_stays_so():
    tag, _ = Reader(Thrift().tag("k", math.nan)).struct()

    assert math.isnan(tag[4])


@pytest.mark.parametrize(("flags", "signed"), [(0, 0), (1, 1), (0x7FFFFFFF, 2**31 - 1), (0xFFFFFFFF, -1)])
def test_flags_keep_their_bits(flags, signed):
    span = JaegerSpan(bytes(16), bytes(8), bytes(8), b"", [], flags, 0, 0, [], [])

    assert signed == Reader(Thrift().span(span)).struct()[0][7]


def test_the_largest_times_fit():
    span = JaegerSpan(bytes(16), bytes(8), bytes(8), b"", [], 0, 2**64 - 1, 2**63 - 1, [], [])

    assert (2**64 - 1) // 1000 == Reader(Thrift().span(span)).struct()[0][8]


def test_a_log_without_fields_still_has_a_list_since_it_is_required():
    assert {1: START // 1000, 2: []} == Reader(Thrift().log(START, [])).struct()[0]


def test_a_reference_says_its_type():
    reference = Reference(bytes(15) + b"\1", bytes(7) + b"\2", RefType.FOLLOWS_FROM)
    span = JaegerSpan(bytes(16), bytes(8), bytes(8), b"", [reference], 0, 0, 0, [], [])

    assert [{1: 1, 2: 1, 3: 0, 4: 2}] == Reader(Thrift().span(span)).struct()[0][6]


def test_both_formats_have_the_same_number_of_everything():
    (batch,) = batches_of(everything())
    first, second = batch[2]

    assert (b"shop", 1) == (batch[1][1], len(batch[1][2]))
    assert (18, 2, 3) == (len(first[10]), len(first[11]), len(first[6]))
    assert b"" == second[5]


def test_each_span_is_where_it_would_be_if_it_were_alone():
    """
    What is remembered of one span never changes another one.
    """
    translation = Translation(Thrift())
    together = translation.translate(make_batch(items=20, a=1, b="x")).parcels[0].content
    again = translation.translate(make_batch(items=20, a=1, b="x")).parcels[0].content

    assert together == again
    assert 20 == together.count(struct.pack(">bhi", 11, 5, 6) + b"span-") + together.count(
        struct.pack(">bhi", 11, 5, 7) + b"span-"
    )
