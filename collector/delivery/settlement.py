"""The books of one batch on its way to a backend: every item is settled once, as sent or as dropped."""

from __future__ import annotations

from collections.abc import Mapping

from collector.api import Settings
from collector.batch import Batch, Signal
from collector.errors import ConsumeError, DropReason, PermanentError
from collector.telemetry import SEND_FAILED, SENT, Accounts, Metric, Point


class Ledger:
    """What one exporter has sent and lost; hands out the settlements of its batches."""

    def __init__(self, settings: Settings, accounts: Accounts) -> None:
        self.settings = settings
        self.accounts = accounts
        self._points: dict[tuple[str, Signal], Point] = {}

    def point(self, metric: Metric, signal: Signal) -> Point:
        """Return a metric's point, looked up by its labels only once."""
        point = self._points.get((metric.name, signal))
        if point is None:
            point = self.accounts.telemetry.point(metric, exporter=self.accounts.component)
            self._points[metric.name, signal] = point
        return point


class Settlement:
    """The items of one batch, which are held until each of them is settled.

    However often it is told, it settles no more items than there are: the books stay right even if an exporter cannot
    count.
    """

    def __init__(self, ledger: Ledger, batch: Batch) -> None:
        self._ledger = ledger
        self._signal = batch.signal
        self._size = self.left = len(batch)

    def sent(self, items: int) -> None:
        """The backend has `items` more of them."""
        items = self._take(items)
        self._ledger.point(SENT[self._signal], self._signal).value += items

    def rejected(self, dropped: Mapping[DropReason, int], message: str = "") -> None:
        """The backend answered, and will never have these of them."""
        for reason, items in dropped.items():
            if taken := self._drop(reason, items):
                settings = self._ledger.settings
                text = "%s: lost %d of %d items (%s)%s"
                settings.logger.warning(text, settings.id, taken, self._size, reason, message and f": {message}")

    def failed(self, error: ConsumeError, items: int) -> None:
        """The last attempt to send `items` of them ended in `error`."""
        reason = error.reason if isinstance(error, PermanentError) else DropReason.RETRY_EXHAUSTED
        if taken := self._drop(reason, items):
            settings = self._ledger.settings
            settings.logger.error("%s: dropping %d items (%s): %s", settings.id, taken, reason, error)
            self._ledger.point(SEND_FAILED[self._signal], self._signal).value += taken

    def cancelled(self, reason: DropReason) -> None:
        """Nobody goes on with what is left."""
        self._drop(reason, self.left)

    def _drop(self, reason: DropReason, items: int) -> int:
        taken = self._take(items)
        self._ledger.accounts.dropped(self._signal, reason, taken)
        return taken

    def _take(self, items: int) -> int:
        taken = max(min(int(items), self.left), 0)
        self.left -= taken
        self._ledger.accounts.held(self._signal, -taken)
        return taken
