"""
A server that understands bulk requests as far as these tests need it: it reads NDJSON, keeps documents by id, and
answers from a script.
"""

import asyncio
import gzip
from typing import NamedTuple

import orjson

from tests.exporters.servers import TcpServer, read_request, respond

JSON = "application/json"


class Written(NamedTuple):
    """
    One document as it came.
    """

    operation: str
    index: str
    id: str
    source: bytes


def item(status=201, type_="", reason="", **more):
    error = {"error": {"type": type_, "reason": reason}} if type_ else {}
    return {"create": {"status": status, **error, **more}}


def answer(items, status=200, **headers):
    return respond(status, orjson.dumps({"items": items}), JSON, **headers)


def refusal(status, type_="", reason="", **headers):
    body = {"error": {"root_cause": [], "type": type_, "reason": reason}, "status": status}
    return respond(status, orjson.dumps(body), JSON, **headers)


def documents_in(body):
    """
    Read the lines of a request as strictly as a server does.
    """
    assert body.endswith(b"\n"), "the last line does not end"
    lines = body[:-1].split(b"\n")
    assert len(lines) % 2 == 0
    found = []
    for action, source in zip(lines[::2], lines[1::2], strict=True):
        ((operation, its),) = orjson.loads(action).items()
        found.append(Written(operation, its["_index"], its.get("_id", ""), source))
    return found


class BulkServer(TcpServer):
    """
    Each step of the script answers one bulk request: bytes, a function of its documents, or a coroutine function of
    the connection.  After the script every document is written, once for each id.
    """

    def __init__(self, script=(), info=None, product="Elasticsearch", nodes=None, refuses=None):
        super().__init__(self._answer)
        self.script = iter(script)
        self.info = {"version": {"number": "8.17.0"}} if info is None else info
        self.product = product
        self.nodes = nodes
        self.refuses = refuses or (lambda document: None)
        """What a document is answered instead of being written; None writes it."""
        self.requests = []
        self.bulks = []
        """The documents of each bulk request."""
        self.stored = []
        self.templates = {}
        self._ids = set()
        self.asked = asyncio.Event()
        """Set with each request that was read."""

    @property
    def sources(self):
        return [document.source for document in self.stored]

    def write(self, documents):
        """
        Take what may be written, and return the answer.
        """
        return answer([self._write(document) for document in documents])

    def _write(self, document):
        if refused := self.refuses(document):
            return refused
        key = (document.index, document.id)
        if document.id and key in self._ids:
            return item(409, "version_conflict_engine_exception", "document already exists")
        self._ids.add(key)
        self.stored.append(document)
        return item()

    async def _answer(self, reader, writer):
        while True:
            request = await read_request(reader)
            self.requests.append(request)
            self.asked.set()
            step = self._step(request)
            if not isinstance(step, bytes):
                await step(reader, writer)
                return
            writer.write(step)
            await writer.drain()

    def _step(self, request):
        path = request.path.partition("?")[0]
        if path.endswith("/_bulk"):
            return self._bulk(request)
        if request.method == "PUT":
            self.templates[path] = orjson.loads(_plain(request))
            return respond(200, b"{}", JSON)
        if path.endswith("/_nodes/http"):
            return respond(200, orjson.dumps({"nodes": self.nodes or {}}), JSON)
        headers = {"X_Elastic_Product": self.product} if self.product else {}
        return respond(200, orjson.dumps(self.info), JSON, **headers)

    def _bulk(self, request):
        documents = documents_in(_plain(request))
        self.bulks.append(documents)
        step = next(self.script, self.write)
        if isinstance(step, bytes) or getattr(step, "takes_connection", False):
            return step
        return step(documents)


def _plain(request):
    return gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body


def on_connection(behave):
    """
    Mark a coroutine function that does as it likes with the connection.
    """
    behave.takes_connection = True
    return behave
