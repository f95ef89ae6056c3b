"""One attempt to bring a parcel to the cluster: decided for each document, whatever its neighbours are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from collector.api import DropReason, Outcome, Parcel, PermanentError, RetryableError, Settings
from collector.net.http_client import HttpAnswer
from collector.net.otlp_status import readable, retry_after_seconds
from exporters.elasticsearch.answers import (
    BLOCKED,
    FILTER,
    ItemAnswer,
    Verdict,
    error_in,
    judge,
    most_read,
    unusual_items,
)
from exporters.elasticsearch.bulk import Bulk, Letter, Piece, body_of, cut
from exporters.elasticsearch.cluster import NDJSON, Cluster
from exporters.elasticsearch.config import ElasticsearchConfig
from exporters.elasticsearch.dead_letter import DeadLetter, DeadLetterFile, DeadLetterIndex
from exporters.elasticsearch.documents import Document
from exporters.elasticsearch.notices import Notices

MOST_REQUESTS = 100
"""Requests of one attempt: a cluster that refuses everything is not asked about each document in a tight loop."""
_MOST_SERVER_ERRORS = 3
"""How often a request is sent that is answered with 500: it may be the request that breaks the server."""
_UNKNOWN_PARAMETER = re.compile(r"^Action/metadata line .*unknown parameter \[(\w+)\]")
_SMALLEST_BODY = 64 << 10
"""Bytes below which bodies are not made smaller by themselves, whatever was too large."""


class Sending:
    """Sends parcels to a cluster, and what it refuses to the dead letter."""

    def __init__(
        self,
        config: ElasticsearchConfig,
        settings: Settings,
        cluster: Cluster,
        written: Callable[[Document], None],
    ) -> None:
        self._config = config
        self._settings = settings
        self._cluster = cluster
        self._written = written
        self._notices = Notices(settings)
        self._path = bulk_path(config)
        self._most = config.flush.bytes
        self._dead_letter = self._new_dead_letter()

    def check(self) -> None:
        """
        Raises:
            StartError: there is a file for the dead letter, and nothing can be written there.
        """
        if isinstance(self._dead_letter, DeadLetterFile):
            self._dead_letter.check()

    async def attempt(self, bulk: Bulk) -> Outcome | None:
        """Send what is left of `bulk`; see `PreparingExporter.send`."""
        stopped: RetryableError | None = None
        try:
            stopped = await self._send_pieces(bulk)
        except PermanentError as error:
            if not (bulk.is_begun or bulk.letters):
                raise
            self._lose_what_is_left(bulk, error)
        if bulk.letters:
            stopped = await self._bury(bulk, stopped)
        return self._outcome(bulk, stopped)

    async def _send_pieces(self, bulk: Bulk) -> RetryableError | None:
        """Return why not all of them were answered."""
        for _ in range(MOST_REQUESTS):
            if not bulk.pieces:
                return None
            try:
                await self._send_first(bulk)
            except RetryableError as error:
                self._notices.sometimes("retry", f"a request was not taken, and is sent again: {error}")
                return error
        return RetryableError("some of the documents are refused; which of them, is looked for in further attempts")

    async def _send_first(self, bulk: Bulk) -> None:
        piece = bulk.pieces[0]
        body = body_of(piece)
        if len(body) > self._most and len(piece) > 1:
            bulk.replace_first(cut(piece, self._most))
            return
        answer = await self._cluster.post(self._path, body, NDJSON, most_read=most_read(len(piece)))
        match answer.status:
            case status if 200 <= status < 300:
                self._settle(bulk, unusual_items(answer, len(piece)))
            case status if status in self._config.retry.retry_on_status:
                raise self._refusal(bulk, answer)
            case 413:
                self._is_too_large(bulk, piece, len(body))
            case 400:
                self._is_malformed(bulk, piece, answer)
            case _:
                raise self._refusal(bulk, answer)

    def _settle(self, bulk: Bulk, unusual: dict[int, ItemAnswer]) -> None:
        if unusual or bulk.letters or len(bulk.pieces) > 1:
            bulk.weigh()
        bulk.is_begun = True
        piece = bulk.pieces.pop(0)
        verdicts = {
            position: judge(found, piece[position], self._config.retry.retry_on_document_status)
            for position, found in unusual.items()
        }
        for position, document in enumerate(piece):
            if document.once and verdicts.get(position, Verdict.WRITTEN) is Verdict.WRITTEN:
                self._written(document)
        for position, verdict in verdicts.items():
            self._treat(bulk, piece[position], unusual[position], verdict)

    def _treat(self, bulk: Bulk, document: Document, found: ItemAnswer, verdict: Verdict) -> None:
        match verdict:
            case Verdict.WRITTEN:
                if found.in_failure_store:
                    text = (
                        f"documents for {document.target} went to its failure store, since they do not fit its mapping"
                    )
                    self._notices.sometimes("failure store", text)
            case Verdict.AGAIN:
                bulk.again.append(document)
                bulk.why[str(found)] += 1
            case Verdict.DUPLICATE:
                text = f"{document.target} has another document of the same time and dimensions: one of them is lost"
                self._notices.sometimes("duplicate", text)
                bulk.lose(document, DropReason.OUT_OF_ORDER)
                bulk.why[str(found)] += 1
            case Verdict.REFUSED:
                self._refuse(bulk, Letter(document, found))

    def _refuse(self, bulk: Bulk, letter: Letter) -> None:
        bulk.weigh()
        bulk.letters.append(letter)
        bulk.why[str(letter.answer)] += 1
        document, found = letter.document, letter.answer
        reason = f": {found.reason}" if self._config.include_source_on_error is not None else ""
        text = f"{document.target} refuses a document for good: {found}{readable(reason)}"
        self._notices.sometimes(f"{found} {document.target}", text)
        if self._config.telemetry.log_failed_docs_input:
            text = f"the refused document is {document.source.decode(errors='replace')}"
            self._notices.sometimes("input", text, self._config.telemetry.log_failed_docs_input_rate_limit)

    def _is_too_large(self, bulk: Bulk, piece: Piece, size: int) -> None:
        if len(piece) > 1:
            self._most = min(self._most, max(size // 2, _SMALLEST_BODY))
            bulk.halve()
            return
        found = ItemAnswer(413, "too_large", f"one document of {size} bytes is more than the server takes")
        self._refuse_first(bulk, Letter(piece[0], found, DropReason.LIMIT_ITEM))

    def _is_malformed(self, bulk: Bulk, piece: Piece, answer: HttpAnswer) -> None:
        found = error_in(answer.body)._replace(status=400)
        if "unrecognized parameter" in found.reason:  # no document can help it
            raise self._refusal(bulk, answer)
        if self._has_refused_parameter(bulk, piece, found):
            return
        if len(piece) > 1:
            bulk.halve()
            return
        self._refuse_first(bulk, Letter(piece[0], found))

    def _has_refused_parameter(self, bulk: Bulk, piece: Piece, found: ItemAnswer) -> bool:
        """Refuse all documents whose action line has what the server does not know, rather than look for each of them.

        That is every document if `flavor` is not that of the server.
        """
        named = _UNKNOWN_PARAMETER.search(found.reason)
        member = f'"{named[1]}":'.encode() if named else b""
        guilty = [document for document in piece if member and member in document.action]
        if guilty:
            innocent = [document for document in piece if member not in document.action]
            bulk.replace_first([innocent] if innocent else [])
            bulk.is_begun = True
            for document in guilty:
                self._refuse(bulk, Letter(document, found))
        return bool(guilty)

    def _refuse_first(self, bulk: Bulk, letter: Letter) -> None:
        bulk.weigh()
        bulk.is_begun = True
        bulk.pieces.pop(0)
        self._refuse(bulk, letter)

    def _refusal(self, bulk: Bulk, answer: HttpAnswer) -> PermanentError | RetryableError:
        """Return what the answer to a whole request means that says nothing about documents."""
        status, found = answer.status, error_in(answer.body)
        text = readable(f"HTTP {status} {found.type} {found.reason}".strip())
        if 300 <= status < 400:
            text += f" (redirects are not followed; it points to {readable(answer.headers.get('Location', 'nowhere'))})"
        bulk.server_errors += status == 500
        is_blocked = found.type == BLOCKED
        may_pass = status == 500 and bulk.server_errors < _MOST_SERVER_ERRORS
        if status in self._config.retry.retry_on_status or is_blocked or may_pass:
            after = retry_after_seconds(answer.headers.get("Retry-After", ""), self._settings.clock.time())
            return RetryableError(text, retry_after=after)
        return PermanentError(text)

    def _lose_what_is_left(self, bulk: Bulk, error: PermanentError) -> None:
        """Some of the parcel was answered before; the cluster will not take the rest."""
        bulk.weigh()
        for document in [document for piece in bulk.pieces for document in piece]:
            bulk.lose(document, error.reason)
        bulk.pieces.clear()
        self._settings.logger.error("%s: the cluster takes no more of a batch: %s", self._settings.id, error)

    async def _bury(self, bulk: Bulk, stopped: RetryableError | None) -> RetryableError | None:
        """Write letters to the dead letter if there is one; return why something has to wait."""
        if self._dead_letter is None:
            self._close_letters(bulk, {})
            return stopped
        if stopped and not self._dead_letter.is_apart:
            return stopped
        try:
            never = await self._dead_letter.bury(bulk.letters, self._settings.clock.time())
        except RetryableError as error:
            self._notices.sometimes("dead letter", f"refused documents wait: {error}")
            return stopped or error
        buried = {id(letter): DropReason.DEAD_LETTER for letter in bulk.letters}
        for letter, answer in never:
            del buried[id(letter)]
            text = f"the dead letter refuses a document that was refused ({letter.answer}), and is lost: {answer}"
            self._notices.sometimes(f"never {answer}", text)
        self._close_letters(bulk, buried)
        return stopped

    def _close_letters(self, bulk: Bulk, reasons: Mapping[int, DropReason]) -> None:
        for letter in bulk.letters:
            bulk.lose(letter.document, reasons.get(id(letter), letter.otherwise))
        bulk.letters.clear()

    def _outcome(self, bulk: Bulk, stopped: RetryableError | None) -> Outcome | None:
        dropped = {reason: items for reason, items in bulk.lost.items() if items}
        if not (bulk.again or bulk.pieces or bulk.letters):
            return Outcome(dropped, message=bulk.reasons) if dropped else None
        if stopped and not (bulk.is_begun or bulk.letters or dropped):
            raise stopped
        rest = bulk.rest(self._most)
        message = "; ".join(filter(None, (str(stopped or ""), bulk.reasons)))
        after = stopped.retry_after if stopped else 0.0
        return Outcome(dropped, Parcel(rest, rest.items), after, message)

    def _new_dead_letter(self) -> DeadLetter | None:
        given = self._config.dead_letter
        if given is None:
            return None
        if given.file:
            return DeadLetterFile(given.file)
        retried = self._config.retry.retry_on_status | self._config.retry.retry_on_document_status
        return DeadLetterIndex(given.index, self._cluster, self._path, retried, self._config.flush.bytes)


def bulk_path(config: ElasticsearchConfig) -> str:
    """Return the path and query of bulk requests."""
    path = f"/_bulk?filter_path={FILTER}"
    if config.include_source_on_error is None:
        return path
    return f"{path}&include_source_on_error={str(config.include_source_on_error).lower()}"
