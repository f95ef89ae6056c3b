"""Each series in its order, and nothing lost with something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from collector.api import Settings
from collector.batch import Batch
from collector.errors import PermanentError, RetryableError
from collector.net.http_client import HttpAnswer, HttpClient
from collector.net.otlp_status import media_type
from collector.parcels import Outcome, Parcel, Prepared
from exporters.prometheus_remote_write import write_v1
from exporters.prometheus_remote_write.answers import Meaning, Verdict, read
from exporters.prometheus_remote_write.config import ProtobufMessage, RemoteWriteConfig
from exporters.prometheus_remote_write.metadata import Families
from exporters.prometheus_remote_write.negotiation import Negotiation
from exporters.prometheus_remote_write.requests import Doubt, Load, Piece, lanes, write
from exporters.prometheus_remote_write.series import Metadata, Translation
from exporters.prometheus_remote_write.translation import Translator, has_long_labels

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

LARGE_BATCH = 32 << 10
"""Bytes from which a batch is translated in a thread: that takes 2 ms, or 40 if all its labels are new; the way to the
thread and back adds a third of a millisecond."""
LARGE_REQUEST = 128 << 10
"""Bytes from which a request is cut or written anew in a thread: for a megabyte of protocol 2.0, that takes 60 to 120
milliseconds."""
LARGE_BODY = 1 << 20
"""Bytes from which a body is compressed in a thread: snappy needs 0.2 ms for so many."""
LONGEST_SEARCH = 1.0
"""Seconds after which a search for what was refused ends an attempt, well before the attempt's timeout would."""
SMALLEST = 64 << 10
"""Bytes; requests become no smaller than that because a receiver finds them too large."""

_KIND = "application/x-protobuf"
# Remote-Write specification 1.0 and 2.0, "Request"
_PROTOCOL = {
    ProtobufMessage.V1: (_KIND, "0.1.0"),
    ProtobufMessage.V2: (f"{_KIND};proto={ProtobufMessage.V2}", "2.0.0"),
}


class Telling:
    """The content of a parcel that has no data: what metrics are."""

    def __init__(self, families: Sequence[Metadata]) -> None:
        self.families = families
        self.is_tried = False


class RemoteWriteExporter:
    """Makes of each batch a request for each lane, or several; those of a lane are sent one after another."""

    def __init__(self, config: RemoteWriteConfig, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._client = HttpClient(config, settings)
        self._translator = Translator(config.rules(), settings.clock, settings.logger)
        self._negotiation = Negotiation(config.protobuf_message, settings)
        self._families = Families()
        self._max_bytes = config.max_batch_size_bytes
        self._doubt = Doubt()
        self._warned: set[str] = set()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        async with self._client.lifespan():
            yield

    async def prepare(self, batch: Batch) -> Prepared:
        if len(batch.wire) < LARGE_BATCH and not has_long_labels(batch):
            translation, parcels = self._translated(batch)
        else:
            translation, parcels = await _beside(self._translated, batch)
        return Prepared((*parcels, *self._what_to_tell(translation)), translation.dropped)

    async def send(self, parcel: Parcel) -> Outcome | None:
        if isinstance(parcel.content, Telling):
            await self._tell(parcel.content)
            return None
        load: Load = parcel.content
        if load.next and load.items < parcel.items:  # an attempt was cut off before it could say so
            return _later(parcel, load, RetryableError("the last attempt took too long for all of it"))
        load.attempts += 1
        deadline = self._settings.clock.monotonic() + LONGEST_SEARCH
        while piece := load.next:
            if piece.version is not self._negotiation.version:
                await self._beside_if_large(piece, load.rewritten, self._negotiation.version)
            elif load.is_searched and self._settings.clock.monotonic() > deadline:
                return _later(parcel, load, RetryableError("finding out which part of it is refused takes time"))
            elif refusal := await self._send_next(load, piece):
                return _later(parcel, load, refusal)
        self._doubt.learn(load)
        return _outcome(load)

    def _translated(self, batch: Batch) -> tuple[Translation, list[Parcel]]:
        translation = self._translator.translate(batch)
        parcels = [
            Parcel(Load(piece, self._doubt.halvings), piece.request.items, lane)
            for lane, streams in lanes(translation.streams, self._config.max_batch_request_parallelism).items()
            for piece in write(streams, self._negotiation.version, self._max_bytes)
        ]
        return translation, parcels

    async def _send_next(self, load: Load, piece: Piece) -> RetryableError | None:
        """Send a load's next piece; return a refusal if it may be taken later.

        Raises:
            PermanentError: nothing of the load will ever be taken.
        """
        request = piece.request
        try:
            answer = await self._post(request.body, piece.version, retries=load.attempts - 1)
        except RetryableError as refusal:
            return refusal
        is_v2 = piece.version is ProtobufMessage.V2
        verdict = read(answer, request, is_v2=is_v2, now=self._settings.clock.time())
        if verdict.meaning is Meaning.LATER:
            return RetryableError(verdict.message, retry_after=verdict.retry_after)
        if verdict.is_too_large:
            self._max_bytes = max(min(self._max_bytes, len(request.body) // 2), SMALLEST)
        await self._settle(load, piece, verdict)
        return None

    async def _settle(self, load: Load, piece: Piece, verdict: Verdict) -> None:
        if self._negotiation.should_send_again(piece.version, verdict):
            return  # in the version that is spoken from now on
        if verdict.meaning is Meaning.SOME_OF_IT and piece.is_one_point and not piece.request.items:
            self._warn_once("target_info is refused; do several collectors send the same resource? %s", verdict.message)
        match verdict.meaning:
            case Meaning.WRITTEN:
                load.written(verdict)
            case Meaning.SOME_OF_IT:
                await self._beside_if_large(piece, load.refused, verdict)
            case Meaning.NOT_NATIVE:
                await self._beside_if_large(piece, load.without_native, verdict)
            case _ if load.is_whole:
                raise PermanentError(verdict.message, reason=verdict.reason)
            case _:
                load.given_up(verdict)

    async def _beside_if_large(self, piece: Piece, write: Callable[[T, int], None], what: T) -> None:
        if len(piece.request.body) < LARGE_REQUEST:
            write(what, self._max_bytes)
        else:
            await _beside(write, what, self._max_bytes)

    async def _post(self, body: bytes, version: ProtobufMessage, retries: int) -> HttpAnswer:
        content_type, number = _PROTOCOL[version]
        headers = {"content-encoding": "snappy", "x-prometheus-remote-write-version": number}
        if retries:
            headers["retry-attempt"] = str(retries)
        answer = await self._client.post(self._config.endpoint, await _compressed(body), content_type, headers)
        if 200 <= answer.status < 300 and media_type(answer.headers) == "text/html":
            # both protocols ignore the body of a success, but a page may come from something else altogether
            self._warn_once("the receiver answers %d with a page in HTML; is `endpoint` right?", answer.status)
        return answer

    def _warn_once(self, text: str, *arguments: object) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._settings.logger.warning("%s: %s", self._settings.id, text % arguments)

    def _what_to_tell(self, translation: Translation) -> list[Parcel]:
        if self._negotiation.version is not ProtobufMessage.V1:
            return []
        now = self._settings.clock.monotonic()
        self._families.seen(translation.metadata, now)
        return [Parcel(Telling(families), items=0) for families in self._families.due(now)]

    async def _tell(self, telling: Telling) -> None:
        """Send metadata; if that fails, it is said again with what comes next, and no data is held up for it."""
        why = "no answer in time"
        if not telling.is_tried:
            telling.is_tried = True
            try:
                answer = await self._post(write_v1.encode((), telling.families), ProtobufMessage.V1, retries=0)
            except RetryableError as refusal:
                why = str(refusal)
            else:
                if 200 <= answer.status < 300:
                    return
                why = f"HTTP {answer.status}"
        self._families.not_told(telling.families)
        self._settings.logger.warning("%s: metadata will be sent later: %s", self._settings.id, why)


def _outcome(load: Load) -> Outcome | None:
    lost, why = load.report()
    return Outcome(lost, message=why) if lost else None


def _later(parcel: Parcel, load: Load, refusal: RetryableError) -> Outcome:
    """Return what has become of the parcel so far.

    Raises:
        RetryableError: nothing has.
    """
    lost, why = load.report()
    if not lost and load.items == parcel.items:
        raise refusal
    message = "; ".join(filter(None, (why, str(refusal))))
    return Outcome(lost, Parcel(load, load.items, parcel.lane), refusal.retry_after, message)


async def _beside(work: Callable[P, R], *arguments: P.args, **keywords: P.kwargs) -> R:
    """Work in a thread, which is waited for even by who is cancelled: whoever comes next meets what it has changed."""
    working = asyncio.create_task(asyncio.to_thread(work, *arguments, **keywords))
    try:
        return await asyncio.shield(working)
    finally:
        if not working.done():
            await asyncio.wait([working])


async def _compressed(body: bytes) -> bytes:
    """Return the block format of snappy: both versions of the protocol forbid the framed one."""
    import cramjam  # noqa: PLC0415  1.5 MiB that nobody needs to check a configuration

    if len(body) < LARGE_BODY:
        return bytes(cramjam.snappy.compress_raw(body))
    return bytes(await asyncio.to_thread(cramjam.snappy.compress_raw, body))
