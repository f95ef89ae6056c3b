"""What the sampler does with a batch: decide on all traces of it at once, then write on what is kept."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from typing import TypeAlias

from google.protobuf.message import DecodeError

from collector.apart import prune, with_records
from collector.api import Batch, DropReason, ProcessorFactory, Settings, Signal
from collector.sampling import ALWAYS
from processors.probabilistic_sampler.config import ProbabilisticSamplerConfig
from processors.probabilistic_sampler.decisions import Decision, Sampler, Source
from processors.probabilistic_sampler.logs import Logs
from processors.probabilistic_sampler.measures import Measures
from processors.probabilistic_sampler.records import Records
from processors.probabilistic_sampler.requests import Heads, Reading, reading_of
from processors.probabilistic_sampler.spans import Spans

Wires: TypeAlias = Sequence[Sequence[bytes]]
"""The records of one scope after the other."""


class ProbabilisticSampler:
    """Passes on a part of what comes, decided record by record and the same for all of a trace."""

    def __init__(self, config: ProbabilisticSamplerConfig, settings: Settings) -> None:
        self._sampler = Sampler(config)
        self._measures = Measures(settings, fail_closed=config.fail_closed)
        self._signals: Mapping[Signal, tuple[Reading, Records]] = {
            Signal.TRACES: (reading_of(Signal.TRACES), Spans(self._sampler)),
            Signal.LOGS: (reading_of(Signal.LOGS), Logs(self._sampler, config)),
        }

    def process(self, batch: Batch) -> Batch | None:
        """Drop what is not sampled."""
        reading, records = self._signals[batch.signal]
        if batch.is_apart:
            return self._process_apart(batch, reading, records)
        request = batch.skeleton()
        places = reading.places(request)
        left = self._left(batch, reading, records, [wires for _, wires in places])
        if left is None:
            return batch
        for (field, before), after in zip(places, left, strict=True):
            if after != before:
                del field[:]
                field.extend(after)
        kept = sum(map(len, left))
        if not kept:
            return None
        prune(request, reading.path, left)
        return batch.replace(request.SerializeToString(), kept)

    def _process_apart(self, batch: Batch, reading: Reading, records: Records) -> Batch | None:
        apart = batch.apart()
        left = self._left(batch, reading, records, list(map(list, apart.records)))
        if left is None:
            return batch
        kept = sum(map(len, left))
        return batch.replace(with_records(apart, left, reading.path), kept) if kept else None

    def _left(self, batch: Batch, reading: Reading, records: Records, wires: Wires) -> list[list[bytes]] | None:
        """Return what is left of the records; None if all are, and as they were."""
        heads = reading.heads(batch, wires)
        randomness = self._sampler.randomness_of(heads.ids)
        content = batch.content()  # in which one search costs a fourth of one in each record
        needles = [needle for needle in records.needles if needle in content]
        if not (records.looks_at_all or needles or heads.states or None in randomness.values()):
            return self._by_trace(records, wires, heads.ids, randomness)
        own = {trace_id: self._sampler.source(value) for trace_id, value in randomness.items()}
        return self._one_by_one(records, wires, self._decisions(records, wires, heads, own, needles))

    def _by_trace(
        self, records: Records, wires: Wires, ids: Sequence[bytes], randomness: Mapping[bytes, int | None]
    ) -> list[list[bytes]] | None:
        """Keep the traces that pass, where nothing but the trace id decides."""
        threshold, policy = self._sampler.threshold, self._sampler.policy
        if threshold == ALWAYS:
            self._measures.sampled(records.counter, records.help, {(policy, True): len(ids)})
            return None
        decisions = {
            trace_id: records.decide_by_head(self._sampler.source(value), b"")
            for trace_id, value in randomness.items()
            if value is not None and value >= threshold
        }
        each = map(decisions.get, ids)
        left = [
            [records.written(wire, decision) for wire, decision in zip(siblings, each, strict=False) if decision]
            for siblings in wires
        ]
        kept = sum(map(len, left))
        self._measures.sampled(records.counter, records.help, {(policy, True): kept, (policy, False): len(ids) - kept})
        return left

    def _one_by_one(self, records: Records, wires: Wires, decisions: Sequence[Decision]) -> list[list[bytes]] | None:
        self._measures.sampled(records.counter, records.help, Counts([(each.policy, each.keep) for each in decisions]))
        self._measures.faults(Counts([each.fault for each in decisions if each.fault]))
        each = iter(decisions)
        left = [
            [records.written(wire, decision) for wire, decision in zip(siblings, each, strict=False) if decision.keep]
            for siblings in wires
        ]
        return None if left == wires else left

    def _decisions(
        self, records: Records, wires: Wires, heads: Heads, own: Mapping[bytes, Source], needles: Sequence[bytes]
    ) -> list[Decision]:
        """Decide on each record by all that it says; where that is its head only, once for all with the same one."""
        by_head: dict[tuple[bytes, bytes], Decision] = {}

        def decide(wire: bytes, trace_id: bytes, state: bytes) -> Decision:
            source = own[trace_id]
            if (needles and any(needle in wire for needle in needles)) or records.needs_a_look(source):
                try:
                    return records.decide(wire, source, state)
                except DecodeError:
                    return self._sampler.malformed()
            decision = by_head.get((trace_id, state))
            if decision is None:
                decision = by_head[trace_id, state] = records.decide_by_head(source, state)
            return decision

        return list(map(decide, chain.from_iterable(wires), heads.ids, heads.states or repeat(b"")))


factory = ProcessorFactory(
    config=ProbabilisticSamplerConfig,
    build=ProbabilisticSampler,
    signals=frozenset({Signal.TRACES, Signal.LOGS}),
    drop_reason=DropReason.SAMPLED_OUT,
    example="sampling_percentage: 25",
)
