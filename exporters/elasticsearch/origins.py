"""Resources and scopes, read once for all records that they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collector.records.text import as_text
from collector.records.values import read_pair
from exporters.elasticsearch.fragments import Memory

INDEX = "elasticsearch.index"
DOCUMENT_ID = "elasticsearch.document_id"
DOCUMENT_PIPELINE = "elasticsearch.document_pipeline"
MAPPING_HINTS = "elasticsearch.mapping.hints"
MAPPING_MODE = "elastic.mapping.mode"
DATA_STREAM = "data_stream."
_INSTRUCTIONS = frozenset({INDEX, DOCUMENT_ID, DOCUMENT_PIPELINE, MAPPING_HINTS, MAPPING_MODE})


def is_instruction(key: str) -> bool:
    """Whether an attribute says where or how a record is to be written, and is thus no part of it."""
    return key.startswith(DATA_STREAM) or key in _INSTRUCTIONS


class Attributes(NamedTuple):
    """Attributes as plain values, apart from those that are instructions."""

    plain: dict[str, Any]
    instructions: dict[str, str]


def read_attributes(pairs: Iterable[bytes]) -> Attributes:
    """Read serialised `KeyValue`s.  Of several with the same key, the last one counts."""
    plain: dict[str, Any] = {}
    instructions: dict[str, str] = {}
    for key, value in map(read_pair, pairs):
        if is_instruction(key):
            instructions[key] = as_text(value)
        else:
            plain[key] = value
    return Attributes(plain, instructions)


@dataclass(frozen=True, slots=True)
class Origin:
    """A resource or a scope."""

    attributes: Mapping[str, Any]
    instructions: Mapping[str, str]
    dropped_attributes_count: int
    schema_url: str
    name: str = ""
    version: str = ""


class Source(NamedTuple):
    """What tells two scopes apart: everything around a record."""

    resource: bytes
    resource_schema: bytes
    scope: bytes
    scope_schema: bytes


class Origins:
    """Reads and remembers resources and scopes."""

    def __init__(self) -> None:
        self._resources = Memory(_resource, 1024)
        self._scopes = Memory(_scope, 1024)

    def of(self, source: Source) -> tuple[Origin, Origin]:
        """Return resource and scope."""
        return self._resources[source[:2]], self._scopes[source[2:]]


def _resource(source: tuple[bytes, ...]) -> Origin:
    message = Resource.FromString(source[0])
    return _origin(message, source[1])


def _scope(source: tuple[bytes, ...]) -> Origin:
    message = InstrumentationScope.FromString(source[0])
    return _origin(message, source[1], name=message.name, version=message.version)


def _origin(message: Any, schema: bytes, **fields: str) -> Origin:
    attributes = read_attributes([pair.SerializeToString() for pair in message.attributes])
    return Origin(
        attributes.plain, attributes.instructions, message.dropped_attributes_count, schema.decode(), **fields
    )
