"""Serve a few small pages of the collector's own: health, metrics."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from collector.net.endpoint import Endpoint
from collector.net.http_server import Deadlines, Respond, Server, serve

_DEADLINES = Deadlines(body=5.0, write=10.0)
_GRACE = 1.0
"""Seconds that a request for a page may hold up stopping."""


def serve_pages(respond: Respond, endpoint: Endpoint) -> AbstractAsyncContextManager[Server]:
    """Answer requests for as long as the block lasts.

    Raises:
        OSError: nothing can listen there; says why.
    """
    return serve(respond, endpoint, deadlines=_DEADLINES, grace=_GRACE)
