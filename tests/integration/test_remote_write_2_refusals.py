"""The exporter prometheus_remote_write when Prometheus 3 refuses a part, is killed, or speaks one protocol only."""

import pytest

from collector.batch import Signal
from tests.integration.collectors import Books, send, settled
from tests.integration.servers import RemoteWrite2
from tests.integration.stored import (
    T0,
    V1,
    V2,
    at,
    delivered,
    exponential,
    metrics,
    milliseconds,
    only,
    sample,
    statuses,
    writing_to,
)

pytestmark = pytest.mark.slow


class OnlyVersion1(RemoteWrite2):
    messages = (V1,)


class OnlyVersion2(RemoteWrite2):
    messages = (V2,)


@pytest.fixture
def receiver(serve):
    return serve(RemoteWrite2)


def test_what_is_out_of_order_is_counted_and_takes_nothing_else_with_it(start, receiver):
    collector = start(writing_to(receiver, "max_batch_request_parallelism: 1"))
    first = {"name": "level", "points": [at(60, value=1, attributes={"series": "a"})]}
    size = {"name": "size", "kind": "exponential_histogram", "points": [exponential(60, [1])]}
    send(collector, metrics(first, size))
    settled(collector, Signal.METRICS)

    late = [at(0, value=n, attributes={"series": series}) for n, series in enumerate("abcdefgh")]
    late_size = size | {"points": [exponential(0, [1]), exponential(90, [2])]}
    books = delivered(collector, metrics(first | {"points": late}, late_size))

    partly = [request["written"] for request in receiver.requests() if request["status"] == 400]
    assert [{"Samples": "7", "Histograms": "1", "Exemplars": "0"}] == partly
    assert Books(accepted=12, sent=10, dropped={"out_of_order": 2}) == books
    found = {series["labels"]["series"]: series["samples"] for series in receiver.series(__name__="level")}
    assert {series: [sample(0, n)] for n, series in enumerate("abcdefgh")} | {"a": [sample(60, 1)]} == found
    times = [each["time"] for each in only(receiver.series(__name__="size"))["samples"]]
    assert [milliseconds(60), milliseconds(90)] == times


def test_an_exemplar_that_is_out_of_order_costs_no_data_point(start, receiver):
    """
    The answer is 400, although all samples are there.
    """
    collector = start(writing_to(receiver))
    for second, seen in ((0, -1), (10, -5), (20, 15)):
        exemplar = {"time_unix_nano": (T0 + seen) * 10**9, "as_double": 0.5, "trace_id": b"\1" * 16}
        point = at(second, value=second, exemplars=[exemplar])
        send(collector, metrics({"name": "orders", "kind": "sum", "points": [point]}))
        settled(collector, Signal.METRICS)
    books = delivered(collector)

    series = only(receiver.series(__name__="orders_total"))
    assert 1 == [status for _, status in statuses(receiver)].count(400)
    assert Books(accepted=3, sent=3, dropped={}) == books
    assert [sample(second, second) for second in (0, 10, 20)] == series["samples"]
    assert [milliseconds(-1), milliseconds(15)] == [exemplar["time"] for exemplar in series["exemplars"]]


def test_samples_of_a_series_stay_in_their_order_whatever_is_under_way(start, receiver):
    collector = start(writing_to(receiver, "max_batch_size_bytes: 2000, max_batch_request_parallelism: 8"))

    for n in range(40):
        points = [at(n, value=n, attributes={"series": str(series)}) for series in range(50)]
        send(collector, metrics({"name": "level", "points": points}))
    books = delivered(collector)

    assert Books(accepted=2000, sent=2000, dropped={}) == books
    stored = [series["samples"] for series in receiver.series(__name__="level")]
    assert [[sample(n, n) for n in range(40)]] * 50 == stored
    assert {(V2, 204)} == set(statuses(receiver))


def test_nothing_is_lost_when_the_receiver_is_killed_and_comes_back(start, receiver):
    collector = start(
        writing_to(receiver, "retry_on_failure: {initial_interval: 20ms, max_interval: 200ms}, timeout: 5s")
    )

    for n in range(100):
        if n == 30:
            receiver.kill()
        if n == 70:
            receiver.start()
        each = [{"attributes": {"series": str(series)}} for series in range(20)]
        orders = [at(n, value=n, **fields) for fields in each]
        sizes = [exponential(n, [n, 1], **fields) for fields in each]
        send(
            collector,
            metrics(
                {"name": "orders", "kind": "sum", "points": orders},
                {"name": "size", "kind": "exponential_histogram", "points": sizes},
            ),
        )
    books = delivered(collector)

    assert "will retry" in collector.log
    assert Books(accepted=4000, sent=4000, dropped={}) == books
    stored = [series["samples"] for series in receiver.series(__name__="orders_total")]
    assert [[sample(n, n) for n in range(100)]] * 20 == stored
    counts = [
        [(each["time"], each["histogram"]["count"], each["start"]) for each in series["samples"]]
        for series in receiver.series(__name__="size")
    ]
    assert [[(milliseconds(n), n + 1, milliseconds(-60)) for n in range(100)]] * 20 == counts


def test_a_receiver_of_1_0_is_sent_1_0_and_nothing_is_lost(start, serve):
    receiver = serve(OnlyVersion1)
    collector = start(writing_to(receiver))

    exemplar = {"time_unix_nano": (T0 - 1) * 10**9, "as_double": 0.5, "trace_id": b"\1" * 16}
    for n in range(10):
        points = [at(n, value=n, attributes={"series": str(series)}) for series in range(20)]
        sizes = [exponential(n, [n, 1], exemplars=[exemplar])]
        send(
            collector,
            metrics(
                {"name": "level", "points": points},
                {"name": "size", "kind": "exponential_histogram", "points": sizes},
            ),
        )
    books = delivered(collector)

    seen = statuses(receiver)
    assert {(V2, 415), ("application/x-protobuf", 204)} == set(seen)
    assert (V2, 415) == seen[0]
    assert seen.count((V2, 415)) <= 6  # one of each lane, and of target_info
    assert "does not understand remote write 2.0" in collector.log
    assert Books(accepted=210, sent=210, dropped={}) == books
    stored = [series["samples"] for series in receiver.series(__name__="level")]
    assert [[sample(n, n, start=None) for n in range(10)]] * 20 == stored
    size = only(receiver.series(__name__="size"))
    assert [{"1": n, "2": 1} if n else {"2": 1} for n in range(10)] == [
        {index: n for index, n in each["histogram"]["positive"].items() if n} for each in size["samples"]
    ]
    assert [milliseconds(-1)] == [each["time"] for each in size["exemplars"]]


def test_a_receiver_of_nothing_but_2_0_refuses_1_0_and_that_is_counted(start, serve):
    receiver = serve(OnlyVersion2)

    books = delivered(start(writing_to(receiver, message=V1)), metrics({"name": "level", "points": [at(0, value=1)]}))

    assert Books(accepted=1, sent=0, dropped={"rejected_permanent": 1}) == books
    assert [] == receiver.series(__name__="level")
