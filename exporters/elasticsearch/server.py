"""What has to be so before documents can be sent: what kind of server it is, and that its templates are there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from collector.api import RetryableError, Settings
from collector.net.http_client import HttpAnswer
from collector.net.otlp_status import readable
from exporters.elasticsearch.answers import BLOCKED, error_in
from exporters.elasticsearch.cluster import JSON, Cluster
from exporters.elasticsearch.config import ElasticsearchConfig
from exporters.elasticsearch.document_config import Flavor, Mode
from exporters.elasticsearch.notices import Notices

ASK_AGAIN = 60.0
"""Seconds after which a cluster that is not there is asked again what it is."""
_WITH_OTEL_TEMPLATES = (8, 12)
_WILL_NOT_HAVE = frozenset({400, 403, 404, 405})
"""Not 401: it refuses documents too."""
_WITHOUT_TEMPLATE = (
    "if nobody else wrote it, they get whatever mapping the first ones suggest; "
    "set manage_templates to true to wait for it, or to false if it is somebody else's"
)
_PRODUCT = "X-Elastic-Product"
_LONGEST_VERSION = 80
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})\b", re.ASCII)


class Product(NamedTuple):
    flavor: Flavor | None
    """None if it does not say that it is one of them."""
    version: str


class Server:
    """Finds out about the server, says what does not fit the configuration, and writes templates."""

    def __init__(
        self, config: ElasticsearchConfig, settings: Settings, cluster: Cluster, templates: Mapping[str, bytes]
    ) -> None:
        """
        Args:
            config: what the user expects of the server.
            settings: those of the exporter.
            cluster: whom to ask.
            templates: index templates by name, to be written before anything else is.
        """
        self._config = config
        self._clock = settings.clock
        self._cluster = cluster
        self._missing = dict(templates)
        self._turn = asyncio.Lock()
        self._notices = Notices(settings)

    async def look(self) -> None:
        """Ask what the server is until it answers; say what is wrong.  Nothing waits for this."""
        while True:
            try:
                answer = await self._cluster.get("/")
            except RetryableError:
                await self._clock.sleep(ASK_AGAIN)
            else:
                self._consider(answer)
                return

    async def discover(self) -> None:
        """Use the nodes of the cluster, from the start or after an interval, and again after each further one."""
        interval = self._config.discover.interval
        if not self._config.discover.on_start:
            await self._clock.sleep(interval)
        while True:
            found = await self._discover_once()
            if interval or not found:
                await self._clock.sleep(interval or ASK_AGAIN)
            else:
                return

    async def prepare(self) -> None:
        """Return when the templates are there: what is written before has the wrong mapping until it is deleted.

        If they were not asked for and the server will not have them, documents go without: they may be there already,
        written by somebody who may.

        Raises:
            RetryableError: they cannot be written; if they were asked for, also if that is not allowed, since somebody
                may allow it.
        """
        if not self._missing:
            return
        async with self._turn:
            for name, template in list(self._missing.items()):
                await self._write_template(name, template)
                del self._missing[name]

    async def _write_template(self, name: str, template: bytes) -> None:
        answer = await self._cluster.post(f"/_index_template/{name}", template, JSON, method="PUT")
        if answer.status >= 300:
            found = error_in(answer.body)
            said = f"HTTP {answer.status} {found.type} {found.reason}".strip()
            text = readable(f"index template {name} cannot be written: {said}")
            will_not_have = answer.status in _WILL_NOT_HAVE and found.type != BLOCKED
            if self._config.manage_templates is None and will_not_have:
                self._notices.once(f"template {name}", f"{text}; documents are sent all the same: {_WITHOUT_TEMPLATE}")
                return
            self._notices.sometimes("template", text)
            raise RetryableError(text)

    async def _discover_once(self) -> bool:
        try:
            found = await self._cluster.discover()
        except RetryableError as error:
            self._notices.sometimes("discover", f"the nodes of the cluster are not known: {error}")
            return False
        if not found:
            self._notices.sometimes("discover", "the cluster does not say which nodes it has; those given are used")
        return True

    def _consider(self, answer: HttpAnswer) -> None:
        if answer.status >= 300:
            text = f"the version of the server cannot be read: HTTP {answer.status}; it takes the privilege monitor"
            self._notices.once("version", text)
            return
        product = product_of(answer)
        for text in mistakes(product, self._config):
            self._notices.once(text, text)


def product_of(answer: HttpAnswer) -> Product:
    """Read the answer to `GET /`: Elasticsearch names itself in a header, OpenSearch as a distribution."""
    try:
        version: Any = orjson.loads(answer.body)["version"]
        number, distribution = readable(str(version["number"])[:_LONGEST_VERSION]), version.get("distribution")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        number, distribution = "", None
    if distribution == "opensearch":
        return Product(Flavor.OPENSEARCH, number)
    is_known = answer.headers.get(_PRODUCT) == "Elasticsearch" or number.startswith("7.")
    return Product(Flavor.ELASTICSEARCH if is_known else None, number)


def mistakes(product: Product, config: ElasticsearchConfig) -> list[str]:
    """Return what about the configuration does not fit the server."""
    if product.flavor is None:
        return ["the server does not say that it is Elasticsearch or OpenSearch; is the endpoint right?"]
    name = f"the server is {product.flavor} {product.version}".strip()
    if product.flavor is not config.flavor:
        return [f"{name}: set flavor: {product.flavor}; until then it may refuse documents, or map them wrongly"]
    if config.mapping.mode is not Mode.OTEL or _has_otel_templates(product, config):
        return []
    lack = "has no index templates for mapping mode otel"
    if product.flavor is Flavor.OPENSEARCH:
        lack += ": documents get whatever mapping the first ones suggest; set manage_templates: true"
    else:
        lack += ", and may refuse its documents; it has them from 8.12 on"
    return [f"{name}, which {lack}, or set another mapping::mode"]


def _has_otel_templates(product: Product, config: ElasticsearchConfig) -> bool:
    if product.flavor is Flavor.OPENSEARCH:
        return config.writes_templates
    numbers = _VERSION.match(product.version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= _WITH_OTEL_TEMPLATES
