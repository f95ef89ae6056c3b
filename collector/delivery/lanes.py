"""Who is next: whoever has to be sent in order waits for those before it, and for nobody else."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Turn:
    """A place in a lane's line.  `async with` waits until it is first and gives way to the next one at the end.

    Whoever leaves without having had its turn has to `give_way`, or nobody behind it ever has one.
    """

    def __init__(self, before: asyncio.Future[None] | None) -> None:
        self._before = before
        self.is_over = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> None:
        if self._before and not self._before.done():
            await asyncio.wait([self._before])
        self._before = None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.give_way()

    def give_way(self) -> None:
        """Let the next one have its turn, once those before this one have had theirs."""
        if self.is_over.done():
            return
        if self._before and not self._before.done():
            self._before.add_done_callback(lambda _: self.give_way())
        else:
            self.is_over.set_result(None)


class Lanes:
    """The lines of one exporter."""

    def __init__(self) -> None:
        self._last: dict[int, asyncio.Future[None]] = {}

    def line_up(self, lane: int) -> Turn:
        """Return the last place in a lane: the order of calls is the order of turns."""
        turn = Turn(self._last.get(lane))
        self._last[lane] = turn.is_over
        turn.is_over.add_done_callback(lambda over: self._forget(lane, over))
        return turn

    def _forget(self, lane: int, over: asyncio.Future[None]) -> None:
        if self._last.get(lane) is over:
            del self._last[lane]
