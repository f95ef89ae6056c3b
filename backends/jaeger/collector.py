"""
Stands in for Jaeger's collector, which no package has: takes spans in Jaeger's four protocols and shows them as JSON.

It decodes with stubs that Jaeger and OpenTelemetry generated from their own definitions, of other releases than the
ones that pyotelcol uses, in an environment of its own.  So what agrees here agrees with the definitions.

    python collector.py GRPC_PORT HTTP_PORT

gRPC has `jaeger.api_v2.CollectorService` and the OTLP `TraceService`; HTTP has POST /api/traces (Thrift),
POST /v1/traces (OTLP) and GET /received: every span, in the order of arrival, in the form of Jaeger's query API.
"""
# ruff: noqa: INP001 (a program of another environment, not a package)

import json
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"  # the stubs of Jaeger are older than the C library

import grpc
from opentelemetry.exporter.jaeger.proto.grpc.gen import collector_pb2, collector_pb2_grpc, model_pb2
from opentelemetry.exporter.jaeger.thrift.gen.jaeger import ttypes
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

Json = dict[str, Any]

_received: list[Json] = []  # appending is atomic, so threads need no lock

_PROTO_TYPES = ("string", "bool", "int64", "float64", "binary")
_PROTO_FIELDS = ("v_str", "v_bool", "v_int64", "v_float64", "v_binary")
_THRIFT_TYPES = ("string", "float64", "bool", "int64", "binary")
_THRIFT_FIELDS = ("vStr", "vDouble", "vBool", "vLong", "vBinary")
_REFERENCES = ("CHILD_OF", "FOLLOWS_FROM")


def _tag(key: str, kind: str, value: Any) -> Json:
    return {"key": key, "type": kind, "value": value.hex() if isinstance(value, bytes) else value}


def _proto_tags(tags: Iterable[Any]) -> list[Json]:
    return [_tag(tag.key, _PROTO_TYPES[tag.v_type], getattr(tag, _PROTO_FIELDS[tag.v_type])) for tag in tags]


def _micros(stamp: Any) -> int:
    return stamp.seconds * 1_000_000 + stamp.nanos // 1000


def spans_of_api_v2(batch: model_pb2.Batch) -> Iterator[Json]:
    """The spans of a batch of api_v2.  A process of a span goes before that of its batch."""
    for span in batch.spans:
        process = span.process if span.HasField("process") else batch.process
        yield {
            "traceID": span.trace_id.hex(),
            "spanID": span.span_id.hex(),
            "operationName": span.operation_name,
            "flags": span.flags,
            "references": [
                {"refType": _REFERENCES[r.ref_type], "traceID": r.trace_id.hex(), "spanID": r.span_id.hex()}
                for r in span.references
            ],
            "startTime": _micros(span.start_time),
            "startNanos": span.start_time.seconds * 10**9 + span.start_time.nanos,
            "duration": _micros(span.duration),
            "tags": _proto_tags(span.tags),
            "logs": [{"timestamp": _micros(log.timestamp), "fields": _proto_tags(log.fields)} for log in span.logs],
            "process": {"serviceName": process.service_name, "tags": _proto_tags(process.tags)},
        }


def _thrift_tags(tags: Iterable[Any] | None) -> list[Json]:
    return [_tag(tag.key, _THRIFT_TYPES[tag.vType], getattr(tag, _THRIFT_FIELDS[tag.vType])) for tag in tags or ()]


def _unsigned(*numbers: int) -> str:
    return "".join(f"{number & 0xFFFF_FFFF_FFFF_FFFF:016x}" for number in numbers)


def _thrift_references(span: ttypes.Span) -> list[Json]:
    return [
        {
            "refType": _REFERENCES[r.refType],
            "traceID": _unsigned(r.traceIdHigh, r.traceIdLow),
            "spanID": _unsigned(r.spanId),
        }
        for r in span.references or ()
    ]


def spans_of_thrift(body: bytes) -> Iterator[Json]:
    """The spans of a `Batch` of jaeger.thrift in the binary protocol.  Raises EOFError if it is cut off."""
    batch = ttypes.Batch()
    batch.read(TBinaryProtocol(TMemoryBuffer(body)))
    batch.validate()
    process = {"serviceName": batch.process.serviceName, "tags": _thrift_tags(batch.process.tags)}
    for span in batch.spans:
        span.validate()
        yield {
            "traceID": _unsigned(span.traceIdHigh, span.traceIdLow),
            "spanID": _unsigned(span.spanId),
            "parentSpanID": _unsigned(span.parentSpanId),
            "operationName": span.operationName,
            "flags": span.flags,
            "references": _thrift_references(span),
            "startTime": span.startTime,
            "duration": span.duration,
            "tags": _thrift_tags(span.tags),
            "logs": [{"timestamp": log.timestamp, "fields": _thrift_tags(log.fields)} for log in span.logs or ()],
            "process": process,
        }


_OTLP_TYPES = {"string_value": "string", "bool_value": "bool", "int_value": "int64", "double_value": "float64"}


def _otlp_tags(attributes: Iterable[Any]) -> list[Json]:
    """Tags of attributes, which are of the same types but for arrays, maps and bytes: those as they print."""
    tags = []
    for attribute in attributes:
        field = attribute.value.WhichOneof("value")
        kind = _OTLP_TYPES.get(field)
        tags.append(_tag(attribute.key, kind or field, getattr(attribute.value, field) if kind else str(attribute)))
    return tags


def _otlp_span(span: Any, process: Json) -> Json:
    parent = [{"refType": "CHILD_OF", "traceID": span.trace_id.hex(), "spanID": span.parent_span_id.hex()}]
    links = [{"refType": "FOLLOWS_FROM", "traceID": k.trace_id.hex(), "spanID": k.span_id.hex()} for k in span.links]
    return {
        "traceID": span.trace_id.hex(),
        "spanID": span.span_id.hex(),
        "operationName": span.name,
        "references": (parent if span.parent_span_id else []) + links,
        "startTime": span.start_time_unix_nano // 1000,
        "startNanos": span.start_time_unix_nano,
        "duration": (span.end_time_unix_nano - span.start_time_unix_nano) // 1000,
        "tags": _otlp_tags(span.attributes),
        "status": span.status.code,
        "kind": span.kind,
        "logs": [{"timestamp": e.time_unix_nano // 1000, "name": e.name} for e in span.events],
        "process": process,
    }


def spans_of_otlp(request: trace_service_pb2.ExportTraceServiceRequest) -> Iterator[Json]:
    """The spans of an OTLP request, as far as Jaeger's form has a place for what they say."""
    for resource_spans in request.resource_spans:
        tags = _otlp_tags(resource_spans.resource.attributes)
        name = next((tag["value"] for tag in tags if tag["key"] == "service.name"), "OTLPResourceNoServiceName")
        process = {"serviceName": name, "tags": [tag for tag in tags if tag["key"] != "service.name"]}
        for scope_spans in resource_spans.scope_spans:
            yield from (_otlp_span(span, process) for span in scope_spans.spans)


def _keep(protocol: str, spans: Iterable[Json]) -> None:
    # a request that does not decode to its end is not kept in part
    _received.extend([{"protocol": protocol, **span} for span in spans])


class _JaegerSpans(collector_pb2_grpc.CollectorServiceServicer):
    def PostSpans(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 (its name on the wire)
        _keep("grpc", spans_of_api_v2(request.batch))
        return collector_pb2.PostSpansResponse()


class _OtlpSpans(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 (its name on the wire)
        _keep("otlp_grpc", spans_of_otlp(request))
        return trace_service_pb2.ExportTraceServiceResponse()


class _Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/received":
            self._answer(200, "application/json", json.dumps(_received).encode())
        else:
            self._answer(404, "text/plain", b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = zlib.decompress(body, wbits=31)
        try:
            self._answer(*self._take((self.path, self.headers["Content-Type"]), body))
        except Exception as error:  # whatever is wrong with a body, its sender is told
            self._answer(400, "text/plain", repr(error).encode())

    def _take(self, what: tuple[str, str], body: bytes) -> tuple[int, str, bytes]:
        if what in {("/api/traces", "application/vnd.apache.thrift.binary"), ("/api/traces", "application/x-thrift")}:
            _keep("thrift_http", spans_of_thrift(body))
            return 202, "text/plain", b""
        if what == ("/v1/traces", "application/x-protobuf"):
            _keep("otlp_http", spans_of_otlp(trace_service_pb2.ExportTraceServiceRequest.FromString(body)))
            answer = trace_service_pb2.ExportTraceServiceResponse().SerializeToString()
            return 200, "application/x-protobuf", answer
        return 415, "text/plain", f"not taken here: {what}".encode()

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(grpc_port: str, http_port: str) -> None:
    """Serve on the loopback interface until the process is ended."""
    server = grpc.server(ThreadPoolExecutor(8))
    collector_pb2_grpc.add_CollectorServiceServicer_to_server(_JaegerSpans(), server)
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_OtlpSpans(), server)
    if server.add_insecure_port(f"127.0.0.1:{grpc_port}") == 0:
        sys.exit(f"port {grpc_port} is taken")
    server.start()
    ThreadingHTTPServer(("127.0.0.1", int(http_port)), _Http).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
