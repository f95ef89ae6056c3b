"""Everything a component author imports.

Five kinds of component, and the one method each has to write:

    receiver    lifespan()        hands batches to `next`
    processor   process(batch)    returns the batch to pass on, or None to drop it
    exporter    export(batch)     returns when the backend has the data
    connector   consume(batch)    ends one pipeline and feeds others
    extension   lifespan()        serves something beside the pipelines

Metrics, queueing, retries and timeouts belong to the engine; no component implements them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from collector.batch import ALL_SIGNALS, RECORD_SIGNALS, Batch, Signal
from collector.component import Clock, ComponentConfig, ComponentID, ComponentTelemetry, Counter, Settings
from collector.config_types import Duration
from collector.errors import DropReason, PermanentError, RefusalReason, RetryableError, UnauthenticatedError
from collector.parcels import Outcome, Parcel, Prepared
from collector.portions import HasIndivisible, Indivisible
from collector.records.functions import log_processor, metric_processor, span_processor
from collector.records.mapping import map_records
from collector.records.metrics import Exemplar, Metric, Point
from collector.records.views import Event, Link, LogRecord, Resource, Scope, Span

__all__ = [
    "ALL_SIGNALS",
    "RECORD_SIGNALS",
    "AnyProcessorFactory",
    "Batch",
    "BufferingProcessorFactory",
    "ClientAuthenticator",
    "Clock",
    "ComponentConfig",
    "ComponentID",
    "ComponentTelemetry",
    "ConnectorFactory",
    "Consumer",
    "Counter",
    "DropReason",
    "Duration",
    "Event",
    "Exemplar",
    "Exporter",
    "ExporterFactory",
    "ExtensionFactory",
    "HasAdmission",
    "HasDecisions",
    "HasEndpoints",
    "HasIndivisible",
    "HasLifespan",
    "HasReadiness",
    "Host",
    "Indivisible",
    "Intake",
    "Link",
    "LogRecord",
    "Metric",
    "Outcome",
    "Parcel",
    "PermanentError",
    "Point",
    "Prepared",
    "PreparingExporter",
    "Processor",
    "ProcessorFactory",
    "ReceiverFactory",
    "RefusalReason",
    "Resource",
    "RetryableError",
    "Scope",
    "ServerAuthenticator",
    "Settings",
    "Signal",
    "Span",
    "UnauthenticatedError",
    "log_processor",
    "map_records",
    "metric_processor",
    "span_processor",
]


class Consumer(Protocol):
    """Anything a batch can be handed to."""

    def admits(self, items: int, size: int) -> RetryableError | None:
        """Say whether `items` more records of `size` bytes together would be taken now.

        Synchronous and without side effects. None means yes; otherwise the refusal to raise or to answer with.
        """

    async def consume(self, batch: Batch) -> None:
        """Take over `batch`, which was admitted.

        Returns when it has been accepted: the caller may forget it.  Taking long to return is how backpressure
        travels upstream.

        Raises:
            RetryableError: not accepted; the same data may be offered again.
            PermanentError: never will be accepted.
        """


class Intake(Protocol):
    """What a receiver hands its batches to: admission, counting and every pipeline of the batch's signal."""

    signals: frozenset[Signal]
    """The signals that some pipeline takes from this receiver."""

    def admits(self, signal: Signal, items: int, size: int) -> RetryableError | None:
        """As `Consumer.admits`.  Ask before a body is read, with its announced size and no items."""

    async def consume(self, batch: Batch, *, transport: str = "") -> None:
        """Admit and hand on, all or nothing: nothing was handed on if this raises a refusal.

        Raises as `Consumer.consume`.
        """

    def refused(self, signal: Signal, reason: RefusalReason, *, transport: str = "", items: int = 0) -> None:
        """Count a request that the receiver refused itself; `items` is 0 where nobody could count them."""


class Processor(Protocol):
    """Changes, drops or passes on one batch at a time.  Does no I/O."""

    def process(self, batch: Batch) -> Batch | None:
        """Return what goes to the next component; None drops the batch.

        A large request comes in portions, one call after another, unless the processor has an attribute `indivisible`
        (see `HasIndivisible`) that says otherwise; what is returned for them is joined again.  An error in one of the
        calls costs the request.

        Ownership: `batch` is yours to change or to return as it is.
        """


class Exporter(Protocol):
    """Sends one batch to one backend."""

    async def export(self, batch: Batch) -> int | None:
        """Send `batch` once.

        Returns when the backend has acknowledged it: how many of its items the backend rejected for good (partial
        success), None for none.  May be called concurrently, and again with the same batch after it raised.

        Raises as `Consumer.consume`; any other exception is a bug and is not retried.
        """


@runtime_checkable
class PreparingExporter(Protocol):
    """An exporter that translates: each batch once, into parcels that are sent and retried on their own."""

    async def prepare(self, batch: Batch) -> Prepared:
        """Translate `batch`, which is the exporter's from now on.

        Called for one batch at a time, in the order in which the batches came, so that state may be kept.

        Raises:
            PermanentError: nothing of it can be translated.
        """

    async def send(self, parcel: Parcel) -> Outcome | None:
        """Send `parcel` once; None means that the backend has all of it.

        May be called concurrently for parcels of different lanes, and again with the same parcel after it raised.

        Raises as `Consumer.consume`; any other exception is a bug and is not retried.
        """


@runtime_checkable
class HasLifespan(Protocol):
    """Opt-in: a component that holds a socket, a client, a task or data."""

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Run the component: before `yield` it starts, after it it drains.

        Downstream components start earlier and stop later, so `next` can be used on both sides of the `yield`.
        """


@runtime_checkable
class HasAdmission(Protocol):
    """Opt-in: a processor that may say no at the front door (memory_limiter)."""

    def admits(self, items: int, size: int) -> RetryableError | None:
        """As `Consumer.admits`; the engine goes on to ask what comes next."""


@runtime_checkable
class HasReadiness(Protocol):
    """Opt-in: a component whose state makes the whole collector not ready."""

    def is_ready(self) -> bool:
        """False sends traffic elsewhere: readiness probes fail."""


@runtime_checkable
class HasDecisions(Protocol):
    """Opt-in: a component that keeps or drops whole traces and remembers why."""

    def decisions_on(self, trace_id: bytes) -> Sequence[Mapping[str, Any]]:
        """Return what was decided on the trace of this id (16 bytes), the newest last, as JSON can hold it.

        What has not been decided yet is an answer too.  Empty means that nothing is known of it here.
        """


@runtime_checkable
class HasEndpoints(Protocol):
    """Opt-in: a component that listens where a user may want to send something."""

    def endpoints(self) -> Mapping[str, str]:
        """Return what is spoken and where, such as `OTLP over gRPC` at `http://localhost:4317`.

        Asked once the component runs, so that a port that the system chose is known.
        """


@runtime_checkable
class ServerAuthenticator(Protocol):
    """An extension that receivers name under `auth: {authenticator: ID}`."""

    def authenticate(self, headers: Mapping[str, str]) -> None:
        """Return if a request with these headers (lower-case names) may come in.

        Raises:
            UnauthenticatedError: it may not.  Nothing else may be raised, whatever the headers hold.
        """


@runtime_checkable
class ClientAuthenticator(Protocol):
    """An extension that exporters name under `auth: {authenticator: ID}`."""

    def credentials(self) -> Mapping[str, str]:
        """Return the headers (lower-case names) that a request has to carry.  Asked before every request."""


C = TypeVar("C", bound=ComponentConfig)


@dataclass(frozen=True, kw_only=True)
class ReceiverFactory(Generic[C]):
    config: type[C]
    build: Callable[[C, Settings, Intake], HasLifespan]
    signals: frozenset[Signal] = ALL_SIGNALS
    aliases: tuple[str, ...] = ()
    """Former names of the type that a configuration may still use."""
    example: str = "{}"
    """YAML the documentation shows and the conformance tests run."""


@dataclass(frozen=True, kw_only=True)
class ProcessorFactory(Generic[C]):
    config: type[C]
    build: Callable[[C, Settings], Processor]
    signals: frozenset[Signal] = ALL_SIGNALS
    aliases: tuple[str, ...] = ()
    drop_reason: DropReason = DropReason.FILTERED
    """The reason under which the engine counts items that go in and do not come out."""
    example: str = "{}"


@dataclass(frozen=True, kw_only=True)
class BufferingProcessorFactory(Generic[C]):
    """For the few processors that hold data back: batch, tail_sampling, ..."""

    config: type[C]
    build: Callable[[C, Settings, Consumer], Consumer]
    signals: frozenset[Signal] = ALL_SIGNALS
    aliases: tuple[str, ...] = ()
    example: str = "{}"


@dataclass(frozen=True, kw_only=True)
class ConnectorFactory(Generic[C]):
    """Ends pipelines of one signal and feeds pipelines of another or the same.

    Built once for each signal it is given, with what comes next by the signals it makes of that.
    """

    config: type[C]
    build: Callable[[C, Settings, Mapping[Signal, Consumer]], Consumer]
    signals: Mapping[Signal, frozenset[Signal]]
    """Signal it takes -> signals it can make of it."""
    aliases: tuple[str, ...] = ()
    example: str = "{}"


@dataclass(frozen=True, kw_only=True)
class ExporterFactory(Generic[C]):
    """The engine adds `sending_queue`, `retry_on_failure` and `timeout` to `config`, and what they do."""

    config: type[C]
    build: Callable[[C, Settings], Exporter | PreparingExporter]
    signals: frozenset[Signal] = ALL_SIGNALS
    aliases: tuple[str, ...] = ()
    queue_by_default: bool = True
    """False for exporters whose backend is this process's own output."""
    timeout: float = 5.0
    """Default seconds for one attempt; 0 for none."""
    initial_interval: float = 5.0
    """Default seconds before the first retry."""
    example: str = "{}"


@dataclass(frozen=True, kw_only=True)
class ExtensionFactory(Generic[C]):
    config: type[C]
    build: Callable[[C, Settings, Host], object]
    aliases: tuple[str, ...] = ()
    example: str = "{}"


class Host(Protocol):
    """What an extension may see of the service it runs in."""

    def is_ready(self) -> bool:
        """Whether every pipeline runs and takes data: not while starting, draining, or above the memory limit."""


AnyProcessorFactory: TypeAlias = ProcessorFactory[Any] | BufferingProcessorFactory[Any]
