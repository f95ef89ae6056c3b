"""That the servers are what the other tests take them for, asked without the collector."""

import json
import struct
import uuid
from http import HTTPStatus

import cramjam
import grpc
import pytest

from tests.integration.servers import OpenSearch, Prometheus, http, until

pytestmark = pytest.mark.slow

# Remote-write specification 1.0, prometheus.WriteRequest: labels __name__=http_requests_total and job=shop/cart, 42 at
# 1700000000000 ms, and the metadata of a counter with the help "h"
WRITE = bytes.fromhex(
    "0a450a1f0a085f5f6e616d655f5f1213687474705f72657175657374735f746f74616c0a100a036a6f62120973686f702f6361727412"
    "100900000000000045401080d095ffbc311a1a08011213687474705f72657175657374735f746f74616c220168"
)
# jaeger-idl collector.proto, PostSpansRequest: one span of the service "svc"
POST_SPANS = bytes.fromhex(
    "0a7a0a710a100102030405060708090a0b0c0d0e0f10120811121314151617181a026f70221c0a100102030405060708090a0b0c0d0e0f10"
    "1208212223242526272832090880e2cfaa061088273a0410e0c65b42130a097370616e2e6b696e641a06736572766572420b0a0565727"
    "26f721001200112050a03737663"
)


def field(number, payload):
    """
    A length-delimited field of protobuf, of less than 128 bytes.
    """
    return bytes([number << 3 | 2, len(payload)]) + payload


def write_request(name, *samples):
    """
    A remote-write 1.0 body of one series, with samples as (value, milliseconds).
    """
    label = field(1, b"__name__") + field(2, name.encode())
    series = field(1, label)
    for value, milliseconds in samples:
        stamp, rest = b"", milliseconds
        while rest > 127:
            stamp, rest = stamp + bytes([rest & 127 | 128]), rest >> 7
        series += field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + stamp + bytes([rest]))
    return bytes(cramjam.snappy.compress_raw(field(1, series)))


@pytest.fixture(params=["prometheus", "victoria_metrics"])
def promql(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["opensearch", "noida"])
def bulk(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def name():
    return f"n{uuid.uuid4().hex[:12]}"


class TestPromql:
    def test_what_is_written_is_found(self, promql):
        status, said = promql.write(bytes(cramjam.snappy.compress_raw(WRITE)))

        assert status in (HTTPStatus.OK, HTTPStatus.NO_CONTENT), said
        labels = {"__name__": "http_requests_total", "job": "shop/cart"}
        found = until(lambda: promql.query("http_requests_total", at=1_700_000_000))
        assert [(labels, 42.0)] == found

    def test_the_framed_format_of_snappy_is_refused(self, promql):
        status, _ = promql.write(bytes(cramjam.snappy.compress(WRITE)))

        assert 400 == status

    def test_prometheus_refuses_what_is_older_than_what_it_has(self, prometheus, name):
        prometheus.write(write_request(name, (1.0, 1_700_000_100_000)))

        status, said = prometheus.write(write_request(name, (2.0, 1_700_000_050_000)))

        assert (400, "out of order sample\n") == (status, said)

    def test_victoria_metrics_takes_what_is_older_than_what_it_has(self, victoria_metrics, name):
        victoria_metrics.write(write_request(name, (1.0, 1_700_000_100_000)))

        assert 204 == victoria_metrics.write(write_request(name, (2.0, 1_700_000_050_000)))[0]
        until(lambda: [2.0] == [value for _, value in victoria_metrics.query(name, at=1_700_000_060)])

    def test_prometheus_keeps_its_samples_when_it_is_killed(self, serve, name):
        server = serve(Prometheus)
        server.write(write_request(name, (7.0, 1_700_000_000_000)))

        server.kill()
        server.start()

        assert [7.0] == [value for _, value in server.query(name, at=1_700_000_000)]


class TestBulk:
    def test_each_item_has_its_own_outcome(self, bulk, name):
        outcomes = bulk.bulk(
            {"create": {"_index": name, "_id": "a"}},
            {"n": 1},
            {"create": {"_index": name, "_id": "a"}},
            {"n": 2},
            {"create": {"_index": name, "_id": "b"}},
            {"n": "no number"},
            {"create": {"_index": name, "_id": "c"}},
            {"n": 3},
        )

        assert [201, 409, 400, 201] == [status for _, status, _ in outcomes]
        assert "version_conflict_engine_exception" == outcomes[1][2]
        assert outcomes[2][2] in ("mapper_parsing_exception", "document_parsing_exception")
        assert [1, 3] == sorted(document["n"] for document in bulk.search(name))

    def test_a_data_stream_takes_nothing_but_create(self, opensearch, name):
        template = {"index_patterns": [f"logs-{name}-*"], "data_stream": {}, "priority": 500}
        assert (200, {"acknowledged": True}) == opensearch.call("PUT", f"/_index_template/{name}", template)
        document = {"@timestamp": "2023-11-14T22:13:20Z"}

        outcomes = opensearch.bulk(
            {"create": {"_index": f"logs-{name}-x"}},
            document,
            {"index": {"_index": f"logs-{name}-x"}},
            document,
            {"create": {"_index": f"logs-{name}-x"}},
            {"n": "has no time"},
        )

        assert [
            ("create", 201, None),
            ("index", 400, "illegal_argument_exception"),
            ("create", 400, "mapper_parsing_exception"),
        ] == outcomes
        streams = opensearch.get(f"/_data_stream/logs-{name}-x")["data_streams"]
        assert [(f"logs-{name}-x", name)] == [(stream["name"], stream["template"]) for stream in streams]

    def test_composable_templates_give_an_index_its_mapping(self, opensearch, name):
        component = {"template": {"mappings": {"properties": {"code": {"type": "keyword"}}}}}
        template = {"index_patterns": [f"{name}-*"], "composed_of": [name], "priority": 500}
        assert 200 == opensearch.call("PUT", f"/_component_template/{name}", component)[0]
        assert 200 == opensearch.call("PUT", f"/_index_template/{name}", template)[0]

        opensearch.bulk({"index": {"_index": f"{name}-1"}}, {"code": "7"})

        properties = opensearch.get(f"/{name}-1/_mapping")[f"{name}-1"]["mappings"]["properties"]
        assert {"code": {"type": "keyword"}} == properties

    def test_a_pipeline_changes_documents(self, opensearch, name):
        opensearch.call("PUT", f"/_ingest/pipeline/{name}", {"processors": [{"set": {"field": "by", "value": name}}]})

        opensearch.bulk({"index": {"_index": name, "pipeline": name}}, {"n": 1})

        assert [{"n": 1, "by": name}] == opensearch.search(name)

    def test_noida_has_no_data_streams(self, noida):
        assert 400 == noida.call("GET", "/_data_stream")[0]

    def test_opensearch_keeps_its_documents_when_it_is_killed(self, serve, name):
        """
        Noida does not.
        """
        server = serve(OpenSearch)
        server.bulk({"index": {"_index": name, "_id": "a"}}, {"n": 1})

        server.kill()
        server.start()

        until(lambda: [{"n": 1}] == server.search(name))


class TestJaeger:
    def test_it_decodes_a_span_of_jaegers_own_definition(self, jaeger):
        method = "/jaeger.api_v2.CollectorService/PostSpans"
        with grpc.insecure_channel(f"127.0.0.1:{jaeger.grpc}") as channel:
            answer = channel.unary_unary(method)(POST_SPANS, timeout=10)

        (span,) = jaeger.received(traceID="0102030405060708090a0b0c0d0e0f10", protocol="grpc")
        assert b"" == answer
        assert ("op", "svc") == (span["operationName"], span["process"]["serviceName"])
        assert (1_700_000_000_000_005_000, 1500) == (span["startNanos"], span["duration"])
        parent = {"refType": "CHILD_OF", "traceID": "0102030405060708090a0b0c0d0e0f10", "spanID": "2122232425262728"}
        assert ("1112131415161718", [parent]) == (span["spanID"], span["references"])
        assert {"span.kind": "server", "error": True} == {tag["key"]: tag["value"] for tag in span["tags"]}

    def test_it_decodes_thrift_to_the_end_or_refuses(self, jaeger, name):
        batch = thrift_batch(name)

        answers = [self.post_thrift(jaeger, body) for body in (batch, batch[:-5], b"", b"\xff" * 40)]

        assert [202, 400, 400, 400] == answers
        (span,) = jaeger.received(operationName=name)
        assert ("ff00000000000000" + "0" * 15 + "1", "thrift_http") == (span["traceID"], span["protocol"])

    def post_thrift(self, jaeger, body):
        kind = "application/vnd.apache.thrift.binary"
        return http("POST", f"{jaeger.url}/api/traces", body, Content_Type=kind)[0]

    def test_it_decodes_otlp_or_refuses(self, jaeger):
        answers = [
            http("POST", f"{jaeger.url}/v1/traces", b"\xff", Content_Type="application/x-protobuf")[0],
            http("POST", f"{jaeger.url}/v1/traces", b"{}", Content_Type="application/json")[0],
        ]

        assert [400, 415] == answers

    def test_json_says_what_was_received(self, jaeger):
        status, headers, body = http("GET", f"{jaeger.url}/received")

        assert (200, "application/json") == (status, headers["Content-Type"])
        assert isinstance(json.loads(body), list)


def thrift_batch(operation):
    """
    A `Batch` of jaeger.thrift in the binary protocol: a process without tags and one span.
    """

    def text(number, value):
        return struct.pack(">bhi", 11, number, len(value)) + value.encode()

    def i64(number, value):
        return struct.pack(">bhq", 10, number, value)

    process = text(1, "svc") + b"\0"
    ids = i64(1, 1) + i64(2, -72057594037927936) + i64(3, 5) + i64(4, 0)
    times = struct.pack(">bhi", 8, 7, 1) + i64(8, 1_700_000_000_000_000) + i64(9, 1500)
    span = ids + text(5, operation) + times + b"\0"
    return struct.pack(">bh", 12, 1) + process + struct.pack(">bhbi", 15, 2, 12, 1) + span + b"\0"
