"""What stands behind a receiver in its tests: a pipeline that takes, refuses or breaks as it is told."""

import asyncio
import itertools

from collector.batch import Signal
from collector.nodes import ReceiverNode
from collector.telemetry import ACCEPTED, REFUSED, REFUSED_REQUESTS, Telemetry


class Door:
    """A `Consumer` for every signal, and the books of the receiver before it."""

    def __init__(self, signals=tuple(Signal)):
        self.batches = []
        self.refusal = None
        self.error = None
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.entered = asyncio.Event()
        self.telemetry = Telemetry()
        self.intake = ReceiverNode(self.telemetry.component("otlp"), dict.fromkeys(signals, self))

    def admits(self, items, size):
        return self.refusal

    async def consume(self, batch):
        self.entered.set()
        await self.is_open.wait()
        if self.error:
            raise self.error
        self.batches.append(batch)

    @property
    def items(self):
        return sum(map(len, self.batches))

    def accepted(self, signal=Signal.TRACES):
        return self.telemetry.total(ACCEPTED[signal])

    def refused_items(self, signal=Signal.TRACES):
        return self.telemetry.total(REFUSED[signal])

    def refused(self):
        """
        Return how many requests were refused for which reason.
        """
        labels = [dict(have) for metric, have, _ in self.telemetry.samples() if metric == REFUSED_REQUESTS]
        reasons = {have["reason"] for have in labels}
        return {reason: self.telemetry.total(REFUSED_REQUESTS, reason=reason) for reason in reasons}


async def until(condition):
    """
    Let the loop turn until something is true.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + 30
    for turn in itertools.count():
        if condition():
            return
        assert loop.time() < end, "never true"
        await asyncio.sleep(0 if turn < 1000 else 0.001)  # threads of others may need the processor
