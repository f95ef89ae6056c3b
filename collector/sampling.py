"""Consistent probability sampling: whoever looks at a trace with the same threshold decides the same.

OpenTelemetry specification, "TraceState: Probability Sampling": 56 bits of randomness come with a trace, the last
seven bytes of its id or `rv` of its `ot` trace state; a trace is kept if they are not below the rejection threshold,
which is written down as `th` so that whoever counts spans knows how many each stands for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple, Self

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.wire.projection import VALUE, project

ALWAYS = 0
"""The threshold that rejects nothing."""
NEVER = 1 << 56
"""The threshold that no randomness reaches.  It cannot be written down, and nothing that passed it exists."""
_DIGITS = 14
_HEX_DIGITS = frozenset("0123456789abcdef")

_LONGEST_VALUE = 256
_MOST_MEMBERS = 32
_LONGEST_REMEMBERED = 512
# W3C Trace Context, "tracestate Header Field Values"
_MEMBER = re.compile(
    rb"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    rb"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
# OpenTelemetry specification, "TraceState Handling"
_SUBMEMBER = re.compile(r"[a-z][a-z0-9]*:[A-Za-z0-9._-]*")
_Head: Any = project(Span, {"trace_id": VALUE, "trace_state": VALUE})
_TRACE_STATE_TAG = b"\x1a"


def threshold(probability: float, precision: int = _DIGITS) -> int:
    """Return the rejection threshold, 0 to 2**56, of a probability from 0 to 1; what lies outside counts as these.

    Args:
        probability: the part of all traces that shall pass.
        precision: hexadecimal digits to round to, 1 to 14, besides those that say how near to 0 or 1 it is.
    """
    exact = NEVER - round(min(max(probability, 0.0), 1.0) * NEVER)
    shift = 4 * (_DIGITS - precision - _leading_digits(probability)) if 0 < probability < 1 else 0
    return exact if shift <= 0 else (exact + (1 << shift - 1)) >> shift << shift


def _leading_digits(probability: float) -> int:
    """Count how many digits a threshold starts with that are all f or all 0."""
    return max(-math.frexp(part)[1] // 4 for part in (probability, 1 - probability) if part)


def probability(threshold: int) -> float:
    """Return the part of all traces that passes a threshold."""
    return (NEVER - threshold) / NEVER


def adjusted_count(threshold: int) -> float:
    """Return how many traces each one stands for that passed a threshold below 2**56."""
    return NEVER / (NEVER - threshold)


def randomness(trace_id: bytes) -> int:
    """Return the 56 bits that come with an id of 16 bytes."""
    return int.from_bytes(trace_id[9:16], "big")


def encode(value: int) -> str:
    """Write a threshold below 2**56 as `th` is written: hexadecimal digits without zeros at the end."""
    return f"{value:014x}".rstrip("0") or "0"


def decode(text: str) -> int:
    """Read a `th`.

    Raises:
        ValueError: it is not 1 to 14 lower-case hexadecimal digits.
    """
    if not 1 <= len(text) <= _DIGITS or set(text) - _HEX_DIGITS:
        raise ValueError(f"{text!r} is not a threshold: write 1 to 14 hexadecimal digits")
    return int(text.ljust(_DIGITS, "0"), 16)


def encode_randomness(value: int) -> str:
    """Write a randomness as `rv` is written: 14 hexadecimal digits."""
    return f"{value:014x}"


def decode_randomness(text: str) -> int:
    """Read an `rv`.

    Raises:
        ValueError: it is not 14 lower-case hexadecimal digits.
    """
    if len(text) != _DIGITS or set(text) - _HEX_DIGITS:
        raise ValueError(f"{text!r} is not a randomness: write 14 hexadecimal digits")
    return int(text, 16)


class TraceState(NamedTuple):
    """A W3C trace state, as far as sampling has to do with it."""

    threshold: int | None = None
    """What earlier samplers rejected up to; None if not known."""
    explicit: int | None = None
    """The randomness of `rv`, which is used instead of that of the trace id."""
    rest: tuple[str, ...] = ()
    """Other sub-members of `ot`, such as `k1:13`."""
    others: tuple[bytes, ...] = ()
    """The members of others, as they came."""
    fault: str = ""
    """What is wrong with it; empty if nothing is."""

    @classmethod
    def parse(cls, state: bytes) -> Self:
        """Read a span's `trace_state`.  What cannot be read of `ot` is left out, what others wrote stays as it is."""
        if not state:
            return cls()
        members = [member for each in state.split(b",") if (member := each.strip(b" \t"))]
        own = [member[3:] for member in members if member.startswith(b"ot=")]
        others = tuple([member for member in members if not member.startswith(b"ot=")])
        read = _read_own(own[0].decode("ascii", "replace")) if own else {}
        return cls(
            threshold=read.get("th"),
            explicit=read.get("rv"),
            rest=read.get("rest", ()),
            others=others,
            fault=read.get("fault", "") or _fault_of(members, own),
        )

    def write(self) -> bytes:
        """Write it, with `ot` first since that was changed last.

        Beyond 32 members the last ones go (W3C Trace Context, "Mutating the tracestate Field"). If `ot` becomes longer
        than the 256 characters it may have, `th` goes: none is better than one that is too low.
        """
        own = _write_own(self)
        if len(own) > _LONGEST_VALUE:
            own = _write_own(self._replace(threshold=None))
        members = [f"ot={own}".encode(), *self.others] if own else [*self.others]
        return b",".join(members[:_MOST_MEMBERS])

    def randomness(self, trace_id: bytes) -> int:
        """Return the 56 bits that decide on a span with this trace state and trace id (16 bytes)."""
        return randomness(trace_id) if self.explicit is None else self.explicit

    def is_consistent(self, trace_id: bytes) -> bool:
        """Say whether the span can have passed the threshold that is written here."""
        return self.threshold is None or self.randomness(trace_id) >= self.threshold

    def raised(self, threshold: int, explicit: int | None, trace_id: bytes) -> TraceState:
        """Return what to write after one more sampler; see `with_threshold`."""
        before = self.threshold
        if before is None:
            after = self._replace(threshold=threshold, explicit=explicit if self.explicit is None else self.explicit)
            return after if after.is_consistent(trace_id) else after._replace(threshold=None)
        after = self._replace(threshold=max(threshold, before))
        is_same = explicit is None or explicit == self.randomness(trace_id)
        return after if is_same and after.is_consistent(trace_id) else after._replace(threshold=None)


def _write_own(state: TraceState) -> str:
    members = [] if state.threshold is None else [f"th:{encode(state.threshold)}"]
    if state.explicit is not None:
        members.append(f"rv:{encode_randomness(state.explicit)}")
    return ";".join([*members, *state.rest])


def _read_own(text: str) -> dict[str, Any]:
    """Read the value of `ot`; of a sub-member that is there twice the last one counts."""
    if len(text) > _LONGEST_VALUE:
        return {"fault": f"ot is longer than {_LONGEST_VALUE} characters"}
    found: dict[str, Any] = {}
    rest = {}
    for member in text.split(";"):
        if not _SUBMEMBER.fullmatch(member):
            found["fault"] = "ot is not a list of key:value"
            continue
        key, _, value = member.partition(":")
        if key in _READERS:
            try:
                found[key] = _READERS[key](value)
            except ValueError as error:
                found["fault"] = f"{key}: {error}"
        else:
            rest[key] = member
    return {**found, "rest": tuple(rest.values())}


_READERS = {"th": decode, "rv": decode_randomness}


def _fault_of(members: Iterable[bytes], own: Iterable[bytes]) -> str:
    members = list(members)
    if len(members) > _MOST_MEMBERS:
        return f"more than {_MOST_MEMBERS} members"
    if not all(map(_MEMBER.fullmatch, members)):
        return "not a list of key=value"
    return "ot is there more than once" if len(list(own)) > 1 else ""


def with_threshold(span: bytes, threshold: int, explicit: int | None = None) -> bytes:
    """Return a span that says which threshold it passed, in `th` of its trace state.

    A threshold that came with it is never lowered, since what was lost then does not come back.  What the span cannot
    have passed, by its own randomness, is not written, and goes if it is there: how many spans it stands for is not
    known.  All else stays as it is, fields that are not known here and members of others too.

    Args:
        span: a serialised `Span`.
        threshold: what the span passed, 0 (everything passes) to 2**56 - 1.
        explicit: the randomness that was compared with it, if it is not that of the trace id.  Written as `rv` if the
            span comes from no other sampler; if it does and that one compared something else, `th` goes.

    Raises:
        ValueError: a threshold that nothing passes, or that is none.
        google.protobuf.message.DecodeError: not a span.
    """
    if not ALWAYS <= threshold < NEVER:
        raise ValueError(f"{threshold} is not a threshold that something passes")
    head = _Head.FromString(span)
    if not head.trace_state and (randomness(head.trace_id) if explicit is None else explicit) >= threshold:
        return span + _field(threshold, explicit)  # a field that is there twice is the last one
    rewrite = _rewritten if len(head.trace_state) <= _LONGEST_REMEMBERED else _rewritten.__wrapped__
    head.trace_state = rewrite(head.trace_state, threshold, explicit, head.trace_id)
    written: bytes = head.SerializeToString()
    return written


@lru_cache(1024)
def _rewritten(state: bytes, threshold: int, explicit: int | None, trace_id: bytes) -> bytes:
    """Remembered since the spans of one trace come one after the other, with the same trace state."""
    return TraceState.parse(state).raised(threshold, explicit, trace_id).write()


@lru_cache(1024)
def _field(threshold: int, explicit: int | None) -> bytes:
    """Write the whole field of a trace state with nothing else in it, which is shorter than 128 bytes."""
    state = TraceState(threshold, explicit).write()
    return _TRACE_STATE_TAG + bytes([len(state)]) + state
