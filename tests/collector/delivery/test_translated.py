"""
An exporter that translates a batch into parcels: what is retried, in what order, and what the books say.
"""

import asyncio
import dataclasses

import pytest

from collector.api import Outcome, Parcel, Prepared
from collector.batch import Signal
from collector.delivery.delivery import AT_ONCE, Delivery
from collector.delivery.settings import DeliveryConfig
from collector.errors import DropReason, PermanentError, RetryableError
from collector.telemetry import DROPPED, HELD, RETRIES, SEND_FAILED, SENT, Telemetry
from collector.testing import make_batch, settings
from tests.collector.delivery.test_retry import Pauses

SENT_SPANS = SENT[Signal.TRACES]


class Translating:
    """
    Makes the parcels it is told to of each batch; answers each content from its script, then takes everything.
    """

    def __init__(self, *parcels, script=None, dropped=None):
        self.parcels, self.dropped = parcels, dropped or {}
        self.script = {content: iter(answers) for content, answers in (script or {}).items()}
        self.sent, self.prepared = [], 0

    async def prepare(self, batch):
        self.prepared += 1
        return Prepared(tuple(self.parcels), self.dropped)

    async def send(self, parcel):
        self.sent.append(parcel.content)
        answer = next(self.script.get(parcel.content, iter(())), None)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Books:
    def __init__(self, exporter, **config):
        self.telemetry = Telemetry()
        self.accounts = self.telemetry.component("fake")
        self.clock = Pauses()
        its = dataclasses.replace(settings("fake"), clock=self.clock)
        self.delivery = Delivery(exporter, DeliveryConfig(**config), its, self.accounts)

    async def deliver(self, items):
        self.accounts.held(Signal.TRACES, items)
        await self.delivery.deliver(make_batch(items=items))

    @property
    def sent(self):
        return self.telemetry.total(SENT_SPANS)

    @property
    def held(self):
        return self.telemetry.total(HELD)

    def dropped(self, reason):
        return self.telemetry.total(DROPPED, reason=reason)


async def test_only_the_parcel_that_failed_is_sent_again():
    exporter = Translating(Parcel("a", 2), Parcel("b", 1), script={"b": [RetryableError("busy")]})
    books = Books(exporter)

    await books.deliver(3)

    assert (1, ["a", "b", "b"]) == (exporter.prepared, exporter.sent)
    assert (3, 0, 1) == (books.sent, books.held, books.telemetry.total(RETRIES))


async def test_only_the_rest_of_a_parcel_is_sent_again_after_the_pause_that_was_asked_for():
    rest = Outcome({DropReason.DEAD_LETTER: 1}, rest=Parcel("rest", 2), retry_after=70)
    exporter = Translating(Parcel("all", 5), script={"all": [rest]})
    books = Books(exporter)

    await books.deliver(5)

    assert ["all", "rest"] == exporter.sent
    assert (4, 1, 0) == (books.sent, books.dropped("dead_letter"), books.held)
    assert 70 <= books.clock.monotonic()


async def test_what_is_left_of_a_parcel_is_dropped_when_there_was_time_enough():
    rest = Outcome(rest=Parcel("all", 2))
    books = Books(Translating(Parcel("all", 5), script={"all": [rest] * 1000}))

    with pytest.raises(RetryableError):
        await books.deliver(5)

    assert (3, 2, 0) == (books.sent, books.dropped("retry_exhausted"), books.held)
    assert 2 == books.telemetry.total(SEND_FAILED[Signal.TRACES])


async def test_a_parcel_that_is_refused_for_good_takes_no_other_with_it():
    script = {"b": [PermanentError("no", reason=DropReason.LIMIT_ITEM)], "c": [ValueError("a bug")]}
    books = Books(
        Translating(Parcel("a", 1, 0), Parcel("b", 2, 0), Parcel("c", 4, 0), Parcel("d", 8, 0), script=script)
    )

    with pytest.raises(PermanentError, match="no"):
        await books.deliver(15)

    assert (9, 0) == (books.sent, books.held)
    assert (2, 4) == (books.dropped("limit_item"), books.dropped("plugin_error"))


async def test_what_the_format_cannot_hold_is_dropped_and_what_needs_no_sending_is_sent():
    books = Books(Translating(Parcel("a", 1), dropped={DropReason.UNSUPPORTED: 2}))

    await books.deliver(7)

    assert (5, 2, 0) == (books.sent, books.dropped("unsupported"), books.held)


@pytest.mark.parametrize("exporter", [Translating(Parcel("a", 100)), Translating(Parcel("a", -5), Parcel("b", 3))])
async def test_an_exporter_that_cannot_count_does_not_upset_the_books(exporter):
    books = Books(exporter)

    await books.deliver(3)

    assert (3, 0) == (books.sent, books.held)


async def test_an_outcome_that_loses_more_than_there_was_does_not_upset_the_books():
    lost = Outcome({DropReason.PARTIAL_SUCCESS: 50}, rest=Parcel("rest", 70))
    books = Books(Translating(Parcel("a", 2), Parcel("b", 1), script={"a": [lost]}))

    await books.deliver(3)

    assert (0, 3) == (books.held, books.sent + books.dropped("partial_success"))


@pytest.mark.parametrize(
    "answer",
    [
        "nonsense",
        5,
        Outcome(None),
        Outcome({"some reason": 1}),
        Outcome({DropReason.DEAD_LETTER: float("nan")}),
        Outcome({DropReason.DEAD_LETTER: 1}, rest=1),
        Outcome(rest=Parcel("rest", 1.5)),
    ],
)
async def test_an_answer_that_is_no_outcome_is_a_bug_that_costs_its_parcel(answer):
    books = Books(Translating(Parcel("a", 2), Parcel("b", 1), script={"a": [answer]}))

    with pytest.raises(PermanentError):
        await books.deliver(3)

    assert (1, 2, 0) == (books.sent, books.dropped("plugin_error"), books.held)


async def test_a_translation_that_fails_costs_its_batch_and_not_the_next():
    class Failing(Translating):
        async def prepare(self, batch):
            if len(batch) == 2:
                raise KeyError("bug")
            return await super().prepare(batch)

    books = Books(Failing(Parcel("a", 1)))

    with pytest.raises(PermanentError):
        await books.deliver(2)
    await books.deliver(1)

    assert (1, 2, 0) == (books.sent, books.dropped("plugin_error"), books.held)


NONSENSE = [
    None,
    Prepared(None),
    Prepared((1, 2)),
    Prepared((Parcel("a", None),)),
    Prepared((Parcel("a", 1), Parcel("b", float("nan")))),
    Prepared((Parcel("a", 1, lane=0), Parcel("b", 1, lane=[1]))),
    Prepared((Parcel("a", 1, lane=0),), None),
    Prepared((Parcel("a", 1, lane=0),), {DropReason.UNSUPPORTED: float("inf")}),
    Prepared((Parcel("a", 1, lane=0),), {"some reason": 1}),
]


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_nonsense_in_place_of_parcels_is_a_bug_that_costs_its_batch(nonsense):
    class Nonsensical(Translating):
        async def prepare(self, batch):
            return nonsense if len(batch) == 3 else await super().prepare(batch)

    books = Books(Nonsensical(Parcel("c", 1, lane=0)))

    with pytest.raises(PermanentError):
        await books.deliver(3)
    await books.deliver(1)

    assert (1, 3, 0) == (books.sent, books.dropped("plugin_error"), books.held)


class Slow:
    """
    Answers a parcel when told to.
    """

    def __init__(self, lane):
        self.lane, self.sent, self.answers = lane, [], []

    async def prepare(self, batch):
        return Prepared((Parcel(len(batch), len(batch), self.lane(len(batch))),))

    async def send(self, parcel):
        self.sent.append(parcel.content)
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]


async def until(condition):
    while not condition():  # noqa: ASYNC110  whoever makes it true knows of no event
        await asyncio.sleep(0)


async def test_batches_of_one_lane_never_overtake_even_while_one_is_retried():
    exporter = Slow(lane=lambda _: 7)
    books = Books(exporter)
    deliveries = [asyncio.create_task(books.deliver(items)) for items in (1, 2, 3)]
    await until(lambda: exporter.answers)

    exporter.answers[0].set_exception(RetryableError("busy"))
    for attempt in range(1, 4):
        await until(lambda wanted=attempt: len(exporter.answers) > wanted)
        exporter.answers[attempt].set_result(None)
    await asyncio.gather(*deliveries)

    assert [1, 1, 2, 3] == exporter.sent


async def test_lanes_go_on_while_another_waits():
    exporter = Slow(lane=lambda items: items % 2)
    books = Books(exporter)
    deliveries = [asyncio.create_task(books.deliver(items)) for items in (1, 2, 3)]

    await until(lambda: len(exporter.answers) == 2)

    assert [1, 2] == exporter.sent
    exporter.answers[0].set_result(None)
    await until(lambda: len(exporter.answers) == 3)
    for answer in exporter.answers[1:]:
        answer.set_result(None)
    await asyncio.gather(*deliveries)


async def test_a_delivery_that_is_cancelled_settles_all_and_lets_the_next_one_pass():
    exporter = Slow(lane=lambda _: 0)
    books = Books(exporter)
    first = asyncio.create_task(books.deliver(1))
    await until(lambda: exporter.answers)
    second = asyncio.create_task(books.deliver(2))
    third = asyncio.create_task(books.deliver(4))
    await until(lambda: books.held == 7)

    first.cancel()
    second.cancel()
    await asyncio.wait([first, second])
    await until(lambda: len(exporter.answers) == 2)
    exporter.answers[1].set_result(None)
    await third

    assert (4, 3, 0) == (books.sent, books.dropped("shutdown_deadline"), books.held)


class SlowAtFirst(Translating):
    """
    Never answers the first time, and at once from then on: however slow the machine is, that takes no time.
    """

    async def send(self, parcel):
        answer = await super().send(parcel)
        if len(self.sent) == 1:
            await asyncio.Event().wait()
        return answer


async def test_an_attempt_that_takes_too_long_is_retried():
    exporter = SlowAtFirst(Parcel("a", 1))
    books = Books(exporter, timeout="1ms")

    await books.deliver(1)

    assert (["a", "a"], 1) == (exporter.sent, books.sent)


async def test_a_batch_of_many_parcels_does_not_send_all_of_them_at_once():
    class Many(Slow):
        async def prepare(self, batch):
            return Prepared(tuple(Parcel(number, 1) for number in range(len(batch))))

    exporter = Many(lane=None)
    books = Books(exporter)
    delivery = asyncio.create_task(books.deliver(100))
    await until(lambda: exporter.answers)
    for _ in range(50):
        await asyncio.sleep(0)

    assert AT_ONCE == len(exporter.sent)
    for number in range(100):
        await until(lambda wanted=number: len(exporter.answers) > wanted)
        exporter.answers[number].set_result(None)
    await delivery
    assert (100, list(range(100))) == (books.sent, sorted(exporter.sent))


async def test_a_parcel_that_is_slow_holds_up_no_other():
    class Many(Slow):
        async def prepare(self, batch):
            return Prepared(tuple(Parcel(number, 1) for number in range(len(batch))))

    exporter = Many(lane=None)
    books = Books(exporter)
    delivery = asyncio.create_task(books.deliver(100))

    for number in range(1, 100):
        await until(lambda wanted=number: len(exporter.answers) > wanted)
        exporter.answers[number].set_result(None)
    await until(lambda: books.held == 1)
    exporter.answers[0].set_result(None)
    await delivery

    assert (100, list(range(100))) == (books.sent, sorted(exporter.sent))


async def test_a_backend_that_is_down_costs_a_batch_of_many_parcels_its_time_only_once():
    down = dict.fromkeys(range(100), [RetryableError("down")] * 100)
    exporter = Translating(*(Parcel(number, 1, lane=0) for number in range(100)), script=down)
    books = Books(exporter, retry_on_failure={"max_elapsed_time": 120})

    with pytest.raises(RetryableError, match="down"):
        await books.deliver(100)

    assert (0, 100, 0) == (books.sent, books.dropped("retry_exhausted"), books.held)
    assert set(range(100)) == set(exporter.sent)
    assert books.clock.monotonic() <= 120


async def test_a_backend_that_answers_gives_the_next_parcel_its_own_time():
    scripts = {number: [RetryableError("busy", retry_after=70)] for number in range(3)}
    books = Books(
        Translating(*(Parcel(number, 1, lane=0) for number in range(3)), script=scripts),
        retry_on_failure={"max_elapsed_time": 100},
    )

    await books.deliver(3)

    assert (3, 210) == (books.sent, books.clock.monotonic())
