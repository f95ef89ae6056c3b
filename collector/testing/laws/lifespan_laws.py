"""What holds for whoever holds a socket, a task or data."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

from collector.api import HasEndpoints
from collector.testing.laws.subject import Subject, lifespan, require, run


def a_lifespan_can_be_entered_again_and_leaves_no_task(subject: Subject) -> None:
    """What a restart of a pipeline does."""

    async def twice() -> None:
        component = subject.build()
        for _ in range(2):
            async with lifespan(component):
                pass

    run(twice)


def two_of_a_kind_run_side_by_side(subject: Subject) -> None:
    """`batch` and `batch/slow` in one configuration; what only one can have, such as a file, is refused in words."""

    async def both() -> None:
        async with lifespan(subject.build()):
            with suppress(OSError):
                async with lifespan(subject.build()):
                    pass

    run(both)


def who_listens_stops_listening(subject: Subject) -> None:
    """Its port is free again once it has stopped."""

    async def scenario() -> None:
        component = subject.build()
        async with lifespan(component):
            addresses = _addresses(component)
            deaf = [address for address in addresses if not await _answers(*address)]
        left = [address for address in addresses if await _answers(*address)]
        require(not deaf, f"nobody listens on {deaf}")
        require(not left, f"somebody still listens on {left}")

    run(scenario)


def _addresses(component: object) -> list[tuple[str, int]]:
    urls = component.endpoints().values() if isinstance(component, HasEndpoints) else ()
    return [(url.hostname, url.port) for url in map(urlsplit, urls) if url.hostname and url.port]


async def _answers(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
