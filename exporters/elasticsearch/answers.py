"""What a cluster says of a bulk request, and of each document in it.

Elasticsearch reference, "Bulk API": the status is 200 whatever became of the documents; `items` has an answer for each,
in their order.  Only these are looked at, never `errors`, which says nothing about anyone.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Any, NamedTuple

import orjson

from collector.errors import RetryableError
from collector.net.http_client import HttpAnswer
from collector.net.otlp_status import media_type, readable
from exporters.elasticsearch.documents import Document

FILTER = "items.*.status,items.*.failure_store,items.*.error.type,items.*.error.reason"
"""`filter_path`: all that is read, so that the answer about ten thousand documents has 300 KB, not 3 MB."""
_LONGEST_REASON = 2048
BLOCKED = "cluster_block_exception"
"""An error that passes, whatever its status: a block is 403 or 429, by its kind and version."""


class ItemAnswer(NamedTuple):
    """What is unusual about one document."""

    status: int
    type: str = ""
    """Of the error, as the server calls it."""
    reason: str = ""
    """Of the error; may quote the document."""
    in_failure_store: bool = False

    def __str__(self) -> str:
        return f"{self.type or 'refused'} ({self.status})"


class Verdict(enum.Enum):
    WRITTEN = enum.auto()
    AGAIN = enum.auto()
    """The server may take it later."""
    DUPLICATE = enum.auto()
    """Something else of the same time and dimensions is there already."""
    REFUSED = enum.auto()


def most_read(documents: int) -> int:
    """Return how many bytes an answer about so many documents may have: an error has some hundred bytes."""
    return (1 << 20) + 4096 * documents


def unusual_items(answer: HttpAnswer, sent: int) -> dict[int, ItemAnswer]:
    """Return by position what is to be said of documents that are not plainly written.

    Raises:
        RetryableError: it is not an answer to a bulk request with so many documents: nobody knows what became of them.
    """
    if not answer.is_whole:
        raise RetryableError("the answer to a bulk request is too large, or compressed badly")
    try:
        items = orjson.loads(answer.body)["items"]
        unusual = {position: found for position, entry in enumerate(items) if (found := _read(entry))}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        kind = media_type(answer.headers) or "no Content-Type"
        text = f"the server answers {answer.status} with {kind} that is not the answer to a bulk request"
        raise RetryableError(text) from None
    if len(items) != sent:
        raise RetryableError(f"the server answers for {len(items)} documents, but {sent} were sent")
    return unusual


def judge(answer: ItemAnswer, document: Document, retried: Collection[int]) -> Verdict:
    """Say what became of a document.

    Args:
        answer: what `unusual_items` found.
        document: the one that it is about.
        retried: statuses after which a document is sent again.
    """
    if answer.status <= 201 and not answer.type:
        return Verdict.WRITTEN
    if answer.status in retried or answer.type == BLOCKED:
        return Verdict.AGAIN
    if answer.status == 409:
        return Verdict.WRITTEN if document.id else Verdict.DUPLICATE
    return Verdict.REFUSED


def error_in(body: bytes) -> ItemAnswer:
    """Return what the body of a refused request says, with a status of 0; proxies say nothing that is understood."""
    try:
        return _error(0, orjson.loads(body)["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ItemAnswer(0)


def _read(entry: dict[str, dict[str, Any]]) -> ItemAnswer | None:
    """None for a document that is written, and no more to say; costs 0.3 us."""
    (result,) = entry.values()
    status = result["status"]
    if (status == 201 or status == 200) and len(result) == 1:  # noqa: PLR1714  a set costs twice as much
        return None
    if type(status) is not int or not 200 <= status <= 599:
        raise ValueError("no status")
    if error := result.get("error"):
        return _error(status, error)
    if status > 201:
        return ItemAnswer(status)
    return ItemAnswer(status, in_failure_store=True) if result.get("failure_store") == "used" else None


def _error(status: int, error: Any) -> ItemAnswer:
    if not isinstance(error, dict):  # older servers
        return ItemAnswer(status, "error", readable(str(error)))
    reason = str(error.get("reason") or "")[:_LONGEST_REASON].encode(errors="replace").decode()
    return ItemAnswer(status, readable(str(error.get("type") or "error")), reason)
