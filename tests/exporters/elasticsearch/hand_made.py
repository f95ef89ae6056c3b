"""
Documents made by hand, for tests of what becomes of any document.
"""

import orjson
import yaml

from collector.api import Prepared
from collector.testing import settings
from exporters.elasticsearch.bulk import parcels
from exporters.elasticsearch.cluster import Cluster
from exporters.elasticsearch.config import ElasticsearchConfig
from exporters.elasticsearch.documents import Document, Documents
from exporters.elasticsearch.sending import Sending


def document(item=0, *, items=1, id="", source=None, target="logs", **more):
    its = {"_index": target, **({"_id": id} if id else {})}
    text = orjson.dumps({"n": item}) if source is None else source
    return Document(orjson.dumps({"create": its}), text, item, items, target, id, **more)


def config_of(text="{}", port=9200, **its):
    given = {"endpoint": f"http://127.0.0.1:{port}", **yaml.safe_load(text), **its}
    return ElasticsearchConfig.model_validate(given)


class HandMade:
    """
    A translating exporter without the translation: it sends the documents that it was built with for any batch.
    """

    def __init__(self, documents, config, engine=None):
        self.documents = documents if isinstance(documents, Documents) else Documents(list(documents))
        self.config = config
        self.engine = engine or settings("elasticsearch")
        self.cluster = Cluster(config, self.engine)
        self.written = []
        self.sending = Sending(config, self.engine, self.cluster, self.written.append)

    async def prepare(self, batch=None):
        return Prepared(tuple(parcels(self.documents, self.config.flush.bytes)), self.documents.dropped)

    async def send(self, parcel):
        return await self.sending.attempt(parcel.content)

    async def attempt(self):
        """
        Send everything once, in one parcel; return the outcome.
        """
        (parcel,) = (await self.prepare()).parcels
        async with self.cluster.lifespan():
            return await self.send(parcel)


async def attempt(server, documents, text="{}", clock=None, **its):
    """
    Send documents once to a server that is started for it; return the outcome.
    """
    async with server.running():
        engine = settings("elasticsearch", clock)
        return await HandMade(documents, config_of(text, server.port, **its), engine).attempt()
