"""Say in the log when something holds up the event loop, and what: a plugin that waits for a server, most often.

Meanwhile nothing is received, sent, measured or stopped, and without this nothing would tell why.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

_FRAMES = 5
"""How many functions are named, from the innermost one on."""


class Watchdog:
    """Asks the running loop for a sign of life now and again, from a thread of its own."""

    def __init__(self, *, interval: float = 1.0, patience: int = 5) -> None:
        """
        Args:
            interval: seconds between two looks.
            patience: how many looks in a row may find the loop held up before that is told.
        """
        self._interval = interval
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._has_answered = True
        self._stopped = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch for as long as the block lasts."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        try:
            yield
        finally:
            self._stopped.set()

    def _watch(self) -> None:
        held_up = 0
        while not self._stopped.wait(self._interval):
            if not self._has_answered:
                held_up += 1
                if held_up == self._patience:
                    text = "the event loop is held up for %g s already, and with it everything, in %s"
                    logger.error(text, held_up * self._interval, self._where())
                continue
            if held_up >= self._patience:
                logger.error("the event loop goes on, after %g s", held_up * self._interval)
            held_up, self._has_answered = 0, False
            self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._has_answered = True

    def _where(self) -> str:
        """Name the functions that the loop is in: `lookup.py:12 (ask), lookup.py:20 (process), ...`."""
        frame = sys._current_frames().get(self._watched)  # noqa: SLF001  documented, if for debuggers
        stack = reversed(traceback.extract_stack(frame, limit=None)[-_FRAMES:])
        return ", ".join(f"{Path(each.filename).name}:{each.lineno} ({each.name})" for each in stack)
