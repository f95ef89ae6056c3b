import pytest

from collector.batch import Signal
from collector.errors import RefusalReason, RetryableError
from collector.testing import FakeBackend, FakeClock, FakeHost, FakeIntake, Sink, make_batch, settings


async def test_a_backend_answers_from_its_script_and_then_accepts():
    backend = FakeBackend([RetryableError("busy")])

    with pytest.raises(RetryableError):
        await backend.export(make_batch())
    await backend.export(make_batch(items=2))

    assert (2, [2]) == (backend.attempts, [len(batch) for batch in backend.accepted])


async def test_a_sink_keeps_what_it_is_given():
    sink = Sink()

    await sink.consume(make_batch(items=2))

    assert (None, 2) == (sink.admits(1, 1), sink.items)


async def test_an_intake_keeps_batches_and_refusals():
    intake = FakeIntake([Signal.LOGS])

    await intake.consume(make_batch(Signal.LOGS), transport="http")
    intake.refused(Signal.LOGS, RefusalReason.BAD_DATA)

    assert ({Signal.LOGS}, 1, ["bad_data"]) == (intake.signals, len(intake.batches), intake.refusals)


async def test_an_intake_that_is_full_refuses():
    refusal = RetryableError("full")
    intake = FakeIntake(refusal=refusal)

    assert refusal is intake.admits(Signal.LOGS, 1, 1)
    with pytest.raises(RetryableError):
        await intake.consume(make_batch())
    assert [] == intake.batches


def test_a_host_is_as_ready_as_it_is_told():
    assert (True, False) == (FakeHost().is_ready(), FakeHost(ready=False).is_ready())


def test_settings_have_books_of_their_own_and_the_clock_that_is_given():
    clock = FakeClock()
    one, other = settings("batch/slow", clock), settings("batch/slow")

    assert ("batch/slow", clock) == (str(one.id), one.clock)
    assert one.telemetry != other.telemetry
