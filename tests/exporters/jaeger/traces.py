"""Spans as their bytes, and what Jaeger's formats make of them, read back."""

import struct
from typing import NamedTuple

from collector.batch import Batch, Signal
from collector.testing import make_spans
from exporters.jaeger.api_v2 import MESSAGES, ApiV2
from exporters.jaeger.translation import Translation

TRACE, SPAN, PARENT = "0102030405060708090a0b0c0d0e0f10", "1112131415161718", "2122232425262728"
START = 1_700_000_000_000_005_000


def everything():
    """
    Return a batch that has all that OTLP has a place for.
    """
    values = {"text": "t", "yes": True, "count": 7, "ratio": 0.5, "raw": b"\x00\xff", "none": None}
    values |= {"list": ["a", 1, b"\xff", float("nan"), None], "map": {"k": {"n": 2.0}}}
    span = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": PARENT,
        "trace_state": "vendor=1",
        "name": "GET /é",
        "kind": "server",
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + 1_500_000,
        "attributes": values,
        "status": "error",
        "status_message": "no",
        "events": [
            {"name": "retry", "time_unix_nano": START + 1000, "attributes": {"attempt": 2}},
            {"name": "ignored", "time_unix_nano": START + 2000, "attributes": {"event": "own"}},
        ],
        "links": [
            {"trace_id": "f" * 32, "span_id": "e" * 16},
            {"trace_id": "d" * 32, "span_id": "c" * 16, "attributes": {"opentracing.ref_type": "child_of"}},
        ],
    }
    root = {"trace_id": TRACE, "span_id": PARENT, "name": "", "kind": "unspecified", "start_time_unix_nano": START}
    batch = make_spans(span, root, resource={"service.name": "shop", "host.cpus": 4}, scope="http")
    scope = batch.request.resource_spans[0].scope_spans[0]
    scope.scope.version = "1.2"
    first = scope.spans[0]
    first.flags = 0x80000301
    first.dropped_attributes_count, first.dropped_events_count, first.dropped_links_count = 1, 2, 3
    return batch


def translated(batch):
    """
    Return the batches that Jaeger is sent, as api_v2 messages.
    """
    prepared = Translation(ApiV2()).translate(batch)
    return [MESSAGES["PostSpansRequest"].FromString(parcel.content).batch for parcel in prepared.parcels]


def span_of(resource=None, scope="", **fields):
    """
    Return the one span that comes of one.
    """
    (batch,) = translated(make_spans({"trace_id": TRACE, "span_id": SPAN, **fields}, resource=resource, scope=scope))
    (span,) = batch.spans
    return span


def tags_of(tags):
    """
    Return tags in their order, as what their type says that they hold.
    """
    fields = ("v_str", "v_bool", "v_int64", "v_float64", "v_binary")
    return [(tag.key, getattr(tag, fields[tag.v_type])) for tag in tags]


def traces(request):
    return Batch(Signal.TRACES, request=request)


class Thrift(NamedTuple):
    """
    Reads Thrift's binary encoding: structs as dicts by the ids of their fields.
    """

    data: bytes

    def struct(self, at=0):
        fields = {}
        while kind := self.data[at]:
            (id_,) = struct.unpack_from(">h", self.data, at + 1)
            fields[id_], at = self.value(kind, at + 3)
        return fields, at + 1

    def value(self, kind, at):
        if kind == 12:
            return self.struct(at)
        if kind == 11:
            (length,) = struct.unpack_from(">i", self.data, at)
            return self.data[at + 4 : at + 4 + length], at + 4 + length
        if kind == 15:
            inner, count = struct.unpack_from(">bi", self.data, at)
            at, values = at + 5, []
            for _ in range(count):
                value, at = self.value(inner, at)
                values.append(value)
            return values, at
        format_ = {2: ">?", 4: ">d", 8: ">i", 10: ">q"}[kind]
        return struct.unpack_from(format_, self.data, at)[0], at + struct.calcsize(format_)
