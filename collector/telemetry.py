"""The collector's own metrics: one definition each, names spelt once.

A point is an integer on an object, so that counting costs nanoseconds; Prometheus' text is made when somebody asks.
The names are the OpenTelemetry Collector's, so that its dashboards work.  With `pyotelcol_*` the books can be closed:

    accepted + created = sent + dropped + held        per signal, at every moment
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.batch import SHAPES, Signal
from collector.errors import DropReason, RefusalReason


class Metric(NamedTuple):
    name: str
    help: str
    type: str = "counter"


def _per_signal(name: str, help_: str) -> dict[Signal, Metric]:
    return {s: Metric(name.format(SHAPES[s].unit), help_.format(SHAPES[s].unit.replace("_", " "))) for s in Signal}


ACCEPTED = _per_signal("otelcol_receiver_accepted_{}", "Number of {} taken in by a receiver.")
REFUSED = _per_signal("otelcol_receiver_refused_{}", "Number of {} that a receiver refused.")
SENT = _per_signal("otelcol_exporter_sent_{}", "Number of {} that a backend acknowledged.")
SEND_FAILED = _per_signal("otelcol_exporter_send_failed_{}", "Number of {} in attempts that failed for good.")
ENQUEUE_FAILED = _per_signal("otelcol_exporter_enqueue_failed_{}", "Number of {} that a full sending queue refused.")
INCOMING = Metric("otelcol_processor_incoming_items", "Number of items handed to a processor.")
OUTGOING = Metric("otelcol_processor_outgoing_items", "Number of items that a processor passed on.")
CONSUMED = Metric("otelcol_connector_consumed_items", "Number of items handed to a connector.")
QUEUE_SIZE = Metric("otelcol_exporter_queue_size", "What waits in the sending queue, in units of its sizer.", "gauge")
QUEUE_CAPACITY = Metric("otelcol_exporter_queue_capacity", "How much the sending queue takes.", "gauge")
RETRIES = Metric("pyotelcol_exporter_retries_total", "Number of attempts after the first.")
REFUSED_REQUESTS = Metric("pyotelcol_refused_requests_total", "Number of requests refused, by reason.")
DROPPED = Metric("pyotelcol_dropped_items_total", "Number of accepted items that will never be sent, by reason.")
HELD = Metric("pyotelcol_held_items", "Number of items inside a component now.", "gauge")
CREATED = Metric("pyotelcol_created_items_total", "Number of items that came into being here: copies for a branch.")
UPTIME = Metric("otelcol_process_uptime", "Seconds since the process started.")
CPU = Metric("otelcol_process_cpu_seconds", "CPU seconds used, user and system.")
RSS = Metric("otelcol_process_memory_rss", "Resident memory in bytes.", "gauge")


class Point:
    """One number of one metric."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float) -> None:
        self.value += amount


Labels = tuple[tuple[str, str], ...]


class Telemetry:
    """Every point of one service."""

    def __init__(self) -> None:
        self._points: dict[Metric, dict[Labels, Point | Callable[[], float]]] = {}
        started = time.monotonic()
        self.read(UPTIME, lambda: time.monotonic() - started)
        self.read(CPU, time.process_time)

    def point(self, metric: Metric, **labels: str) -> Point:
        """Return the point with these labels, made when first asked for."""
        point = self._points.setdefault(metric, {}).setdefault(tuple(labels.items()), Point())
        if not isinstance(point, Point):
            raise TypeError(f"{metric.name}{labels} is read from a function")
        return point

    def read(self, metric: Metric, value: Callable[[], float], **labels: str) -> None:
        """Have `value()` called whenever the metrics are read."""
        self._points.setdefault(metric, {})[tuple(labels.items())] = value

    def samples(self) -> Iterator[tuple[Metric, Labels, float]]:
        """Yield every point's value now."""
        for metric, points in self._points.items():
            for labels, point in points.items():
                yield metric, labels, _value(point)

    def total(self, metric: Metric, **labels: str) -> float:
        """Add up the points whose labels include `labels`."""
        wanted = set(labels.items())
        points = self._points.get(metric, {}).items()
        return sum(_value(point) for have, point in points if wanted <= set(have))

    def imbalance(self, signal: Signal) -> float:
        """Return accepted + created - sent - dropped - held: 0, or items vanished without a name."""
        books = [self.total(metric, signal=signal) for metric in (CREATED, DROPPED, HELD)]
        created, dropped, held = books
        return self.total(ACCEPTED[signal]) + created - self.total(SENT[signal]) - dropped - held

    def component(self, component: str) -> Accounts:
        """Return the books of one component."""
        return Accounts(self, component)


def _value(point: Point | Callable[[], float]) -> float:
    return point.value if isinstance(point, Point) else point()


@dataclass(frozen=True)
class Accounts:
    """What one component dropped, holds and created; implements `api.ComponentTelemetry`."""

    telemetry: Telemetry
    component: str
    _held: dict[Signal, Point] = field(default_factory=dict, compare=False, repr=False)

    def dropped(self, signal: Signal, reason: DropReason, items: int) -> None:
        if items:
            self.telemetry.point(DROPPED, component=self.component, signal=signal, reason=reason).add(items)

    def held(self, signal: Signal, items: int) -> None:
        point = self._held.get(signal)  # every request comes by here, twice and more
        if point is None:
            point = self._held[signal] = self.telemetry.point(HELD, component=self.component, signal=signal)
        point.value += items

    def created(self, signal: Signal, items: int) -> None:
        if items:
            self.telemetry.point(CREATED, component=self.component, signal=signal).add(items)

    def held_by_all(self) -> int:
        return int(self.telemetry.total(HELD))

    def counter(self, name: str, help: str, **labels: str) -> Point:
        return self.telemetry.point(Metric(name, help), component=self.component, **labels)

    def gauge(self, name: str, help: str, read: Callable[[], float], **labels: str) -> None:
        self.telemetry.read(Metric(name, help, "gauge"), read, component=self.component, **labels)

    def refused(self, signal: Signal, reason: RefusalReason, items: int, transport: str) -> None:
        labels = {"receiver": self.component, "transport": transport}
        self.telemetry.point(REFUSED[signal], **labels).add(items)
        self.telemetry.point(REFUSED_REQUESTS, **labels, signal=signal, reason=reason).add(1)


def exposition(telemetry: Telemetry) -> str:
    """Write the metrics in Prometheus' text format 0.0.4.

    Own text, since prometheus-client appends `_total` to the names of counters, which the Collector's do not have.
    """
    lines: list[str] = []
    last: Metric | None = None
    for metric, labels, value in telemetry.samples():
        if metric is not last:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.type}"]
            last = metric
        written = ",".join(f'{key}="{_escape(text)}"' for key, text in labels)
        lines.append(f"{metric.name}{{{written}}} {value:.15g}" if written else f"{metric.name} {value:.15g}")
    return "\n".join([*lines, ""])


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
