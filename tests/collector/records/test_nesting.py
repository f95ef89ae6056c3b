"""
How deeply values may be nested: as deeply as the official parser takes them, at each place.
"""

import pytest
from google.protobuf.message import DecodeError

from collector.batch import SHAPES
from collector.records.mapping import map_records, records_of
from collector.testing import make_logs, make_metrics, make_span, make_spans

LINK = {"trace_id": "ab" * 16, "span_id": "cd" * 8}
EXEMPLAR = {"time_unix_nano": 1}
NUMBERS = {"points": [{"value": 1, "exemplars": [EXEMPLAR]}]}
DISTRIBUTION = {"kind": "histogram", "points": [{"count": 1, "exemplars": [EXEMPLAR]}]}


def of(*path):
    """
    What stands at a path below a record.
    """

    def find(record):
        for step in path:
            record = record[step] if isinstance(step, int) else getattr(record, step)
        return record

    return find


PLACES = {
    "resource": (make_spans({}), of("resource")),
    "scope": (make_spans({}), of("scope")),
    "span": (make_spans({}), of()),
    "event": (make_spans({"events": [{"name": "e"}]}), of("events", 0)),
    "link": (make_spans({"links": [LINK]}), of("links", 0)),
    "log record": (make_logs({}), of()),
    "number": (make_metrics(NUMBERS), of("points", 0)),
    "distribution": (make_metrics(DISTRIBUTION), of("points", 0)),
    "exemplar": (make_metrics(NUMBERS), of("points", 0, "exemplars", 0)),
}
WRAP = {"list": lambda value: [value], "dict": lambda value: {"k": value}}


def nested(levels, wrap):
    value = "x"
    for _ in range(levels):
        value = wrap(value)
    return value


def written(batch, wrap, write, levels):
    def change(record):
        write(record, nested(levels, wrap))
        return record

    return map_records(batch.copy(), change)


def deepest(batch, wrap, write):
    """
    Write deeper and deeper values, as long as they are taken, and return how deep that was.
    """
    for levels in range(1, 100):
        try:
            written(batch, wrap, write, levels)
        except ValueError:
            return levels - 1
    return 100


def is_taken(batch, wrap, write, levels):
    """
    Whether the official parser takes such a value.
    """
    try:
        SHAPES[batch.signal].request.FromString(written(batch, wrap, write, levels).wire)
    except DecodeError:
        return False
    return True


@pytest.mark.parametrize("kind", WRAP)
@pytest.mark.parametrize("place", PLACES)
def test_a_value_may_be_nested_as_deeply_as_the_official_parser_takes_it_there(place, kind, monkeypatch):
    """
    What can be written deeper would be refused by whoever reads it next, together with all that it was joined with.
    """
    batch, find = PLACES[place]

    def write(record, value):
        find(record)["x"] = value

    most = deepest(batch, WRAP[kind], write)
    monkeypatch.setattr("collector.records.values._refuse_more_than", lambda room: None)

    assert (True, False) == tuple(is_taken(batch, WRAP[kind], write, levels) for levels in (most, most + 1))


@pytest.mark.parametrize("kind", WRAP)
def test_so_may_a_body(kind, monkeypatch):
    def write(record, value):
        record.body = value

    most = deepest(make_logs({}), WRAP[kind], write)
    monkeypatch.setattr("collector.records.values._refuse_more_than", lambda room: None)

    assert (True, False) == tuple(is_taken(make_logs({}), WRAP[kind], write, levels) for levels in (most, most + 1))


def test_a_list_that_contains_itself_is_an_error_and_no_recursion():
    endless = []
    endless.append(endless)

    with pytest.raises(ValueError, match="or contain themselves") as error:
        make_span()["x"] = endless

    assert len(error.traceback) < 10


def a_list(value):
    return value.array_value.values.add()


def a_dict(value):
    return value.kvlist_value.values.add(key="k").value


def an_empty_list(value):
    value.array_value.SetInParent()


def an_empty_dict(value):
    value.kvlist_value.SetInParent()


def a_key_without_value(value):
    value.kvlist_value.values.add(key="k")


def nothing(value):
    value.SetInParent()


def deepest_that_arrives(batch, wrap, end):
    """
    Return the batch with as deep a value as the official parser takes.
    """
    taken = batch
    for levels in range(1, 60):
        deeper = batch.copy()
        value = next(deeper.records()).attributes.add(key="x").value
        for _ in range(levels):
            value = wrap(value)
        end(value)
        try:
            SHAPES[batch.signal].request.FromString(deeper.wire)
        except DecodeError:
            return taken
        taken = deeper
    raise AssertionError("the parser takes anything")


@pytest.mark.parametrize("wrap", [a_list, a_dict])
@pytest.mark.parametrize("end", [an_empty_list, an_empty_dict, a_key_without_value, nothing])
@pytest.mark.parametrize("place", ["span", "log record", "number"])
def test_whatever_value_the_official_parser_takes_can_be_read_and_goes_on(place, end, wrap):
    """
    Otherwise a sender could have a whole batch dropped, with what others sent.
    """
    batch, find = PLACES[place]
    arrived, seen = deepest_that_arrives(batch, wrap, end), []

    def read(record):
        seen.append(find(record)["x"])
        return record

    mapped = map_records(arrived, read)

    SHAPES[batch.signal].request.FromString(mapped.wire)
    assert seen == [find(record)["x"] for record in records_of(mapped)]
