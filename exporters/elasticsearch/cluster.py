"""One HTTP request to any node of a cluster that answers, and what the cluster says about itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson

from collector.api import Settings
from collector.errors import RetryableError
from collector.net.http_client import MOST_READ, HttpAnswer, HttpClient
from exporters.elasticsearch.addresses import is_url
from exporters.elasticsearch.config import ElasticsearchConfig
from exporters.elasticsearch.nodes import Nodes

JSON = "application/json"
NDJSON = "application/x-ndjson"
"""What every version of Elasticsearch and OpenSearch takes; requests of bulk are the same in all of them."""
PATIENCE = 10.0
"""Seconds that a question about the cluster may take; it has no attempt around it that is bounded."""
_MASTER = ("master", "cluster_manager", "voting_only")
"""What Elasticsearch and OpenSearch call it."""
_MOST_NODES = 4 << 20
"""Bytes read of a list of nodes: a cluster of a thousand has less."""
_ADDRESS = re.compile(r"(\[[0-9a-f:.]+\]|([\w-]{1,63}\.)*[\w-]{1,63}):\d{1,5}", re.ASCII | re.IGNORECASE)
"""A host and a port; no user, path or query, with which requests would go where nobody wants them."""


class Cluster:
    """Whoever of the nodes is there."""

    def __init__(self, config: ElasticsearchConfig, settings: Settings) -> None:
        """
        Raises:
            ConfigError: `auth` names no extension that has credentials.
        """
        self.nodes = Nodes(config.addresses(), settings.clock)
        self._scheme = self.nodes.urls[0].partition("://")[0]
        self._client = HttpClient(config.client(), settings)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with self._client.lifespan():
            yield

    async def post(
        self, path: str, body: bytes, content_type: str, *, method: str = "POST", most_read: int = MOST_READ
    ) -> HttpAnswer:
        """Send `body` to the next node, or to those after it if no answer comes from there.

        Raises:
            RetryableError: none of them answered.
        """

        async def ask(url: str) -> HttpAnswer:
            return await self._client.post(url + path, body, content_type, method=method, most_read=most_read)

        return await self._first_answer(ask)

    async def get(self, path: str, *, most_read: int = MOST_READ) -> HttpAnswer:
        """As `post`, without a body; waits for `PATIENCE` at most."""

        async def ask(url: str) -> HttpAnswer:
            return await self._client.get(url + path, most_read=most_read)

        try:
            async with asyncio.timeout(PATIENCE):
                return await self._first_answer(ask)
        except TimeoutError:
            raise RetryableError(f"no answer within {PATIENCE} s") from None

    async def discover(self) -> bool:
        """Ask for the nodes of the cluster and use them from now on; say whether that was answered.

        Raises:
            RetryableError: no node answered.
        """
        answer = await self.get("/_nodes/http", most_read=_MOST_NODES)
        urls = nodes_in(answer.body, self._scheme) if answer.status == 200 and answer.is_whole else []
        self.nodes.replace(urls)
        return bool(urls)

    async def _first_answer(self, ask: Callable[[str], Awaitable[HttpAnswer]]) -> HttpAnswer:
        refusal = RetryableError("there is no node")
        for node in self.nodes:
            try:
                answer = await ask(node.url)
            except RetryableError as error:
                self.nodes.failed(node)
                refusal = error
            except asyncio.CancelledError:  # it may be this node that the attempt waited for in vain
                self.nodes.failed(node)
                raise
            else:
                self.nodes.answered(node)
                return answer
        raise refusal


def nodes_in(body: bytes, scheme: str) -> list[str]:
    """Return the URLs of the nodes in an answer to `GET /_nodes/http` that take documents; empty if it is none.

    Elasticsearch reference, "Nodes info API": nodes that are master and nothing else should not be sent documents, and
    one without any role coordinates.  `publish_address` is ADDRESS:PORT, or NAME/ADDRESS:PORT if the node was given a
    name, which is then what its certificate has.
    """
    try:
        nodes = orjson.loads(body)["nodes"].values()
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    found = [_address(node) for node in nodes if isinstance(node, Mapping) and not _is_master_only(node)]
    return [url for address in found if _ADDRESS.fullmatch(address) and is_url(url := f"{scheme}://{address}")]


def _is_master_only(node: Mapping[str, Any]) -> bool:
    roles = node.get("roles")
    return isinstance(roles, list) and bool(roles) and all(role in _MASTER for role in roles)


def _address(node: Mapping[str, Any]) -> str:
    http = node.get("http")
    published = http.get("publish_address") if isinstance(http, Mapping) else None
    if not isinstance(published, str):
        return ""
    name, slash, address = published.rpartition("/")
    return f"{name}:{address.rpartition(':')[2]}" if slash and name else address
