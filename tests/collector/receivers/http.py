"""
Requests over HTTP, down to their bytes.
"""

import asyncio
import json

from google.rpc.status_pb2 import Status

from collector.net.otlp_json.scalars import varint
from collector.testing import make_batch

PROTOBUF, JSON = "application/x-protobuf", "application/json"
HTTP = "{http: {endpoint: 'localhost:0'}}"
SPANS = make_batch(items=3)


def status_of(answer):
    """
    Return the google.rpc.Status in the body, in either encoding.
    """
    body = answer.body
    if answer.content_type == JSON:
        parsed = json.loads(body)
        return Status(code=parsed["code"], message=parsed["message"])
    assert PROTOBUF == answer.content_type
    return Status.FromString(body)


def padded(size):
    """
    Return a request of so many bytes, most of them in a field that OTLP does not have.
    """
    for rest in range(size - len(SPANS.wire), 0, -1):
        wire = SPANS.wire + unknown_field(19845, bytes(rest))
        if len(wire) == size:
            return wire
    raise AssertionError("there is no such request")


def unknown_field(number, value):
    tag, length = varint(number << 3 | 2), varint(len(value))
    return tag + length + value


def raw(body, headers=b"", length=None):
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    size = len(body) if length is None else length
    return head + headers + b"Content-Length: %d\r\n\r\n" % size + body


async def connect(otlp):
    return await asyncio.open_connection("localhost", otlp.receiver.http.endpoint.port)


async def exchange(otlp, data):
    """
    Send bytes and nothing more; return what comes until it ends, or nothing comes any more.
    """
    reader, writer = await connect(otlp)
    writer.write(data)
    received = b""
    try:
        async with asyncio.timeout(5):
            while not received.count(b"\r\n\r\n") >= max(1, data.count(b"HTTP/1.1\r\n")) and (
                part := await reader.read(1000)
            ):
                received += part
    finally:
        writer.close()
    return received
