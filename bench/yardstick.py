"""How fast the machine is that measures: figures of two machines, or of two days, are compared in parts of it."""

from __future__ import annotations

import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.payloads import bodies

AT_REFERENCE = 0.69
"""What `microseconds_to_parse_a_span` returned on the machine of the first results."""
_SPANS = 512
_TIMES = 50


def microseconds_to_parse_a_span() -> float:
    """Return what the official message takes of CPU for one span of the load, at best."""
    (body, *_) = bodies("traces", _SPANS)
    return min(_seconds(body) for _ in range(_TIMES)) / _SPANS * 1e6


def _seconds(body: bytes) -> float:
    started = time.process_time()
    ExportTraceServiceRequest.FromString(body)
    return time.process_time() - started
