"""What becomes of a trace: asks the policies, remembers what they said, and sends or drops its spans accordingly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.api import DropReason, Settings, Signal
from collector.sampling import ALWAYS, with_threshold
from collector.wire.projection import EVERY, project
from processors.tail_sampling.common import Common
from processors.tail_sampling.config import TailSamplingConfig
from processors.tail_sampling.evaluation import Decided, Outcome
from processors.tail_sampling.held import Held
from processors.tail_sampling.measures import Measures
from processors.tail_sampling.outbox import Outbox
from processors.tail_sampling.policy import Policy
from processors.tail_sampling.remembered import DroppedTraces, Kept, KeptTraces, Reason
from processors.tail_sampling.ring import How, Ring
from processors.tail_sampling.trace import Origin, Part
from processors.tail_sampling.traces import Traces

_STATES: Any = project(Span, {"trace_state": EVERY})
_NOBODY_VOTED = Outcome((), "not_sampled", "")
_MOST_REASONS = 10_000
"""Reasons that are shared; there is one for each policy, unless somebody writes policies that invent names."""


class Decides(Protocol):
    """Asks all policies."""

    @property
    def policies(self) -> Mapping[str, Policy]:
        """By name, in the order of the votes."""

    def decide(self, traces: Traces, now: float) -> Sequence[Decided]: ...


class Verdicts:
    """Sends or drops spans that the processor holds, and counts them.

    What is dropped is counted when the caller says so (`settle`), before others have their turn.
    """

    def __init__(
        self,
        config: TailSamplingConfig,
        settings: Settings,
        decides: Decides,
        outbox: Outbox,
        ring: Ring,
        measures: Measures,
        common: Common,
    ) -> None:
        self._settings = settings
        self._decides = decides
        self._outbox = outbox
        self._ring = ring
        self._measures = measures
        self._common = common
        self._record_rate = config.record_rate
        self._kept = KeptTraces(config.decision_cache.sampled_cache_size)
        self._dropped = DroppedTraces(config.decision_cache.non_sampled_cache_size)
        self._reasons: dict[tuple[str, str, bool], Reason] = {}
        self._sampled_out = 0

    def decide(self, traces: Sequence[Held], now: float, how: How) -> None:
        """Send the spans of each of some traces, or drop them.  A bug in a policy costs the trace it is about."""
        try:
            decisions = self._decides.decide(Traces(traces), now)
        except Exception as bug:
            if len(traces) == 1:
                self._measures.removed(traces, now)
                self._lose(traces[0], bug, how)
            else:
                for held in traces:
                    self.decide([held], now, how)
            return
        self._measures.removed(traces, now)
        self._ring.note_all(traces, decisions, at=self._settings.clock.time(), how=how)
        ended: defaultdict[Outcome, list[Held]] = defaultdict(list)
        for held, decision in zip(traces, decisions, strict=True):
            outcome = decision[0]
            if outcome.kept and (why_not := self._keep(held, decision, now)):
                self._lose(held, why_not, how)
            else:
                ended[outcome].append(held)
        for outcome, alike in ended.items():
            spans = self._end(alike, outcome)
            if not outcome.kept:
                self._sampled_out += spans

    def too_large(self, held: Held) -> None:
        """Drop a trace of which there is more than anybody wants."""
        self._drop(held, How.TRACE_SIZE)
        self._measures.too_large.add(1)

    def leave(self, traces: Iterable[Held]) -> None:
        """Drop traces that nobody has time to decide on."""
        for held in traces:
            self._drop(held, How.SHUTDOWN)

    def follow(self, trace_id: bytes, part: Part, now: float) -> bool:
        """Do with late spans as was decided on their trace; return whether that is remembered."""
        spans = len(part.spans)
        if kept := self._kept.find(trace_id):
            reason = self._reason(kept.reason.policy, kept.reason.composite, is_late=True)
            self._send([part], reason, kept.threshold, kept.randomness)
            self._measures.late_age.observe(now - kept.when)
        elif trace_id in self._dropped:
            self._sampled_out += spans
        else:
            return False
        self._measures.late(kept is not None, spans)
        self._ring.note_late(
            trace_id,
            at=self._settings.clock.time(),
            spans=spans,
            kept=kept is not None,
            policy=kept.reason.policy if kept else "",
        )
        return True

    def decided_among(self, trace_ids: AbstractSet[bytes]) -> set[bytes]:
        """Return those for whose spans `follow` knows what to do."""
        return self._kept.among(trace_ids) | self._dropped.among(trace_ids)

    def pass_on(self, part: Part) -> None:
        """Send spans that belong to no trace."""
        self._outbox.put(part.origin, None, part.spans)

    def knows(self, trace_id: bytes) -> bool | None:
        """Say whether a trace was kept; None if nothing is remembered of it."""
        if self._kept.find(trace_id):
            return True
        return False if trace_id in self._dropped else None

    def settle(self) -> None:
        """Count what was decided since the last time, and what was dropped."""
        self._measures.settle()
        dropped, self._sampled_out = self._sampled_out, 0
        if dropped:
            self._settings.telemetry.held(Signal.TRACES, -dropped)
            self._settings.telemetry.dropped(Signal.TRACES, DropReason.SAMPLED_OUT, dropped)

    def _keep(self, held: Held, decision: Decided, now: float) -> Exception | None:
        """Send a trace; return what made that impossible, since others are decided on in the same round."""
        outcome, _, threshold, randomness, composite = decision
        reason = self._reason(outcome.policy, composite)
        try:
            self._send(held.parts if held.others else [(held.origin, held.raws)], reason, threshold, randomness)
        except Exception as bug:
            return bug
        self._kept.add(held.trace_id, Kept(reason, threshold, randomness, now))
        return None

    def _drop(self, held: Held, how: How) -> None:
        self._sampled_out += self._give_up(held, how)

    def _lose(self, held: Held, bug: Exception, how: How) -> None:
        self._settings.logger.error("%s: unexpected error, a trace is dropped", self._settings.id, exc_info=bug)
        spans = self._give_up(held, how)
        self._settings.telemetry.held(Signal.TRACES, -spans)
        self._settings.telemetry.dropped(Signal.TRACES, DropReason.PLUGIN_ERROR, spans)

    def _give_up(self, held: Held, how: How) -> int:
        """Remember that a trace is not kept on which no policy has voted; return how many spans it has."""
        at = self._settings.clock.time()
        self._ring.note(held.trace_id, at=at, spans=held.span_count, kept=False, policy="", verdicts=(), how=how)
        return self._end([held], _NOBODY_VOTED)

    def _end(self, traces: Sequence[Held], outcome: Outcome) -> int:
        """Let go of traces with the same outcome, and have everybody know; return how many spans they have."""
        trace_ids = [held.trace_id for held in traces]
        spans = sum([len(held.raws) for held in traces])
        if not outcome.kept:
            self._dropped.add(trace_ids)
        self._measures.decided(outcome, len(traces), spans)
        for held in traces:
            held.forget()
        self._common.decided(trace_ids, kept=outcome.kept)
        return spans

    def _send(
        self, parts: Sequence[tuple[Origin, list[bytes]]], reason: Reason, threshold: int, explicit: int | None
    ) -> None:
        if self._record_rate and threshold != ALWAYS:
            parts = [(origin, _with_threshold(spans, threshold, explicit)) for origin, spans in parts]
        for origin, spans in parts:
            self._outbox.put(origin, reason, spans)

    def _reason(self, policy: str, composite: str, *, is_late: bool = False) -> Reason:
        reason = self._reasons.get((policy, composite, is_late))
        if reason is None:
            if len(self._reasons) >= _MOST_REASONS:
                self._reasons.clear()
            reason = self._reasons[policy, composite, is_late] = Reason(policy, composite, is_late=is_late)
        return reason


def _with_threshold(spans: list[bytes], threshold: int, explicit: int | None) -> list[bytes]:
    """Return spans of one trace that say which threshold they passed.

    Messages one after the other are one message, so one look tells whether any of them has a trace state.  If none has,
    what is added is the same for all.
    """
    first = with_threshold(spans[0], threshold, explicit)
    added = first.removeprefix(spans[0])
    if len(added) < len(first) and not _STATES.FromString(b"".join(spans)).trace_state:
        return [span + added for span in spans]
    return [first, *[with_threshold(span, threshold, explicit) for span in spans[1:]]]
