"""What a batch becomes: documents, each with the action line that precedes it in a `_bulk` request.

How items are counted: every record of the batch (span, log record, data point) is counted exactly once, in the `items`
of one document, of one that is undeliverable, or in `dropped`.  A document that accompanies a record (a span event,
Jaeger's service document) has `items` 0 and names the record by `item`.  A metrics document stands for all data points
of its group: `items` is how many, `item` is the first of them.

    sum(document.items) + sum(refused.document.items) + sum(dropped.values()) == len(batch)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.errors import DropReason


class Document(NamedTuple):
    """One document of a bulk request: `action`, a line feed, `source`, a line feed."""

    action: bytes
    """The complete action line, without the line feed: `{"create":{"_index":"logs-generic.otel-default"}}`."""
    source: bytes
    """The document, one line of JSON without the line feed."""
    item: int
    """Position in the batch of the record that it stands for or accompanies, or of the first of several."""
    items: int
    """How many records of the batch are lost if this document is."""
    target: str
    """Where it goes: an index, a data stream or an alias."""
    id: str = ""
    """Its `_id`, by which it is known again: a 409 means that it is there already.  Empty if the backend makes one."""
    once: bool = False
    """Whether to tell the writer when it is there (`Writer.written`): it is written with each batch until then."""


new_document = tuple.__new__
"""Half the cost of calling the class: `new_document(Document, (action, source, ...))`."""


class Undeliverable(NamedTuple):
    """A document that has no place to go: sent, it would be refused and might fail the whole bulk request."""

    document: Document
    """Its action line is empty and its `target` is what was asked for."""
    reason: str


@dataclass(slots=True)
class Documents:
    """A whole batch, translated; documents are in the order of its records."""

    documents: list[Document] = field(default_factory=list)
    undeliverable: list[Undeliverable] = field(default_factory=list)
    """For the dead letter; without one they are dropped as UNSUPPORTED."""
    dropped: dict[DropReason, int] = field(default_factory=dict)
    """Records that no document can hold."""
    notes: dict[str, int] = field(default_factory=dict)
    """Why, in words for the log, with how many records each."""

    def drop(self, why: str, items: int = 1, reason: DropReason = DropReason.UNSUPPORTED) -> None:
        """Count records that the format cannot hold, or only in more bytes than there may be."""
        self.dropped[reason] = self.dropped.get(reason, 0) + items
        self.notes[why] = self.notes.get(why, 0) + items

    def counted(self) -> Mapping[str, int]:
        """Return how many records are where; together as many as the batch had."""
        return {
            "documents": sum([document.items for document in self.documents]),
            "undeliverable": sum([refused.document.items for refused in self.undeliverable]),
            "dropped": sum(self.dropped.values()),
        }
