"""Writing files and reading them back."""

import errno
import os

import orjson
import yaml

from collector.testing import FakeClock
from tests.exporters.servers import exporter


def to(path, clock=None, **config):
    return exporter("file", yaml.safe_dump({"path": str(path), **config}), clock=clock or FakeClock())


async def write(exporting, *batches):
    async with exporting.lifespan():
        for batch in batches:
            await exporting.export(batch)


def lines(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def frames(data):
    while data:
        size = int.from_bytes(data[:4], "big")
        yield data[4 : 4 + size]
        data = data[4 + size :]


def refuse(*_):
    raise OSError(errno.EIO, os.strerror(errno.EIO))
