"""
Laws of exporters, tested on some that break them.
"""

import asyncio
import socket

import pytest

from collector.api import DropReason, Outcome, Parcel, PermanentError, Prepared, RetryableError
from collector.testing import check
from tests.collector.testing.lawless import breaks, exporter, translating


async def connect(self):
    host, port = self.endpoint.split(":")
    try:
        return await asyncio.open_connection(host, int(port))
    except OSError as error:
        raise RetryableError(str(error)) from error


async def send_and_close(self, batch):
    reader, writer = await connect(self)
    try:
        writer.write(b"hello")
        await reader.read()
    finally:
        writer.close()


def test_an_exporter_that_closes_what_it_opened_is_lawful():
    check(exporter(send_and_close))


def test_an_exporter_that_keeps_a_socket_open_when_cancelled_is_found(monkeypatch):
    monkeypatch.setattr("collector.testing.laws.subject.PATIENCE", 0.2)
    kept = []

    async def send_and_forget(self, batch):
        host, port = self.endpoint.split(":")
        kept.append(socket.create_connection((host, int(port))))
        kept[0].sendall(b"hello")
        await asyncio.Event().wait()

    complaint = breaks(exporter(send_and_forget), "an_attempt_that_is_cancelled_leaves_no_open_socket")
    kept[0].close()

    assert "nothing happened for" in complaint


def test_an_exporter_that_cannot_be_cancelled_is_found():
    async def stubborn(self, batch):
        reader, writer = await connect(self)
        writer.write(b"hello")
        try:
            await reader.read()
        except asyncio.CancelledError:
            writer.close()

    complaint = breaks(exporter(stubborn), "an_attempt_that_is_cancelled_leaves_no_open_socket")

    assert "it went on although it was cancelled" == complaint


async def never(self, batch):
    raise PermanentError("no")


async def lie(self, batch):
    return None


@pytest.mark.parametrize(
    ("export", "complaint"), [(never, "it was said to be for good: no"), (lie, "it was said to be delivered")]
)
def test_an_exporter_that_gives_up_on_a_backend_that_is_not_there_is_found(export, complaint):
    assert complaint in breaks(exporter(export), "a_backend_that_is_not_there_may_be_there_later")


def test_an_exporter_without_network_takes_what_it_is_given():
    async def reject(self, batch):
        return len(batch)

    complaint = breaks(exporter(reject, example="{}"), "an_exporter_takes_every_signal_it_names")

    assert "rejected what nobody has seen" in complaint


def test_an_exporter_that_translates_into_what_it_was_given_is_lawful():
    def prepare(batch):
        return Prepared((Parcel(batch.wire, len(batch)),))

    check(translating(prepare, lambda self, parcel: send_and_close(self, parcel.content)))


@pytest.mark.parametrize(
    ("prepared", "complaint"),
    [
        (Prepared((Parcel(b"", 1), Parcel(b"", 0)), {DropReason.UNSUPPORTED: 1}), "0 items of traces became 2"),
        (Prepared((Parcel(b"", -1),)), "a negative number of items: [-1]"),
    ],
)
def test_an_exporter_whose_parcels_do_not_add_up_is_found(prepared, complaint):
    factory = translating(lambda batch: prepared, send_and_close)

    assert complaint == breaks(factory, "a_translation_accounts_for_each_item_once")


@pytest.mark.parametrize("outcome", [None, Outcome({DropReason.PARTIAL_SUCCESS: 1})])
def test_an_exporter_that_settles_parcels_without_a_backend_is_found(outcome):
    async def send(self, parcel):
        return outcome

    factory = translating(lambda batch: Prepared((Parcel(b"", len(batch)),)), send)

    assert "it was said to be delivered" in breaks(factory, "a_backend_that_is_not_there_may_be_there_later")


def test_an_exporter_that_keeps_the_rest_for_later_is_lawful():
    async def send(self, parcel):
        try:
            await send_and_close(self, parcel)
        except RetryableError as error:
            return Outcome(rest=parcel, message=str(error))
        return None

    check(translating(lambda batch: Prepared((Parcel(b"", len(batch)),)), send))
