import pytest

from bench.load import Order
from bench.processes import BrokenError
from bench.rig import Rig

ORDER = Order(protocol="grpc", port=1, payload="traces", items=10, seconds=1, connections=1)


class Script:
    """
    A tool that answers from a list, the last answer for ever.
    """

    def __init__(self, *answers):
        self._answers = list(answers)

    def ask(self, question=None):
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class FakeRelay:
    name = "relay"

    def __init__(self, dropped=()):
        self._cpu = iter([1.0, 1.5])
        self._dropped = iter(dropped)

    def cpu_seconds(self):
        return next(self._cpu)

    def dropped(self, signal, reasons):
        assert ("traces", ["sampled_out"]) == (signal, reasons)
        return next(self._dropped)

    def log_tail(self):
        return "its log"


def arrived(items, cpu=0.0):
    return {"items": {"traces": items} if items else {}, "cpu_seconds": cpu, "batches": 1, "ages": []}


def sent(accepted, unanswered=0):
    return {
        "accepted": accepted,
        "unanswered": unanswered,
        "refused": 0,
        "late": 0,
        "requests": accepted // 10,
        "seconds": 2.0,
        "cpu_seconds": 0.5,
    }


def give(sink, generator):
    return Rig(sink, generator, []).give(FakeRelay(), ORDER)


def test_the_figure_is_what_was_accepted_by_cpu_time_until_it_has_arrived():
    result = give(Script(arrived(0), arrived(400), arrived(1000, cpu=0.2)), Script(sent(1000)))

    assert (2000, 0.25, 0.25, 0.1) == (result.rate, result.busy, result.generator_busy, result.sink_busy)


def test_earlier_rounds_do_not_count():
    result = give(Script(arrived(70), arrived(1070)), Script(sent(1000)))

    assert 1000 == result.received


def test_what_the_collector_was_told_to_drop_counts_as_arrived_when_no_more_comes():
    relay = FakeRelay(dropped=[5, 705])
    sink = Script(arrived(0), arrived(200), arrived(300), arrived(300))

    result = Rig(sink, Script(sent(1000)), [relay], ["sampled_out"]).give(relay, ORDER)

    assert 1000 == result.received


@pytest.mark.parametrize("items", [990, 1010])
def test_a_round_that_lost_or_doubled_something_is_a_failure(monkeypatch, items):
    monkeypatch.setattr("bench.rig._ARRIVAL_DEADLINE", 0)

    with pytest.raises(BrokenError, match=f"accepted 1000 items .*; {items} items arrived"):
        give(Script(arrived(0), arrived(items)), Script(sent(1000)))


def test_a_round_with_unanswered_requests_is_a_failure():
    with pytest.raises(BrokenError, match="left 1 requests unanswered"):
        give(Script(arrived(0), arrived(1000)), Script(sent(1000, unanswered=1)))
