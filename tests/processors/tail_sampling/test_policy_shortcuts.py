"""What policies find by a glance at the bytes is what a full look at every span finds, however spans are encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from collector import sampling
from processors.tail_sampling.evaluation import Evaluator
from processors.tail_sampling.policy import at_once
from processors.tail_sampling.trace import Origin, Part, Trace
from processors.tail_sampling.traces import Traces
from tests.processors.tail_sampling.test_policies import decided, policies, policy
from tests.processors.tail_sampling.test_trace import trace_from

_MS = 1_000_000
_RV = "fffffffffffff0", "00000000000001", "80000000000000"


def _pair(key: str, value: Any) -> KeyValue:
    kind = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}[type(value)]
    return KeyValue(key=key, value=AnyValue(**{kind: value}))


# A span is any of these pieces, in any order, any of them as often as one likes: all that is valid OTLP.
_TIMES = [n.to_bytes(8, "little") for n in (0, 1, 500 * _MS, 700 * _MS, 5000 * _MS)]
_PIECES = [
    *[b"\x39" + time for time in _TIMES],
    *[b"\x41" + time for time in _TIMES],
    b"\x7a\x00",
    *[b"\x7a\x02\x18" + bytes([code]) for code in (0, 1, 2)],
    b"\x7a\x04\x18\x82\x80\x00",  # a number that is longer than it has to be
    b"\x7a\x03\x98\x00\x02",  # and so is the number of a field
    Span(status=Status(message="\x18\x02")).SerializeToString(),
    *[Span(attributes=[_pair("k", value)]).SerializeToString() for value in ("v", "w", "", "k", 0, 7, 0.5, True)],
    *[Span(attributes=[_pair(key, "v")]).SerializeToString() for key in ("kk", "v", "")],
    *[Span(trace_state=f"ot=rv:{rv}").SerializeToString() for rv in _RV],
    *[Span(trace_state=state).SerializeToString() for state in ("a=b", "ot=th:8", "a=1,ot=rv:00000000000009")],
    Span(name="k v ot=rv:fffffffffffff0", flags=1).SerializeToString(),
]
_RAW = st.lists(st.sampled_from(_PIECES), max_size=6).map(b"".join)
_RAW_WITHOUT_TIMES = st.lists(st.sampled_from(_PIECES[2 * len(_TIMES) :]), max_size=4).map(b"".join)
_RESOURCE = st.lists(st.sampled_from([("k", "v"), ("k", 7), ("k", True), ("v", "k")]), max_size=2)


def _trace(parts: Sequence[tuple[Sequence[bytes], Sequence[tuple[str, Any]]]]) -> Trace:
    made = []
    for raws, pairs in parts:
        resource = Resource(attributes=[_pair(key, value) for key, value in pairs])
        made.append(Part(Origin({}, ResourceSpans(resource=resource).SerializeToString(), b""), raws))
    return trace_from(bytes(range(16)), made, 0)


_TRACES = st.lists(st.tuples(st.lists(_RAW, min_size=1, max_size=3), _RESOURCE), min_size=1, max_size=2).map(_trace)


# Encoders write every time once: what is read at once of such spans is that of the right one.
_USUAL_RAW = st.tuples(st.sampled_from(_TIMES[1:]), st.sampled_from(_TIMES[1:]), _RAW_WITHOUT_TIMES).map(
    lambda span: b"\x39" + span[0] + span[2] + b"\x41" + span[1]
)
_USUAL = st.lists(_USUAL_RAW, min_size=1, max_size=3).map(lambda raws: _trace([(raws, [])]))


def _read(trace: Trace) -> list[Span]:
    return [Span.FromString(raw) for part in trace.parts for raw in part.spans]


def _duration(trace: Trace) -> int:
    starts = [span.start_time_unix_nano for span in _read(trace) if span.start_time_unix_nano]
    ends = [span.end_time_unix_nano for span in _read(trace) if span.end_time_unix_nano]
    return max(ends) - min(starts) if starts and ends else 0


def _values(trace: Trace, key: str) -> list[Any]:
    """Of a key that is there twice the last value counts."""
    resources = [ResourceSpans.FromString(part.origin.resource).resource for part in trace.parts]
    found = []
    for record in (*_read(trace), *resources):
        values = [pair.value for pair in record.attributes if pair.key == key]
        if values:
            found.append(getattr(values[-1], values[-1].WhichOneof("value")))
    return found


def _randomness(trace: Trace) -> int:
    states = [sampling.TraceState.parse(span.trace_state.encode()) for span in _read(trace)]
    explicit = [state.explicit for state in states if state.explicit is not None]
    return min(explicit) if explicit else sampling.randomness(trace.trace_id)


def _is_number(value: Any) -> bool:
    return type(value) in {int, float}


_PLAIN: dict[str, Callable[[Trace], bool]] = {
    "type: status_code, status_code: {status_codes: [ERROR]}": lambda t: any(s.status.code == 2 for s in _read(t)),
    "type: status_code, status_code: {status_codes: [OK, UNSET]}": lambda t: any(s.status.code < 2 for s in _read(t)),
    "type: latency, latency: {threshold_ms: 0}": lambda t: _duration(t) >= 0,
    "type: latency, latency: {threshold_ms: 500}": lambda t: _duration(t) >= 500 * _MS,
    "type: latency, latency: {threshold_ms: 1, upper_threshold_ms: 700}": lambda t: _MS <= _duration(t) <= 700 * _MS,
    "type: string_attribute, string_attribute: {key: k, values: [v]}": lambda t: "v" in _values(t, "k"),
    "type: string_attribute, string_attribute: {key: k, values: ['', k]}": lambda t: any(
        v in ("", "k") for v in _values(t, "k")
    ),
    "type: string_attribute, string_attribute: {key: k, values: [v, a, b, c, d, e, f, g, h, i]}": lambda t: (
        "v" in _values(t, "k")
    ),
    "type: string_attribute, string_attribute: {key: k, values: ['^[vk]$'], enabled_regex_matching: true}": lambda t: (
        any(v in ("v", "k") for v in _values(t, "k"))
    ),
    "type: numeric_attribute, numeric_attribute: {key: k, min_value: 0, max_value: 1}": lambda t: any(
        _is_number(v) and 0 <= v <= 1 for v in _values(t, "k")
    ),
    "type: boolean_attribute, boolean_attribute: {key: k, value: true}": lambda t: any(
        v is True for v in _values(t, "k")
    ),
    "type: probabilistic, probabilistic: {sampling_percentage: 60}": lambda t: (
        _randomness(t) >= sampling.threshold(0.6)
    ),
    "type: trace_flags": lambda t: any(span.flags & 1 for span in _read(t)),
    "type: trace_state, trace_state: {key: a, values: [b, '1']}": lambda t: any(
        member in ("a=b", "a=1") for span in _read(t) for member in span.trace_state.split(",")
    ),
}


_ASKED = {settings: policy(settings) for settings in _PLAIN}
_AT_ONCE = {settings: at_once(asked) for settings, asked in _ASKED.items()}


@given(trace=_TRACES)
@example(trace=_trace([([b"\x7a\x02\x18\x02\x7a\x02\x18\x01"], []), ([b"\x7a\x02\x18\x02\x7a\x00"], [])]))
@example(trace=_trace([([b"\x39" + _TIMES[3] + b"\x39" + _TIMES[0] + b"\x41" + _TIMES[1]], [])]))
def test_a_policy_finds_what_a_full_look_at_every_span_finds(trace: Trace) -> None:
    assert {settings: plain(trace) for settings, plain in _PLAIN.items()} == {
        settings: asked.evaluate(trace, 0.0).is_sampled for settings, asked in _ASKED.items()
    }


@given(traces=st.lists(_TRACES | _USUAL, max_size=4))
@example(traces=[_trace([([2 * (b"\x39" + _TIMES[3])], [])]), _trace([([b""], [])])])
def test_a_policy_finds_the_same_in_a_trace_among_others(traces: list[Trace]) -> None:
    assert {settings: list(map(plain, traces)) for settings, plain in _PLAIN.items()} == {
        settings: [verdict.is_sampled for verdict in vote(Traces(traces), 0.0)] for settings, vote in _AT_ONCE.items()
    }


_FOUR = """policies:
  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: slow, type: latency, latency: {threshold_ms: 500}}
  - {name: canary, type: string_attribute, string_attribute: {key: k, values: [v]}}
  - {name: rest, type: probabilistic, probabilistic: {sampling_percentage: 60}}
"""


@given(trace=_TRACES)
def test_the_decision_is_that_of_a_full_look_by_every_policy(trace: Trace) -> None:
    errors: list[str] = []
    evaluator = Evaluator(policies(_FOUR), sample_on_first_match=False, on_error=lambda name, _: errors.append(name))
    settings = [key for key in _PLAIN if "[ERROR]" in key or "500}" in key or "values: [v]}" in key or "60}" in key]
    votes = [_PLAIN[each](trace) for each in settings]
    first = next((name for name, vote in zip(evaluator.policies, votes, strict=True) if vote), "")
    for_certain = any(votes[:3])

    decision = decided(evaluator, trace)[0]

    assert (first != "", first, []) == (decision.kept, decision.policy, errors)
    assert votes == [vote is not None and vote.is_sampled for vote in decision.votes]
    assert (sampling.threshold(0.6) if first and not for_certain else sampling.ALWAYS) == decision.threshold
