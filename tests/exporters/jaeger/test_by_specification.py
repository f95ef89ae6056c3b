"""
Any span in both formats, against a reading of "OpenTelemetry to Jaeger Transformation" that shares nothing with the
exporter.
"""

import json
import struct

from hypothesis import given
from hypothesis import strategies as st

from collector.testing import make_spans
from exporters.jaeger.thrift import Thrift as ThriftFormat
from exporters.jaeger.translation import Translation
from tests.exporters.jaeger.traces import Thrift, tags_of, translated

KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"]
TIMES = st.one_of(st.integers(0, 2**64 - 1), st.integers(1_700_000_000_000_000_000, 1_700_000_000_000_001_000))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(TEXTS, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
VALUES = st.one_of(SCALARS, st.binary(max_size=8), st.none(), st.lists(st.one_of(TEXTS, st.booleans()), max_size=3))
ATTRIBUTES = st.dictionaries(TEXTS, VALUES, max_size=4)


def ids(size):
    return st.binary(min_size=size, max_size=size).filter(any).map(bytes.hex)


SPANS = st.fixed_dictionaries(
    {
        "trace_id": ids(16),
        "span_id": ids(8),
        "name": TEXTS,
        "kind": st.sampled_from(KINDS),
        "start_time_unix_nano": TIMES,
        "end_time_unix_nano": TIMES,
        "trace_state": TEXTS,
        "attributes": ATTRIBUTES,
        "status": st.sampled_from(["unset", "ok", "error"]),
        "status_message": TEXTS,
        "events": st.lists(
            st.fixed_dictionaries({"name": TEXTS, "time_unix_nano": TIMES, "attributes": ATTRIBUTES}), max_size=3
        ),
        "links": st.lists(st.fixed_dictionaries({"trace_id": ids(16), "span_id": ids(8)}), max_size=3),
    },
    optional={"parent_span_id": ids(8)},
)


def tag(value):
    match value:
        case None:
            return ""
        case list():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def expected_tags(span, scope):
    tags = [("otel.scope.name", scope)] if scope else []
    tags += [(key, tag(value)) for key, value in span["attributes"].items()]
    if span["kind"] != "unspecified":
        tags.append(("span.kind", span["kind"]))
    if span["status"] != "unset":
        tags.append(("otel.status_code", span["status"].upper()))
    if span["status"] == "error":
        tags.append(("error", True))
    if span["status_message"]:
        tags.append(("otel.status_description", span["status_message"]))
    if span["trace_state"]:
        tags.append(("w3c.tracestate", span["trace_state"]))
    return tags


def expected_logs(span):
    """
    Pairs of a time and its fields; an attribute that is called event takes the place of the name.
    """
    return [
        (
            event["time_unix_nano"],
            [("event", event["name"])] * bool(event["name"] and "event" not in event["attributes"])
            + [(key, tag(value)) for key, value in event["attributes"].items()],
        )
        for event in span["events"]
    ]


def expected_references(span):
    parent = (span["trace_id"], span.get("parent_span_id"))
    links = [(link["trace_id"], link["span_id"]) for link in span["links"]]
    first = [(*parent, int(parent in links))] if parent[1] else []
    return first + [(*link, 1) for link in links if link != parent]


def duration(span):
    return min(max(span["end_time_unix_nano"] - span["start_time_unix_nano"], 0), 2**63 - 1)


def typed(tags):
    """
    A number is not a truth, nor is 1 the same as 1.0.
    """
    return [(key, type(value), value) for key, value in tags]


def nanoseconds(time):
    return time.seconds * 10**9 + time.nanos


@given(SPANS, TEXTS)
def test_a_span_in_api_v2_has_what_the_specification_says(span, scope):
    (batch,) = translated(make_spans(span, scope=scope))
    (found,) = batch.spans

    assert (span["trace_id"], span["span_id"]) == (found.trace_id.hex(), found.span_id.hex())
    assert (span["name"], span["start_time_unix_nano"]) == (found.operation_name, nanoseconds(found.start_time))
    assert duration(span) == nanoseconds(found.duration)
    assert typed(expected_tags(span, scope)) == typed(tags_of(found.tags))
    logs = [(nanoseconds(log.timestamp), typed(tags_of(log.fields))) for log in found.logs]
    assert [(time, typed(fields)) for time, fields in expected_logs(span)] == logs
    references = [(each.trace_id.hex(), each.span_id.hex(), each.ref_type) for each in found.references]
    assert expected_references(span) == references


def number(identity):
    return struct.unpack(">q", bytes.fromhex(identity))[0]


def halves(trace_id):
    """
    The low half comes first.
    """
    return number(trace_id[16:]), number(trace_id[:16])


def thrift_tags(tags):
    """
    By jaeger.thrift: text, double, bool, long and binary have the fields 3 to 7.
    """
    kinds = {0: (3, bytes.decode), 1: (4, float), 2: (5, bool), 3: (6, int), 4: (7, bytes)}
    return [(each[1].decode(), kinds[each[2]][1](each[kinds[each[2]][0]])) for each in tags]


@given(SPANS, TEXTS)
def test_a_span_in_thrift_has_what_the_specification_says(span, scope):
    (parcel,) = Translation(ThriftFormat()).translate(make_spans(span, scope=scope)).parcels
    (found,) = Thrift(parcel.content).struct()[0][2]

    assert (*halves(span["trace_id"]), number(span["span_id"])) == (found[1], found[2], found[3])
    assert number(span.get("parent_span_id", "0" * 16)) == found[4]
    assert (span["name"], span["start_time_unix_nano"] // 1000) == (found[5].decode(), found[8])
    assert duration(span) // 1000 == found[9]
    assert typed(expected_tags(span, scope)) == typed(thrift_tags(found.get(10, [])))
    logs = [(log[1], typed(thrift_tags(log[2]))) for log in found.get(11, [])]
    assert [(time // 1000, typed(fields)) for time, fields in expected_logs(span)] == logs
    references = [(each[2], each[3], each[4], each[1]) for each in found.get(6, [])]
    assert [(*halves(trace), number(id_), type_) for trace, id_, type_ in expected_references(span)] == references
