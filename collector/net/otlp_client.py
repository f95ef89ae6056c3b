"""What a server that speaks OTLP answers to a batch, over either protocol."""

from __future__ import annotations

from collector.api import Settings
from collector.batch import SHAPES, Batch, Signal
from collector.errors import PermanentError
from collector.net.grpc_client import GrpcClient
from collector.net.http_client import HttpAnswer
from collector.net.otlp_status import JSON, PROTOBUF, error_from_http, media_type
from collector.net.partial_success import Answer, read_answer


class OtlpAnswers:
    """Reads answers as the OTLP specification tells clients to, and logs what servers say."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._has_warned = False

    async def call(self, client: GrpcClient, batch: Batch) -> int:
        """Send `batch` as it is; return how many of its items the server rejected for good.

        Raises:
            RetryableError, PermanentError: the status says so, or these bytes are no response.
        """
        return self._told(read_answer(batch.signal, await client.call(SHAPES[batch.signal].rpc, batch.wire)))

    def read(self, signal: Signal, answer: HttpAnswer) -> int:
        """Return how many items of a request the server rejected for good.

        Raises:
            RetryableError, PermanentError: the status says so, or a success cannot be read.
        """
        if error := error_from_http(answer.status, answer.headers, answer.body):
            raise error
        kind = media_type(answer.headers)
        if kind not in {JSON, PROTOBUF}:
            self._warn_once(answer, kind)
            return 0
        if not answer.is_whole:
            raise PermanentError("the server's answer is not an OTLP response: it is too large, or compressed badly")
        return self._told(read_answer(signal, answer.body, json=kind == JSON))

    def _told(self, answer: Answer) -> int:
        if answer.message:
            self._settings.logger.warning("%s: the server says: %s", self._settings.id, answer.message)
        return answer.rejected

    def _warn_once(self, answer: HttpAnswer, kind: str) -> None:
        """The status says that all is well, but whoever answers in HTML may be no OTLP server at all."""
        if answer.body and not self._has_warned:
            self._has_warned = True
            text = "%s: the server answers %d with %s, which is not OTLP; is the endpoint right?"
            self._settings.logger.warning(text, self._settings.id, answer.status, kind or "no Content-Type")
