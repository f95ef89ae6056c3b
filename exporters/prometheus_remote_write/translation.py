"""From a batch of metrics to streams.

The frequent data point, a cumulative number with attributes that were seen before, is not parsed: it is cut at fixed
places, and what its attributes became is remembered by their bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from collector.api import Clock
from collector.batch import Batch
from collector.errors import DropReason
from collector.memory import without_garbage_collection
from exporters.prometheus_remote_write.conversion import Conversion, Metric, label_set
from exporters.prometheus_remote_write.families import Family, FamilyMemory, Form, Key
from exporters.prometheus_remote_write.labels import Labels
from exporters.prometheus_remote_write.names import NamelessError
from exporters.prometheus_remote_write.native_histograms import UnsupportedError
from exporters.prometheus_remote_write.points import CUMULATIVE, DELTA, MILLISECOND, NUMBER, REQUEST, quick
from exporters.prometheus_remote_write.rules import Delta, Rules
from exporters.prometheus_remote_write.series import LabelSet, Metadata, Stream, Translation
from exporters.prometheus_remote_write.streams import Streams
from exporters.prometheus_remote_write.target_info import TargetInfo
from exporters.prometheus_remote_write.temporality import OutOfOrderError, Totals

_FORMS = {
    "gauge": Form.GAUGE,
    "sum": Form.UP_DOWN_COUNTER,
    "histogram": Form.HISTOGRAM,
    "exponential_histogram": Form.NATIVE_HISTOGRAM,
    "summary": Form.SUMMARY,
}
_HAVE_TEMPORALITY = frozenset({"sum", "histogram", "exponential_histogram"})


_SHORT_BATCH, _LONG_LABELS = 4 << 10, 2 << 10
"""Bytes."""


def has_long_labels(batch: Batch) -> bool:
    """Say whether a resource or scope may make even a small batch slow: each of its points has all their attributes.

    With 30 KiB of them, 64 KiB of new points take seconds.  To find out takes 4 us of a batch of 13 KB, and nothing of
    what is too small to matter.
    """
    if len(batch.wire) < _SHORT_BATCH:
        return False
    request: Any = REQUEST.FromString(batch.wire)
    return any(
        len(resource_metrics.resource) + len(scope_metrics.scope) > _LONG_LABELS
        for resource_metrics in request.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
    )


class Translator:
    """Translates batches, one at a time and in their order.

    Keeps what attributes became, the totals of delta streams, the bounds of histograms and the last time of each
    target_info, all of it bounded.
    """

    def __init__(self, rules: Rules, clock: Clock, logger: logging.Logger) -> None:
        self._rules = rules
        self._labels = Labels(rules, logger)
        self._memory = FamilyMemory(self._labels, rules.remembered)
        self._totals = Totals(rules.delta, clock)
        self._target_info = TargetInfo()
        conversion = Conversion(self._labels, self._memory, self._totals)
        self._quickly = _Quick(self._memory)
        self._one: dict[str, Callable[[Metric, bytes], int]] = {
            "gauge": conversion.number,
            "sum": conversion.number,
            "histogram": conversion.histogram,
            "exponential_histogram": conversion.exponential,
            "summary": conversion.summary,
        }

    def translate(self, batch: Batch) -> Translation:
        """Return the batch as streams; the batch is not changed."""
        with without_garbage_collection():  # a sixth of the time
            return self._translate(batch)

    def _translate(self, batch: Batch) -> Translation:
        streams, families = Streams(self._labels), dict[str, Metadata]()
        self._totals.forget_stale()
        request: Any = REQUEST.FromString(batch.wire)
        for resource_metrics in request.resource_metrics:
            resource, latest = resource_metrics.resource, 0
            for scope_metrics in resource_metrics.scope_metrics:
                source = resource, scope_metrics.scope, scope_metrics.schema_url
                for metric in scope_metrics.metrics:
                    latest = max(latest, self._metric(metric, source, streams, families))
            self._target_info.seen(self._memory.resources[resource], latest)
        if about := self._target_info.finish(streams):
            families[about.family] = about
        told = tuple(families.values()) if self._rules.send_metadata else ()
        return Translation(streams.finish(), dict(streams.dropped), told)

    def _metric(
        self, metric: Any, source: tuple[bytes, bytes, bytes], streams: Streams, families: dict[str, Metadata]
    ) -> int:
        """Translate a metric; return the latest time of its points."""
        kind = next(filter(metric.HasField, _FORMS), "")
        wires = getattr(metric, kind).data_points if kind else ()
        if not wires:
            return 0
        form = Form.COUNTER if kind == "sum" and metric.sum.is_monotonic else _FORMS[kind]
        about = tuple(metric.metadata)
        family = self._memory.family(Key(*source, metric.name, metric.unit, metric.description, about, form))
        temporality = getattr(metric, kind).aggregation_temporality if kind in _HAVE_TEMPORALITY else CUMULATIVE
        if why_not := family.why_not or self._why_not(temporality, family):
            self._labels.warn("%s: its data points are dropped", why_not)
            streams.dropped[DropReason.UNSUPPORTED] += len(wires)
            return 0
        families[family.name] = family.metadata
        return self._points(kind, Metric(family, form, temporality == DELTA, streams), wires)

    def _why_not(self, temporality: int, family: Family) -> str:
        if temporality == CUMULATIVE or (temporality == DELTA and self._rules.delta.mode is Delta.CONVERT):
            return ""
        return f"{family.name} has {'delta' if temporality == DELTA else 'no'} temporality"

    def _points(self, kind: str, metric: Metric, wires: Sequence[bytes]) -> int:
        latest, one = 0, self._one[kind]
        if kind in {"gauge", "sum"} and not metric.is_delta:
            latest, wires = self._quickly(metric, wires)
        for wire in wires:
            try:
                latest = max(latest, one(metric, wire))
            except (UnsupportedError, NamelessError) as error:
                self._labels.warn("%s: %s: it is dropped", metric.family.name, str(error))
                metric.streams.dropped[DropReason.UNSUPPORTED] += 1
            except OutOfOrderError:
                self._labels.warn("%s: a delta is about a time that is in the total already", metric.family.name)
                metric.streams.dropped[DropReason.OUT_OF_ORDER] += 1
        return latest


class _Quick:
    """The way of the frequent data point."""

    def __init__(self, memory: FamilyMemory) -> None:
        self._memory = memory

    def __call__(self, metric: Metric, wires: Sequence[bytes]) -> tuple[int, list[bytes]]:
        """Translate what can be cut up; return the latest time, and what has to be parsed."""
        rest: list[bytes] = []
        family, streams, latest = metric.family, metric.streams, 0
        get, by_identity, metadata = family.answers.get, streams.by_identity, family.metadata
        for wire in wires:
            if (cut := quick(wire)) is None:
                rest.append(wire)
                continue
            start, time, value, key = cut
            labels: LabelSet | None = get(key) or self._learn(family, key)
            if labels is None or not time:
                rest.append(wire)
                continue
            timestamp, start = time // MILLISECOND, start // MILLISECOND
            latest = max(latest, timestamp)
            identity = labels.identity
            if identity in by_identity:
                streams.number(metadata, labels, timestamp, (value, start))
            else:
                by_identity[identity] = Stream(identity, None, 1, (labels, metadata, timestamp, value, start))
        return latest, rest

    def _learn(self, family: Family, rest: bytes) -> LabelSet | None:
        """Return the labels of a point behind whose value there is `rest`, if that is attributes and nothing else."""
        point: Any = NUMBER.FromString(rest)
        if any(field.name != "attributes" for field, _ in point.ListFields()):
            return None
        try:
            labels: LabelSet = self._memory.answer(family, rest, lambda family, _: label_set(family, point.attributes))
        except NamelessError:
            return None
        return labels
