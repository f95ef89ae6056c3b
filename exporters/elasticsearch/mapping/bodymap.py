"""Mode bodymap: the body of a log record, which has to be a map, is the document.

To it are added, where it has no such field itself: `@timestamp`, without which a data stream takes nothing, and
`trace_id` and `span_id`, without which nobody finds the trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.batch import Signal
from collector.records.values import read_value
from exporters.elasticsearch.document_config import Mode
from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.json_values import value_json
from exporters.elasticsearch.mapping.context import Place, PlaceKey, Task, Tools, Translate
from exporters.elasticsearch.mapping.layout import without_metadata
from exporters.elasticsearch.mapping.times import rfc3339
from exporters.elasticsearch.origins import read_attributes
from exporters.elasticsearch.projections import AnyValue, LogRecord, Run
from exporters.elasticsearch.routing import deliver

NO_MAP = "the body of a log record is no map"


class BodyMap:
    """Writes log records in mode bodymap."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._places = Memory(self._place, 1024)

    def translations(self) -> Mapping[Signal, Translate]:
        return {Signal.LOGS: self._write_logs}

    def _place(self, key: PlaceKey) -> Place:
        return self._tools.place(Mode.BODYMAP, key)

    def _write_logs(self, run: Run, task: Task) -> None:
        place = self._places[run.source, task.day]
        for record in run.records:
            self._log(record, place, task)
            task.item += 1

    def _log(self, record: bytes, place: Place, task: Task) -> None:
        log = LogRecord.FromString(record)
        body = read_value(AnyValue.FromString(log.body))
        if not isinstance(body, dict):
            task.out.drop(NO_MAP)
            return
        instructions = read_attributes(log.attributes).instructions
        time = log.time_unix_nano or log.observed_time_unix_nano
        id = self._tools.router.id_in("logs", instructions)
        if not id and task.ids:
            id = (task.ids.of_record if time else task.ids.of_nameless)(place.seed, record)
        renamed = without_metadata(body)
        named = {renamed.get(key, key): value for key, value in body.items()} if renamed else body
        source = value_json({**named, **_missing(body, log, time or task.now)}).encode()
        deliver(task.out, place.route("logs", instructions), source, task.item, id)


def _missing(body: Mapping[str, Any], log: Any, time: int) -> dict[str, Any]:
    there = {"@timestamp": rfc3339(time), "trace_id": log.trace_id.hex(), "span_id": log.span_id.hex()}
    return {name: value for name, value in there.items() if value and name not in body}
