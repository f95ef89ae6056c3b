"""The nodes of a cluster: used in turn, left alone for a while after a failure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from collector.api import Clock

# The rule of Elasticsearch's own clients: a dead node is tried again after 60 s, twice as long after each further
# failure, and never later than after 32 minutes
_FIRST_REST = 60.0
_MOST_DOUBLINGS = 5


@dataclass
class Node:
    url: str
    """Without a slash at the end."""
    failures: int = 0
    """One after another; 0 for a node that is alive."""
    due: float = 0.0
    """When a dead node may be tried again, on the monotonic clock; 0 for one that is alive."""


class Nodes:
    """Hands out nodes in turn; one that failed is left out until it is due, unless all did.

    Those that were given first are gone back to when all that replaced them have failed: a cluster may name addresses
    of a network that is not reached from here, or have moved since.
    """

    def __init__(self, urls: Iterable[str], clock: Clock) -> None:
        self._clock = clock
        self._given = [Node(url) for url in dict.fromkeys(urls)]
        self._nodes = self._given
        self._turn = 0

    def __iter__(self) -> Iterator[Node]:
        """Yield the nodes that one attempt may try: the next in turn, and if it fails the ones after it, each once.

        If no node is alive, that is only the one that is due soonest.
        """
        first = self._turn
        self._turn += 1
        usable = self._usable(self._nodes) or self._usable(self._given)
        if not usable:
            usable = [min([*self._nodes, *self._given], key=lambda node: node.due)]
        for step in range(len(usable)):
            yield usable[(first + step) % len(usable)]

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(node.url for node in self._nodes)

    def failed(self, node: Node) -> None:
        """Leave `node` out for 60 s, twice as long after each further failure.

        Requests that were under way together fail together, and that is one failure.
        """
        now = self._clock.monotonic()
        if node.due <= now:
            node.failures += 1
        node.due = now + _FIRST_REST * 2 ** min(node.failures - 1, _MOST_DOUBLINGS)

    def answered(self, node: Node) -> None:
        """Whatever it said: it is alive."""
        node.failures, node.due = 0, 0.0

    def replace(self, urls: Iterable[str]) -> None:
        """Use these from now on; what is known of those that stay is kept.  An empty list changes nothing."""
        known = {node.url: node for node in (*self._given, *self._nodes)}
        if found := [known.get(url) or Node(url) for url in dict.fromkeys(urls)]:
            self._nodes = found

    def _usable(self, nodes: list[Node]) -> list[Node]:
        now = self._clock.monotonic()
        return [node for node in nodes if node.due <= now]
