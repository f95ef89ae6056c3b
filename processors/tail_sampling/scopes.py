"""Write on the scope of kept spans why they were kept."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from collector.wire.projection import VALUE, project
from processors.tail_sampling.remembered import Reason
from processors.tail_sampling.trace import Origin

# OpenTelemetry Collector, tail_sampling: the attributes of its gate `recordpolicy`
POLICY = "tailsampling.policy"
COMPOSITE_POLICY = "tailsampling.composite_policy"
CACHED_DECISION = "tailsampling.cached_decision"
_KEYS = frozenset({key.encode() for key in (POLICY, COMPOSITE_POLICY, CACHED_DECISION)})
# what no receiver has checked may be no text, and costs nobody anything as long as it is not read as one
_SCOPE: Any = project(ScopeSpans, {"scope": {"attributes": {"key": VALUE}}})


def scope_with_reason(origin: Origin, reason: Reason | None) -> bytes:
    """Return the scope that spans came in, with the reason; what an earlier sampler wrote goes."""
    if reason is None:
        return origin.scope
    shell = _SCOPE.FromString(origin.scope)
    attributes = shell.scope.attributes
    left = [pair for pair in attributes if pair.key not in _KEYS]
    if len(left) < len(attributes):
        del attributes[:]
        attributes.extend(left)
    for added in _attributes(reason):
        attributes.add().MergeFromString(added.SerializeToString())
    wire: bytes = shell.SerializeToString()
    return wire


def _attributes(reason: Reason) -> list[KeyValue]:
    found = []
    if reason.policy:
        found.append(KeyValue(key=POLICY, value=AnyValue(string_value=reason.policy)))
    if reason.composite:
        found.append(KeyValue(key=COMPOSITE_POLICY, value=AnyValue(string_value=reason.composite)))
    if reason.is_late:
        found.append(KeyValue(key=CACHED_DECISION, value=AnyValue(bool_value=True)))
    return found
