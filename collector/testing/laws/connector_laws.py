"""What holds for every connector."""

from __future__ import annotations

from collector.batch import Batch, Signal
from collector.testing.fakes import Sink
from collector.testing.laws.subject import Subject, lifespan, require, run
from collector.testing.otlp import make_batch


def a_connector_makes_what_it_says(subject: Subject) -> None:
    """Each pipeline that it feeds gets its own signal, also where nothing or little is to be made of what came."""
    for taken in subject.signals:

        async def fed(taken: Signal = taken) -> None:
            sinks = {made: Sink() for made in subject.factory.signals[taken]}
            connector = subject.build(next_=sinks)
            async with lifespan(connector):
                for batch in (make_batch(taken, 3), make_batch(taken, 0), Batch(taken, wire=b"")):
                    await connector.consume(batch)
            strange = [(made, b.signal) for made, sink in sinks.items() for b in sink.batches if b.signal is not made]
            require(not strange, f"made of {taken}: {strange}")

        run(fed)
