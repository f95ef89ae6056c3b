"""Log lines that a failing cluster cannot make a flood of."""

from __future__ import annotations

from collector.api import Settings

INTERVAL = 10.0
"""Seconds between two lines about the same thing."""
_MOST_TOPICS = 200
"""A server names its errors as it likes; those beyond share one topic."""


class Notices:
    """Says each thing once, or once in a while with how often it was left unsaid."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._unsaid: dict[str, tuple[float, int]] = {}
        """When each topic was last spoken of, and how often it came up since."""

    def once(self, topic: str, text: str) -> None:
        """Warn, the first time."""
        if topic not in self._unsaid:
            self._unsaid[topic] = (0.0, 0)
            self._settings.logger.warning("%s: %s", self._settings.id, text)

    def sometimes(self, topic: str, text: str, interval: float = INTERVAL) -> None:
        """Warn, unless that was done for this topic in the last `interval` seconds."""
        if topic not in self._unsaid and len(self._unsaid) >= _MOST_TOPICS:
            topic = ""
        now = self._settings.clock.monotonic()
        said, unsaid = self._unsaid.get(topic, (now - interval, 0))
        if now - said < interval:
            self._unsaid[topic] = (said, unsaid + 1)
            return
        self._unsaid[topic] = (now, 0)
        more = f" (and {unsaid} more times since the last line like this)" if unsaid else ""
        self._settings.logger.warning("%s: %s%s", self._settings.id, text, more)
