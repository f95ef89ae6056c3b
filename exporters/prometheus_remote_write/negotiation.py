"""Which version of the protocol the receiver understands: found out by using it."""

from __future__ import annotations

from collector.api import Settings
from exporters.prometheus_remote_write.answers import Meaning, Verdict
from exporters.prometheus_remote_write.config import ProtobufMessage


class Negotiation:
    """Speaks the wanted version until the receiver turns out not to understand it, and 1.0 from then on."""

    def __init__(self, wanted: ProtobufMessage, settings: Settings) -> None:
        self.version = wanted
        self._settings = settings
        self._is_understood = wanted is ProtobufMessage.V1

    def should_send_again(self, spoken: ProtobufMessage, verdict: Verdict) -> bool:
        """Learn from the answer to a request; return whether it has to be written anew, in `version`, and sent again.

        A receiver of 1.0 may answer 400 to what it cannot read (Remote-Write 2.0, "Unsupported Request Content"), so
        that is believed to be about the contents only from a receiver that has understood 2.0 before.
        """
        if spoken is ProtobufMessage.V1:
            return False
        if verdict.meaning is Meaning.WRITTEN:
            self._is_understood = True
            return False
        is_lost_on_it = verdict.meaning is Meaning.OTHER_VERSION
        if not is_lost_on_it and not (verdict.meaning is Meaning.SOME_OF_IT and not self._is_understood):
            return False
        if self.version is not ProtobufMessage.V1:
            text = "%s: the receiver does not understand remote write 2.0, so it gets 1.0: %s"
            self._settings.logger.warning(text, self._settings.id, verdict.message)
        self.version = ProtobufMessage.V1
        return True
