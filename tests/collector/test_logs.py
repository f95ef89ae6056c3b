import json
import logging
import os
from contextlib import suppress

import pytest

from collector.api import ComponentID
from collector.logs import FIRST, MOST_WAITING, THEREAFTER, TICK, Beside, Console, Json, Sampling


def record(message, *arguments, level=logging.INFO, error=None):
    made = logging.LogRecord("collector.otlp", level, __file__, 1, message, arguments, None)
    made.created = 1_700_000_000.25
    if error:
        made.exc_info = (type(error), error, error.__traceback__)
    return made


def test_a_line_for_people_has_time_level_and_message():
    assert "2023-11-14T22:13:20.250Z WARNING otlp: 3 refused" == Console().format(
        record("%s: %d refused", "otlp", 3, level=logging.WARNING)
    )


@pytest.mark.parametrize("hostile", ["\n2026 INFO forged", "\x1b[2J", "\r", "\x00", "\u2028", "\x9b31m"])
def test_what_strangers_wrote_cannot_forge_a_line_or_move_the_cursor(hostile):
    line = Console().format(record("name %s", hostile))

    assert hostile not in line
    assert 1 == len(line.splitlines())


def test_a_traceback_keeps_its_lines():
    assert Console().format(record("died", error=ValueError("why"))).endswith("\nValueError: why")


def test_a_line_for_programs_is_one_json_object():
    line = Json({"cluster": "blue"}).format(
        record("took %s", "\n\ud800\x1b", level=logging.ERROR, error=ValueError("x"))
    )
    parsed = json.loads(line)

    assert 1 == len(line.splitlines())
    assert {
        "timestamp": "2023-11-14T22:13:20.250Z",
        "level": "error",
        "logger": "collector.otlp",
        "message": "took \n?\x1b",
        "cluster": "blue",
        "exception": "ValueError: x",
    } == parsed


def test_of_many_equal_messages_the_first_and_then_every_hundredth_are_written():
    now = [0.0]
    sampling = Sampling(lambda: now[0])

    written = sum(sampling.filter(record("refused %s", n)) for n in range(FIRST + 5 * THEREAFTER))
    other = sampling.filter(record("something else"))
    now[0] = TICK
    again = sampling.filter(record("refused %s", 1))

    assert (FIRST + 5, True, True) == (written, other, again)


def test_a_component_that_fails_often_does_not_hide_another_one_that_fails_too():
    sampling = Sampling(lambda: 0.0)
    for number in range(FIRST + 1):
        sampling.filter(record("%s: dropping %d items", ComponentID("otlp", "a"), number))

    assert sampling.filter(record("%s: dropping %d items", ComponentID("otlp", "b"), 1))
    assert not sampling.filter(record("%s: dropping %d items", ComponentID("otlp", "a"), 1))


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def fill(descriptor):
    """
    Write until there is no room.
    """
    os.set_blocking(descriptor, False)
    with suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"." * 4096)
    with suppress(BlockingIOError):
        while True:
            os.write(descriptor, b".")


@pytest.mark.parametrize("blocking", [True, False])
def test_a_log_that_nobody_reads_holds_nobody_up(pipe, blocking):
    reading, writing = pipe
    fill(writing)
    os.set_blocking(writing, blocking)
    handler = Beside(writing)
    handler.setFormatter(logging.Formatter("%(message)s"))

    for number in range(2 * MOST_WAITING):
        handler.emit(record("line %s", number))
    text = b""
    while f"line {MOST_WAITING - 2}\n".encode() not in text:
        text += os.read(reading, 1 << 16)
    handler.emit(record("last"))
    while b"last\n" not in text:
        text += os.read(reading, 1 << 16)
    handler.flush()

    *lines, last = text.decode().lstrip(".").splitlines()
    written = [int(line.removeprefix("line ")) for line in lines if line.startswith("line ")]
    left_out = [int(note.partition(" ")[0]) for note in lines if "left out" in note]
    assert "last" == last
    assert sorted(written) == written
    assert 2 * MOST_WAITING == len(written) + sum(left_out)
    assert len(written) <= MOST_WAITING + 5


def test_a_log_whose_reader_is_gone_is_no_reason_to_stop(pipe):
    reading, writing = pipe
    handler = Beside(writing)
    os.dup2(os.open(os.devnull, os.O_RDONLY), reading)

    handler.emit(record("nobody reads this"))

    assert handler.flush() is None
