"""Translates batches into documents: each scope in the mode that it, its sender or the configuration chose."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from collector.batch import Batch, Signal
from collector.errors import DropReason
from exporters.elasticsearch.copies import Copies
from exporters.elasticsearch.document_config import DocumentConfig, Mode
from exporters.elasticsearch.documents import Document, Documents
from exporters.elasticsearch.ids import Ids
from exporters.elasticsearch.mapping.bodymap import BodyMap
from exporters.elasticsearch.mapping.context import Task, Tools, Translate
from exporters.elasticsearch.mapping.ecs import Ecs
from exporters.elasticsearch.mapping.jaeger import Jaeger
from exporters.elasticsearch.mapping.none import Flat
from exporters.elasticsearch.mapping.otel import Otel
from exporters.elasticsearch.origins import MAPPING_MODE
from exporters.elasticsearch.projections import Run, runs

_HEADER = "x-elastic-mapping-mode"
TOO_MUCH = "copies of their resource, one for each, would be more than 256 MiB"


class Writer:
    """Makes documents of batches, one batch at a time, without I/O; may be called from a thread.

    A signal for which a mode has no shape is written as in mode otel: logs and metrics where the mode is jaeger,
    metrics where it is none or raw, spans and metrics where it is bodymap.

    Args:
        config: which shape documents have and where they go.
        time: returns seconds since the Unix epoch, for date suffixes and for records that have no time.
    """

    def __init__(self, config: DocumentConfig, time: Callable[[], float]) -> None:
        self._config = config
        self._time = time
        self._tools = Tools(config)
        jaeger = Jaeger(self._tools)
        self._services = jaeger.services
        self._shapes: Mapping[Mode, Mapping[Signal, Translate]] = {
            Mode.OTEL: Otel(self._tools).translations(),
            Mode.ECS: Ecs(self._tools).translations(),
            Mode.NONE: Flat(self._tools, Mode.NONE).translations(),
            Mode.RAW: Flat(self._tools, Mode.RAW).translations(),
            Mode.BODYMAP: BodyMap(self._tools).translations(),
            Mode.JAEGER: jaeger.translations(),
        }

    def write(self, batch: Batch) -> Documents:
        """Translate `batch`, which stays as it is.  Raises nothing, whatever valid OTLP holds."""
        if batch.signal not in self._shapes[Mode.OTEL]:
            out = Documents()
            out.drop(f"{batch.signal} have no documents", len(batch))
            return out
        now = self._time()
        ids = Ids(batch.wire) if self._config.document_ids else None
        task = Task(ids=ids, day=self._tools.router.day(now), now=int(now * 1e9))
        chosen = self._allowed(batch.metadata.get(_HEADER, "")) or self._config.mapping.mode
        copies = Copies(batch.signal)
        for run in runs(batch):
            admitted, left_out = copies.bounded(run)
            if admitted.records:
                self._translation(run, chosen, batch.signal)(admitted, task)
            if left_out:
                task.item += left_out
                task.out.drop(TOO_MUCH, left_out, DropReason.LIMIT_ITEM)
        for group in task.groups.values():
            group.finish(task.out)
        return task.out

    def written(self, document: Document) -> None:
        """Take note that a document with `once` is there.  May be called while `write` runs in another thread."""
        self._services.written(document.target, document.id, int(self._time() * 1e9))

    def _translation(self, run: Run, mode: Mode, signal: Signal) -> Translate:
        _, scope = self._tools.origins.of(run.source)
        shapes = self._shapes[self._allowed(scope.instructions.get(MAPPING_MODE, "")) or mode]
        return shapes[signal] if signal in shapes else self._shapes[Mode.OTEL][signal]

    def _allowed(self, name: str) -> Mode | None:
        return next((mode for mode in self._config.mapping.allowed if mode == name), None)
