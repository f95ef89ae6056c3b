"""No port of the bench is somebody else's: a run of an hour would break off for it."""

import io
import json
import socket
import sys

import pytest

from bench import processes, sink
from bench.processes import AddressTakenError, BrokenError, Relay, free_ports, listening

LISTENER = """
import os, signal, socket
listener = socket.socket()
listener.bind(("127.0.0.1", int(os.environ["BENCH_GRPC"])))
listener.listen()
signal.pause()
"""


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def start(tmp_path, monkeypatch):
    """
    Starts a listener on the next of some ports, and notes those that were started.
    """
    started = []

    def with_ports(*ports, program=LISTENER):
        choices = iter(ports)
        command = [sys.executable, "-S", "-c", program]

        def begin():
            relay = Relay("listener", command, {"BENCH_GRPC": str(next(choices))}, tmp_path / "log")
            started.append(relay)
            return relay

        return begin

    with_ports.started = started
    yield with_ports
    for relay in started:
        relay.stop()


def has_ended(relay):
    return relay._process.poll() is not None


def test_the_sink_says_which_port_the_system_chose(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sink"])
    monkeypatch.setattr(sys, "stdin", io.StringIO("null\n"))

    sink.main()

    first, report = map(json.loads, capsys.readouterr().out.splitlines())
    assert 0 < first["port"] < 1 << 16
    assert ({}, 0) == (report["items"], report["batches"])


def test_no_two_ports_are_the_same():
    assert 50 == len(set(free_ports(50)))


def test_a_relay_whose_port_was_taken_is_started_on_another(start, taken):
    (free,) = free_ports(1)

    relay = listening(start(taken, free), "grpc")

    assert free == relay.port("grpc")
    assert [True, False] == [has_ended(each) for each in start.started]


def test_a_relay_whose_ports_are_always_taken_is_given_up(start, taken):
    with pytest.raises(AddressTakenError, match="does not listen"):
        listening(start(*[taken] * 9), "grpc")

    assert processes._ATTEMPTS == len(start.started)


def test_a_relay_that_ends_for_another_reason_is_not_started_again(start):
    with pytest.raises(BrokenError, match="no such flag") as error:
        listening(start(*free_ports(2), program="raise SystemExit('no such flag')"), "grpc")

    assert not isinstance(error.value, AddressTakenError)
    assert 1 == len(start.started)


def test_somebody_else_who_listens_is_not_taken_for_the_relay(start, taken, monkeypatch):
    monkeypatch.setattr(processes, "_START_DEADLINE", 0.2)

    with pytest.raises(BrokenError, match="does not listen"):
        listening(start(taken, program="import signal; signal.pause()"), "grpc")
