"""The exporter jaeger in its four protocols, decoded with the definitions of those who made them."""

import pytest

from collector.batch import Signal
from collector.testing import make_spans
from tests.integration.collectors import Books, configuration, new_id, send, settled
from tests.integration.servers import Jaeger

pytestmark = pytest.mark.slow

PROTOCOLS = ["otlp_grpc", "otlp_http", "grpc", "thrift_http"]
JAEGERS_OWN = ["grpc", "thrift_http"]
MICROSECONDS = 1_700_000_000_000_000


@pytest.fixture
def started(start, jaeger):
    """
    Starts a collector that sends to Jaeger in a protocol.
    """

    def with_protocol(protocol):
        address = f"127.0.0.1:{jaeger.grpc}" if protocol.endswith("grpc") else jaeger.url
        exporter = f'jaeger: {{protocol: {protocol}, endpoint: "{address}"}}'
        return start(configuration(exporter, "traces"))

    return with_protocol


def of_order(trace_id, **fields):
    """
    A span with something in every field that Jaeger has a place for.
    """
    start = MICROSECONDS * 1000
    return make_spans(
        {
            "name": "POST /orders",
            "kind": "server",
            "trace_id": trace_id,
            "span_id": "00f067aa0ba902b7",
            "parent_span_id": "b7ad6b7169203331",
            "start_time_unix_nano": start + 7000,
            "duration": 1.5,
            "status": "error",
            "status_message": "no stock",
            "attributes": {"text": "a", "yes": True, "many": 2**40, "half": 0.5, "list": [1, "b"], "raw": b"\0\xff"},
            "events": [{"name": "retry", "time_unix_nano": start + 9000, "attributes": {"attempt": 2}}],
            "links": [{"trace_id": "f" * 32, "span_id": "e" * 16}],
            **fields,
        },
        resource={"service.name": "shop", "host.name": "a"},
        scope="orders",
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_span_arrives_once_and_is_counted_as_sent(started, jaeger, protocol):
    collector = started(protocol)
    traces = [new_id() for _ in range(300)]

    for n in range(0, 300, 100):
        send(collector, make_spans(*({"trace_id": trace} for trace in traces[n : n + 100])))
    books = settled(collector, Signal.TRACES)
    collector.stop()

    assert Books(accepted=300, sent=300, dropped={}) == books
    arrived = [span["traceID"] for span in jaeger.received(protocol=protocol) if span["traceID"] in set(traces)]
    assert sorted(traces) == sorted(arrived)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_span_is_the_same_in_all_of_them(started, jaeger, protocol):
    collector, trace = started(protocol), new_id()

    send(collector, of_order(trace))
    settled(collector, Signal.TRACES)
    collector.stop()

    (span,) = jaeger.received(traceID=trace)
    assert (protocol, "POST /orders", "00f067aa0ba902b7") == (span["protocol"], span["operationName"], span["spanID"])
    assert (MICROSECONDS + 7, 1_500_000) == (span["startTime"], span["duration"])
    assert {"serviceName": "shop", "tags": [tag("host.name", "string", "a")]} == span["process"]
    assert [
        {"refType": "CHILD_OF", "traceID": trace, "spanID": "b7ad6b7169203331"},
        {"refType": "FOLLOWS_FROM", "traceID": "f" * 32, "spanID": "e" * 16},
    ] == span["references"]
    assert [MICROSECONDS + 9] == [log["timestamp"] for log in span["logs"]]
    plain = [tag("text", "string", "a"), tag("yes", "bool", True), tag("many", "int64", 2**40)]
    assert [*plain, tag("half", "float64", 0.5)] == [
        t for t in span["tags"] if t["key"] in {"text", "yes", "many", "half"}
    ]


@pytest.mark.parametrize("protocol", JAEGERS_OWN)
def test_what_jaeger_has_no_field_for_is_a_tag(started, jaeger, protocol):
    collector, trace = started(protocol), new_id()

    send(collector, of_order(trace))
    settled(collector, Signal.TRACES)
    collector.stop()

    (span,) = jaeger.received(traceID=trace)
    assert [
        tag("otel.scope.name", "string", "orders"),
        tag("text", "string", "a"),
        tag("yes", "bool", True),
        tag("many", "int64", 2**40),
        tag("half", "float64", 0.5),
        tag("list", "string", '[1,"b"]'),
        tag("raw", "binary", "00ff"),
        tag("span.kind", "string", "server"),
        tag("otel.status_code", "string", "ERROR"),
        tag("error", "bool", True),
        tag("otel.status_description", "string", "no stock"),
    ] == span["tags"]
    assert [[tag("event", "string", "retry"), tag("attempt", "int64", 2)]] == [log["fields"] for log in span["logs"]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_accepted_while_the_server_is_away_arrives_when_it_is_back(start, serve, protocol):
    server, traces = serve(Jaeger), [new_id() for _ in range(60)]
    address = f"127.0.0.1:{server.grpc}" if protocol.endswith("grpc") else server.url
    retry = "retry_on_failure: {initial_interval: 20ms, max_interval: 200ms}"
    exporter = f'jaeger: {{protocol: {protocol}, endpoint: "{address}", {retry}}}'
    collector = start(configuration(exporter, "traces"))

    send(collector, make_spans(*({"trace_id": trace} for trace in traces[:20])))
    settled(collector, Signal.TRACES)
    before = [span["traceID"] for span in server.received()]
    server.kill()
    for trace in traces[20:]:
        send(collector, make_spans({"trace_id": trace}))
    collector.wait_for(lambda: "will retry" in collector.log)
    server.start()
    books = settled(collector, Signal.TRACES)
    collector.stop()

    assert Books(accepted=60, sent=60, dropped={}) == books
    after = [span["traceID"] for span in server.received()]
    assert (traces[:20], sorted(traces[20:])) == (before, sorted(after))


def tag(key, kind, value):
    return {"key": key, "type": kind, "value": value}
