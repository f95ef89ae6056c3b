"""Ties it together: batches become documents, documents requests, and answers the books."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector.api import Batch, Outcome, Parcel, Prepared, Settings, Signal
from exporters.elasticsearch.bulk import parcels
from exporters.elasticsearch.cluster import Cluster
from exporters.elasticsearch.config import ElasticsearchConfig
from exporters.elasticsearch.documents import Documents
from exporters.elasticsearch.notices import Notices
from exporters.elasticsearch.sending import Sending
from exporters.elasticsearch.server import Server
from exporters.elasticsearch.templates import templates
from exporters.elasticsearch.writer import Writer

SHORT = 0.005
"""Seconds of work that the loop stands still for; what takes longer is done in a thread.

A thread may keep the interpreter from the loop for as long anyway (`sys.getswitchinterval`), and makes translating a
fifth dearer.  Of 10 000 documents of 8 us, the loop stands still for 60 ms; in a thread, the 99th percentile of what it
answers meanwhile is 0.1 ms.
"""
FIRST_PACE = 25e-6
"""Seconds that an item is taken to need as long as nobody knows; it is 7 us for spans in mode otel, and up to 25."""
_Translated = tuple[Documents, list[Parcel]]


class ElasticsearchExporter:
    """Translates each batch once, and sends each document until the cluster has answered for it."""

    def __init__(self, config: ElasticsearchConfig, settings: Settings) -> None:
        """
        Raises:
            ConfigError: `auth` names no extension that has credentials.
        """
        self._config = config
        self._notices = Notices(settings)
        self._writer = Writer(config, settings.clock.time)
        self._cluster = Cluster(config, settings)
        self._sending = Sending(config, settings, self._cluster, self._writer.written)
        self._thread: asyncio.Future[_Translated] | None = None
        self._pace = dict.fromkeys(Signal, FIRST_PACE)
        needed = templates(config) if config.writes_templates else {}
        self._server = Server(config, settings, self._cluster, needed)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Find out about the server on the side: one that is down keeps nothing from starting."""
        self._sending.check()
        discover = self._config.discover
        async with self._cluster.lifespan(), asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._server.look())]
            if discover.on_start or discover.interval:
                running.append(tasks.create_task(self._server.discover()))
            try:
                yield
            finally:
                for task in running:
                    task.cancel()

    async def prepare(self, batch: Batch) -> Prepared:
        documents, found = await self._translated(batch)
        for why, items in documents.notes.items():
            self._notices.sometimes(why, f"{items} items are not sent: {why}")
        return Prepared(tuple(found), documents.dropped)

    async def send(self, parcel: Parcel) -> Outcome | None:
        await self._server.prepare()
        return await self._sending.attempt(parcel.content)

    async def _translated(self, batch: Batch) -> _Translated:
        """Translate what takes long in a thread; one that was given up goes on there, and the next one waits for it."""
        if self._thread and not self._thread.done():
            await asyncio.wait([self._thread])
        if len(batch) * self._pace[batch.signal] < SHORT:
            return self._translate(batch)
        self._thread = asyncio.get_running_loop().run_in_executor(None, self._translate, batch)
        return await asyncio.shield(self._thread)

    def _translate(self, batch: Batch) -> _Translated:
        started = time.thread_time()
        documents = self._writer.write(batch)
        found = parcels(documents, self._config.flush.bytes)
        if items := len(batch):
            self._pace[batch.signal] = (self._pace[batch.signal] + (time.thread_time() - started) / items) / 2
        return documents, found
