"""Where documents go that the cluster refuses for good: an index or a file, each with the reason and its own text.

A letter is kept until it is written: while the index or the disk is not there, it waits as anything else that the
backend may take later, without its document being offered to the cluster again.  If the index itself refuses it for
good, it is logged and its items are counted as lost for the reason that made it a letter.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import orjson

from collector.errors import RetryableError, StartError
from exporters.elasticsearch.answers import ItemAnswer, Verdict, error_in, judge, most_read, unusual_items
from exporters.elasticsearch.bulk import Letter, Piece, body_of, cut
from exporters.elasticsearch.cluster import NDJSON, Cluster
from exporters.elasticsearch.documents import Document

Unburied = tuple[Letter, ItemAnswer]
"""A letter that can never be written, and why."""


class DeadLetter(Protocol):
    """Takes what the cluster refuses."""

    is_apart: bool
    """Whether it can be written while the cluster takes nothing."""

    async def bury(self, letters: Sequence[Letter], time: float) -> list[Unburied]:
        """Write letters at `time` (seconds since the Unix epoch), and return those that can never be written.

        A letter may be there twice if this is called again with it.

        Raises:
            RetryableError: some may not have been written, but may be later.
        """


class DeadLetterFile:
    """Appends one line of JSON for each letter; forces them onto the disk."""

    is_apart = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()
        self._thread: asyncio.Future[OSError | None] | None = None

    def check(self) -> None:
        """
        Raises:
            StartError: nothing can be written there.
        """
        try:
            os.close(self._open(os.O_NONBLOCK))  # nobody may read from a pipe, and it would be waited for
        except OSError as error:
            raise StartError(f"dead_letter::file: {self._path}: {error.strerror}") from None

    async def bury(self, letters: Sequence[Letter], time: float) -> list[Unburied]:
        """One thread at a time writes, however often a disk that hangs is given up."""
        text = b"".join(_as_json(letter, time) + b"\n" for letter in letters)
        async with self._turn:
            if self._thread and not self._thread.done():
                await asyncio.wait([self._thread])
            self._thread = asyncio.get_running_loop().run_in_executor(None, self._append, text)
            error = await asyncio.shield(self._thread)
        if error:
            raise RetryableError(f"dead letter {self._path}: {error.strerror}") from error
        return []

    def _append(self, text: bytes) -> OSError | None:
        try:
            file = self._open()
        except OSError as error:
            return error
        try:
            return _write_all(file, text)
        finally:
            os.close(file)

    def _open(self, more: int = 0) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | more, 0o600)


def _write_all(file: int, text: bytes) -> OSError | None:
    """Append and force onto the disk; what is written only in part is taken away again."""
    before = os.fstat(file).st_size
    try:
        left = memoryview(text)
        while left:
            left = left[os.write(file, left) :]
        _force(file)
    except OSError as error:
        with suppress(OSError):  # the disk may be full: no half line stays
            os.ftruncate(file, before)
        return error
    return None


def _force(file: int) -> None:
    """Force onto the disk what has one; a pipe, a terminal or /dev/stdout has none."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


class DeadLetterIndex:
    """Writes letters as documents of their own, in which the refused one is text: no mapping can refuse that."""

    is_apart = False

    def __init__(self, index: str, cluster: Cluster, path: str, retried: Collection[int], most: int) -> None:
        """
        Args:
            index: where letters are written.
            cluster: the one that refused them.
            path: of bulk requests.
            retried: statuses after which a request or a document is sent again.
            most: bytes of one request.
        """
        self._index = index
        self._cluster = cluster
        self._path = path
        self._retried = retried
        self._most = most

    async def bury(self, letters: Sequence[Letter], time: float) -> list[Unburied]:
        by_id = {(document := self._document(letter, time)).id: (document, letter) for letter in letters}
        never: list[Unburied] = []
        pieces = list(cut([document for document, _ in by_id.values()], self._most))
        while pieces:
            piece = pieces.pop(0)
            refused = await self._write(piece)
            if len(piece) > 1 and len(refused) == len(piece) and refused[0][1].status == 413:
                pieces[:0] = [piece[: len(piece) // 2], piece[len(piece) // 2 :]]
            else:
                never += [(by_id[piece[position].id][1], found) for position, found in refused]
        return never

    async def _write(self, piece: Piece) -> list[tuple[int, ItemAnswer]]:
        """Return what is refused for good, by position."""
        answer = await self._cluster.post(self._path, body_of(piece), NDJSON, most_read=most_read(len(piece)))
        found = error_in(answer.body)._replace(status=answer.status)
        if answer.status in self._retried:
            raise RetryableError(f"dead letter {self._index}: {found}")
        if answer.status >= 300:
            return [(position, found) for position in range(len(piece))]
        unusual = unusual_items(answer, len(piece))
        verdicts = {position: judge(found, piece[position], self._retried) for position, found in unusual.items()}
        if Verdict.AGAIN in verdicts.values():
            raise RetryableError(f"dead letter {self._index}: not all of it was taken")
        return [(position, unusual[position]) for position in verdicts if verdicts[position] is Verdict.REFUSED]

    def _document(self, letter: Letter, time: float) -> Document:
        """An id makes it safe to write a letter again; it is made of what was refused, not of when."""
        document = letter.document
        parts = (str(document.item).encode(), document.target.encode(), document.action, document.source)
        id = blake2b(b"\n".join(parts), digest_size=16).hexdigest()
        action = orjson.dumps({"create": {"_index": self._index, "_id": id}})
        return Document(action, _as_json(letter, time), document.item, 0, self._index, id)


def _as_json(letter: Letter, time: float) -> bytes:
    document, answer = letter.document, letter.answer
    return orjson.dumps(
        {
            "@timestamp": datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "document": {
                "index": document.target,
                "id": document.id,
                "action": document.action.decode(errors="replace"),
                "source": document.source.decode(errors="replace"),
            },
            "error": {"status": answer.status, "type": answer.type, "reason": answer.reason},
        }
    )
