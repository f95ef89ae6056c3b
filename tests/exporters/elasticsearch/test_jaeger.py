import pytest

from collector.testing import make_logs, make_spans
from exporters.elasticsearch.mapping.metric_groups import fnv1a_64
from tests.exporters.elasticsearch.written import (
    attributes,
    parsed,
    source,
    targets,
    traces,
    write,
    writer,
)

JAEGER = "{mapping: {mode: jaeger}}"
T1, T255 = "00000000000000010000000000000000", "00000000000000ff0000000000000000"
HOURS = 3600.0


def spans(batch, config=JAEGER):
    return [parsed(document.source) for document in write(batch, config).documents if document.items]


def services(written):
    return [document for document in written.documents if document.once]


def as_dict(tags):
    return {tag["key"]: (tag["type"], tag["value"]) for tag in tags}


def config_of(**jaeger):
    return str({"mapping": {"mode": "jaeger"}, "jaeger": jaeger})


EVENTS = [
    {
        "timeUnixNano": "1485467191639875000",
        "name": "testing-event",
        "attributes": [{"key": "event-x", "value": {"stringValue": "event-y"}}],
    },
    {"timeUnixNano": "1485467191639875000", "attributes": attributes(x={"stringValue": "y"})},
]
LINKS = [
    {"traceId": trace_id, "spanId": span_id, "attributes": [{"key": "opentracing.ref_type", "value": type}]}
    for trace_id, span_id, type in (
        (T1, "0000000000000004", {"stringValue": "follows_from"}),
        (T255, "00000000000000ff", {"stringValue": "child_of"}),
    )
]
SPAN = {
    "traceId": T1,
    "spanId": "0000000000000002",
    "parentSpanId": "0000000000000003",
    "flags": 1,
    "name": "test-general-conversion",
    "startTimeUnixNano": "1485467191639875000",
    "endTimeUnixNano": "1485467191639880000",
    "attributes": attributes(
        peer_service={"stringValue": "service-y"},
        peer_ipv4={"intValue": "23456"},
        blob={"bytesValue": "AAAwOQ=="},
        temperature={"doubleValue": 72.5},
    ),
    "events": EVENTS,
    "links": LINKS,
    "status": {"code": 2},
}
RESOURCE = {"attributes": attributes(service_name={"stringValue": "service-x"}, sdk_version={"stringValue": "1.2.1"})}
WRITTEN = (
    b'{"traceID":"00000000000000010000000000000000","spanID":"0000000000000002","parentSpanID":"0000000000000003",'
    b'"flags":1,"operationName":"test-general-conversion",'
    b'"references":[{"refType":"CHILD_OF","traceID":"00000000000000010000000000000000","spanID":"0000000000000003"},'
    b'{"refType":"FOLLOWS_FROM","traceID":"00000000000000010000000000000000","spanID":"0000000000000004"},'
    b'{"refType":"CHILD_OF","traceID":"00000000000000ff0000000000000000","spanID":"00000000000000ff"}],'
    b'"startTime":1485467191639875,"startTimeMillis":1485467191639,"duration":5,'
    b'"tags":[{"key":"otel.scope.name","type":"string","value":"testing-library"},'
    b'{"key":"otel.scope.version","type":"string","value":"1.1.1"},'
    b'{"key":"peer.service","type":"string","value":"service-y"},'
    b'{"key":"peer.ipv4","type":"int64","value":23456},'
    b'{"key":"blob","type":"binary","value":"00003039"},'
    b'{"key":"temperature","type":"float64","value":72.5},'
    b'{"key":"error","type":"bool","value":true}],'
    b'"logs":[{"timestamp":1485467191639875,"fields":[{"key":"event","type":"string","value":"testing-event"},'
    b'{"key":"event-x","type":"string","value":"event-y"}]},'
    b'{"timestamp":1485467191639875,"fields":[{"key":"x","type":"string","value":"y"}]}],'
    b'"process":{"serviceName":"service-x","tags":[{"key":"sdk.version","type":"string","value":"1.2.1"}]}}'
)


def test_a_span_is_written_as_jaegers_own_writer_does():
    batch = traces(SPAN, RESOURCE, {"name": "testing-library", "version": "1.1.1"})
    service, document = write(batch, JAEGER).documents

    assert WRITTEN == document.source
    assert "jaeger-span-2017-01-26" == document.target
    assert document.id.startswith(f"{T1}_0000000000000002_")
    assert b'{"serviceName":"service-x","operationName":"test-general-conversion"}' == service.source
    assert "jaeger-service-2017-01-26" == service.target


def test_the_id_of_a_service_is_the_one_that_jaeger_gives_it():
    assert "de3b5a8f1a79989d" == f"{fnv1a_64(b'serviceoperation'):x}"

    (document,) = services(write(make_spans({"name": "operation"}, resource={"service.name": "service"}), JAEGER))

    assert {"index": {"_index": "jaeger-service-2023-11-14", "_id": "de3b5a8f1a79989d"}} == parsed(document.action)


def test_a_service_is_written_before_its_first_span_and_once_in_a_batch():
    written = write(make_spans({"name": "a"}, {"name": "a"}, {"name": "b"}), JAEGER)

    assert [True, False, False, True, False] == [document.once for document in written.documents]
    assert [(0, 0), (0, 1), (1, 1), (2, 0), (2, 1)] == [(doc.item, doc.items) for doc in written.documents]


def test_a_service_is_written_again_until_it_is_there():
    """
    What has been sent may have been refused; without the document, the UI does not offer the service.
    """
    writing = writer(JAEGER)
    (document,) = services(writing.write(make_spans({})))
    assert [document] == services(writing.write(make_spans({})))

    writing.written(document)

    assert [] == services(writing.write(make_spans({})))
    assert 1 == len(services(writing.write(make_spans({"name": "other"}))))


def test_a_service_is_written_again_after_twelve_hours_and_to_each_index():
    now = [1_700_000_000.0]
    writing = writer(JAEGER, clock=lambda: now[0])
    (document,) = services(writing.write(make_spans({})))
    writing.written(document)
    now[0] += 12 * HOURS - 1
    assert [] == services(writing.write(make_spans({})))
    assert 1 == len(services(writing.write(make_spans({"start_time": 1_700_100_000}))))

    now[0] += 2

    assert [document] == services(writing.write(make_spans({})))


def test_the_id_of_a_span_depends_on_what_it_holds():
    first, again, other = (
        [document.id for document in write(make_spans({"name": name}), JAEGER).documents if document.items]
        for name in "aab"
    )

    assert first == again
    assert first[0][:50] == other[0][:50]
    assert first != other


def test_indices_are_those_of_the_day_in_utc_on_which_a_span_starts():
    batch = make_spans({"start_time": 1_700_006_399.9}, {"start_time": 1_700_006_400})

    assert ["service-2023-11-14", "span-2023-11-14", "service-2023-11-15", "span-2023-11-15"] == [
        target.removeprefix("jaeger-") for target in targets(batch, JAEGER)
    ]
    assert {"shop-jaeger-service-2023111422", "shop-jaeger-span-2023111422"} == set(
        targets(make_spans({}), config_of(index_prefix="shop", date_format="%Y%m%d%H"))
    )
    assert {"jaeger-service-write", "jaeger-span-write"} == set(targets(batch, config_of(use_write_aliases=True)))


def test_what_is_empty_is_null_or_left_out():
    (span,) = spans(traces({"traceId": T1, "spanId": "0000000000000002"}))

    assert {
        "traceID": T1,
        "spanID": "0000000000000002",
        "operationName": "",
        "references": None,
        "startTime": 1_700_000_000_000_000,
        "startTimeMillis": 1_700_000_000_000,
        "duration": 0,
        "tags": None,
        "logs": None,
        "process": {"serviceName": "OTLPResourceNoServiceName", "tags": None},
    } == span


def test_a_resource_with_other_attributes_has_an_empty_service():
    (span,) = spans(make_spans({}, resource={"a": 1}))

    assert "" == span["process"]["serviceName"]


def test_a_link_to_the_parent_says_of_which_type_it_is():
    parent = {"traceId": T1, "spanId": "0000000000000003"}
    span = {"traceId": T1, "spanId": "0000000000000002", "parentSpanId": parent["spanId"], "links": [parent]}
    (document,) = spans(traces(span))

    assert [{"refType": "FOLLOWS_FROM", "traceID": T1, "spanID": parent["spanId"]}] == document["references"]


def test_what_becomes_a_tag():
    span = {
        "traceId": T1,
        "kind": 3,
        "traceState": "a=b",
        "droppedEventsCount": 4,
        "status": {"code": 1, "message": "fine"},
        "attributes": attributes(
            a={"arrayValue": {"values": [{"intValue": "1"}]}},
            b={"doubleValue": "NaN"},
            c={"boolValue": False},
            d={},
            elastic_mapping_mode={"stringValue": "x"},
        ),
    }
    (document,) = spans(traces(span))

    assert {
        "a": ("string", "[1]"),
        "b": ("string", "NaN"),
        "c": ("bool", False),
        "d": ("string", ""),
        "span.kind": ("string", "client"),
        "otel.status_code": ("string", "OK"),
        "otel.status_description": ("string", "fine"),
        "w3c.tracestate": ("string", "a=b"),
        "otel.dropped_events_count": ("int64", 4),
    } == as_dict(document["tags"])


def test_an_event_that_names_itself_keeps_its_name():
    event = {"name": "a", "attributes": attributes(event={"stringValue": "b"})}
    (document,) = spans(traces({"events": [event]}))

    assert {"event": ("string", "b")} == as_dict(document["logs"][0]["fields"])


@pytest.mark.parametrize(
    ("config", "tags", "fields"),
    [
        ({"all": True}, ["raw"], {"http@method": "GET", "code": 1}),
        ({"include": ["http.method"], "dot_replacement": ":"}, ["code", "raw"], {"http:method": "GET"}),
    ],
)
def test_tags_may_be_fields(config, tags, fields):
    given = {"http.method": "GET", "code": 1, "raw": b"\x01"}
    (span,) = spans(
        make_spans({"attributes": given, "kind": "unspecified"}, resource={"service.name": "a", **given}),
        config_of(tags_as_fields=config),
    )

    for part in (span, span["process"]):
        assert tags == [tag["key"] for tag in part["tags"]]
        assert fields == part["tag"]


def test_flags_are_what_an_integer_field_can_hold():
    assert [257, 2**31 - 1] == [spans(traces({"flags": flags}))[0]["flags"] for flags in (257, 2**32 - 1)]


def test_log_records_are_as_in_mode_otel():
    assert "logs-generic.otel-default" in targets(make_logs({}), JAEGER)
    assert "trace_id" in source(make_logs({"trace_id": T1}), JAEGER)


def test_attributes_with_the_same_key_are_one_tag():
    twice = [{"key": "a", "value": {"intValue": value}} for value in "12"]
    (span,) = spans(traces({"attributes": twice}))

    assert {"a": ("int64", 2)} == as_dict(span["tags"])
