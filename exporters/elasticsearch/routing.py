"""Where documents go, by what a record, its scope and its resource say.

The first that applies: the index that the configuration names; the attribute `elasticsearch.index`; a data stream named
`TYPE-DATASET-NAMESPACE` by the attributes `data_stream.dataset` and `data_stream.namespace`, by the receiver that the
scope is named after, or by default.  Elastic documentation, "Data stream naming scheme".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from exporters.elasticsearch.document_config import DocumentConfig, Flavor, Mode
from exporters.elasticsearch.documents import Document, Documents, Undeliverable, new_document
from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.index_names import mistake_in
from exporters.elasticsearch.json_values import dumps
from exporters.elasticsearch.origins import DOCUMENT_ID, DOCUMENT_PIPELINE, INDEX

_RECEIVER = re.compile(r"/receiver/(\w*receiver)")
_NOT_IN_DATASET = re.compile(r'[-\\/*?"<>| ,#:\x00-\x1f\x7f]')
_NOT_IN_NAMESPACE = re.compile(r'[\\/*?"<>| ,#:\x00-\x1f\x7f]')
_LONGEST_PART = 100
_LONGEST_ID = 512
_OTEL_SUFFIX = ".otel"
_BODYMAP_TYPES = frozenset({"logs", "metrics"})


class DataStream(NamedTuple):
    type: str
    dataset: str
    namespace: str

    @property
    def name(self) -> str:
        return f"{self.type}-{self.dataset}-{self.namespace}"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a document goes and how its action line begins."""

    target: str
    head: str
    """The action line without its end `}}`."""
    mistake: str = ""
    """Why there can be no such index."""

    member: str = ""
    """The field `data_stream` of a document as a member of a JSON object, followed by a comma; or nothing."""
    data_stream_fields: Mapping[str, str] = field(default_factory=dict)
    """The same as JSON values by their dotted names."""


class _Question(NamedTuple):
    type: str
    mode: Mode
    day: str
    named: str
    dataset: str
    namespace: str
    pipeline: str


class Router:
    """Finds the routes of records, and remembers them."""

    def __init__(self, config: DocumentConfig) -> None:
        self._static = {"logs": config.logs_index, "metrics": config.metrics_index, "traces": config.traces_index}
        self._dates = config.logstash_format
        self._pipeline = config.pipeline
        self._has_dynamic_pipeline = config.logs_dynamic_pipeline.enabled
        self._dynamic_ids = {"logs": config.logs_dynamic_id.enabled, "traces": config.traces_dynamic_id.enabled}
        self._requires_data_streams = config.flavor is Flavor.ELASTICSEARCH
        self._routes = Memory(self._route, 4096)

    def day(self, now: float) -> str:
        """Return what is appended to index names at a time, in seconds since the Unix epoch."""
        if not self._dates.enabled:
            return ""
        return self._dates.prefix_separator + datetime.fromtimestamp(now, UTC).strftime(self._dates.date_format)

    def route(self, type: str, mode: Mode, day: str, instructions: Mapping[str, str], scope_name: str) -> Route:
        """Return the route of a record.

        Args:
            type: logs, metrics or traces.
            mode: the shape of its document.
            day: as returned by `day`.
            instructions: attributes of the record, else of its scope, else of its resource.
            scope_name: may be that of a receiver.
        """
        dataset = instructions.get("data_stream.dataset", "")
        if not dataset and (receiver := _RECEIVER.search(scope_name)):
            dataset = receiver[1]
        if mode is Mode.BODYMAP and instructions.get("data_stream.type") in _BODYMAP_TYPES:
            type = instructions["data_stream.type"]
        return self._routes[
            _Question(
                type,
                mode,
                day,
                self._static[type] or instructions.get(INDEX, ""),
                dataset or "generic",
                instructions.get("data_stream.namespace") or "default",
                self._pipeline_of(type, instructions),
            )
        ]

    def fixed(self, target: str, action: str) -> Route:
        """Return the route to an index that no record has a say in.

        Args:
            target: its name.
            action: create or index.
        """
        pipeline = f',"pipeline":{dumps(self._pipeline)}' if self._pipeline else ""
        return Route(target, f'{{"{action}":{{"_index":{dumps(target)}{pipeline}', mistake_in(target))

    def id_in(self, type: str, instructions: Mapping[str, str]) -> str:
        """Return the id that a record asks for, if that is allowed."""
        return instructions.get(DOCUMENT_ID, "") if self._dynamic_ids.get(type) else ""

    def _pipeline_of(self, type: str, instructions: Mapping[str, str]) -> str:
        asked_for = instructions.get(DOCUMENT_PIPELINE, "") if type == "logs" and self._has_dynamic_pipeline else ""
        return asked_for or self._pipeline

    def _route(self, asked: _Question) -> Route:
        stream = None if asked.named else _data_stream(asked)
        target = (asked.named or (stream.name if stream else "")) + asked.day
        head = f'{{"create":{{"_index":{dumps(target)}'
        if asked.pipeline:
            head += f',"pipeline":{dumps(asked.pipeline)}'
        # An index with a date is no data stream, and of one that somebody named nobody knows what it is
        if stream and asked.mode is Mode.OTEL and self._requires_data_streams and not asked.day:
            head += ',"require_data_stream":true'
        fields = {} if stream is None else dict(stream._asdict())
        return Route(
            target,
            head,
            mistake_in(target),
            f'"data_stream":{dumps(fields)},' if fields else "",
            {f"data_stream.{name}": dumps(value) for name, value in fields.items()},
        )


def _data_stream(asked: _Question) -> DataStream:
    suffix = _OTEL_SUFFIX if asked.mode is Mode.OTEL else ""
    dataset = _NOT_IN_DATASET.sub("_", asked.dataset.lower())
    dataset = _cut(dataset.removesuffix(suffix), _LONGEST_PART - len(suffix)) + suffix
    namespace = _cut(_NOT_IN_NAMESPACE.sub("_", asked.namespace.lower()), _LONGEST_PART)
    return DataStream(asked.type, dataset, namespace)


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


def deliver(
    out: Documents, route: Route, source: bytes, item: int, id: str = "", *, items: int = 1, more: str = ""
) -> None:
    """Add a document, where its route leads somewhere.

    Args:
        out: what is added to.
        route: where it goes.
        source: the document.
        item: the record that it stands for.
        id: its `_id`; empty for none.
        items: how many records it stands for.
        more: further members of the action line, each with a comma before it.
    """
    if route.mistake or len(id) > _LONGEST_ID // 4:
        mistake = route.mistake or _mistake_in_id(id)
        if mistake:
            out.undeliverable.append(Undeliverable(Document(b"", source, item, items, route.target, id), mistake))
            return
    if id.isalnum():
        action = f'{route.head},"_id":"{id}"{more}}}}}'.encode()
    else:
        own = f',"_id":{dumps(id)}' if id else ""
        action = f"{route.head}{own}{more}}}}}".encode()
    out.documents.append(new_document(Document, (action, source, item, items, route.target, id, False)))


def _mistake_in_id(id: str) -> str:
    # Bulk API: an id that is too long is a mistake of the whole request
    return (
        f"the document id {id[:80]!r}... is longer than {_LONGEST_ID} bytes" if len(id.encode()) > _LONGEST_ID else ""
    )
