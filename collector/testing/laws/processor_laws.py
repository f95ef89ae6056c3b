"""What holds for every processor and connector: nothing vanishes without a name."""

from __future__ import annotations

from collector.api import ProcessorFactory
from collector.batch import RECORD_SIGNALS, Batch, Signal
from collector.errors import DropReason
from collector.registry import Kind, load_factory
from collector.telemetry import HELD
from collector.testing.clock import FakeClock
from collector.testing.laws.subject import Subject, lifespan, require, run
from collector.testing.otlp import make_batch
from collector.testing.runner import Outcome, run_components
from collector.yaml_tree import Node

_ACCIDENTS = {DropReason.PLUGIN_ERROR, DropReason.SHUTDOWN_DEADLINE}


def what_is_accepted_comes_out_or_is_dropped_on_purpose(subject: Subject) -> None:
    """After draining nothing is left inside, and the books close."""
    for signal in subject.signals:
        outcome = _through(subject, signal, [make_batch(signal, 3), make_batch(signal, 5, user="alice")])
        books, held = outcome.telemetry.imbalance(signal), outcome.telemetry.total(HELD, signal=signal)
        require(books == 0, f"{signal}: {books} items vanished without a name")
        require(held == 0, f"{signal}: {held} items are still held after draining")
        accidents = _ACCIDENTS & set(outcome.dropped)
        require(not accidents, f"{signal}: items were dropped for {', '.join(accidents)}")


def the_signal_is_preserved_and_what_comes_out_is_otlp(subject: Subject) -> None:
    """The next component gets what it was connected for."""
    for signal in subject.signals:
        for batch in _through(subject, signal, [make_batch(signal, 3)]).batches:
            require(batch.signal is signal, f"{signal} came out as {batch.signal}")
            Batch.decode(signal, batch.wire)


def an_empty_batch_is_tolerated(subject: Subject) -> None:
    """Processors before it may have dropped everything but the resource."""
    for signal in subject.signals:
        for batch in (Batch(signal, wire=b""), make_batch(signal, 0)):

            async def offered(batch: Batch = batch) -> None:
                component = subject.build()
                async with lifespan(component):
                    if isinstance(subject.factory, ProcessorFactory):
                        result = component.process(batch)
                        require(not result, f"something came out of nothing: {result}")
                    else:
                        await component.consume(batch)

            run(offered)


def a_batch_shared_with_another_branch_is_left_alone(subject: Subject) -> None:
    """Wire bytes and metadata are shared by all branches of a fan-out; a processor changes only what it owns."""
    for signal in subject.signals:
        original = make_batch(signal, 3, user="alice")
        original.metadata = {"x-tenant": "alice"}
        wire, other = original.wire, original.copy()
        _through(subject, signal, [original.copy()])
        require(wire == original.wire == other.wire, f"{signal}: the other branch's bytes changed")
        require(other.metadata == {"x-tenant": "alice"}, f"{signal}: the other branch's metadata changed")


def fields_it_does_not_know_survive(subject: Subject) -> None:
    """What OTLP adds tomorrow, at any level of a request, passes through a processor of today."""
    for signal in set(subject.signals) & RECORD_SIGNALS:
        strange = _with_unknown_fields(make_batch(signal, 1))
        for batch in _through(subject, signal, [strange.copy(), strange.copy()]).batches:
            # a processor may bring records of equal parents together, so that these are there only once
            parents, left = strange.wire.count(_UNKNOWN) - 1, batch.wire.count(_UNKNOWN)
            require(left >= parents + len(batch), f"{signal}: an unknown field was lost")


def _with_unknown_fields(batch: Batch) -> Batch:
    level = [batch.request]
    for step in batch.shape.path:
        for message in level:
            message.MergeFromString(_UNKNOWN)
        level = [child for message in level for child in step(message)]
    for record in level:
        record.MergeFromString(_UNKNOWN)
    return batch


_UNKNOWN = b"\xaa\xe2\x09\x08tomorrow"
"""Field 19845, which no message of OTLP has."""


def _through(subject: Subject, signal: Signal, batches: list[Batch]) -> Outcome:
    outcomes: list[Outcome] = []

    def find(kind: Kind, type_: str, **options: object) -> object:
        return subject.factory if kind is Kind.PROCESSOR else load_factory(kind, type_)

    async def scenario() -> None:
        processors = Node({"subject": subject.settings_node()}, "example")
        outcomes.append(await run_components(processors, batches, find, FakeClock()))

    run(scenario)
    return outcomes[0]
