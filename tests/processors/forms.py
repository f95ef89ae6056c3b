"""
What a processor makes of a request in each of the forms that a batch may have.
"""

import logging

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.api import PermanentError
from collector.batch import SHAPES, Batch, Signal
from collector.testing import settings
from tests.collector.records.wire import field


def _pair(key, value):
    return KeyValue(key=key, value=AnyValue(**{"string_value" if isinstance(value, str) else "int_value": value}))


PAIRS = [_pair(key, value) for key in ("k", "a") for value in ("a", "b", "ab", 0, 1, 2)]
PAIRS += [_pair("sampling.priority", value) for value in (0, 1, 50)]
PAIRS += [_pair("sampling.threshold", text) for text in ("8", "?")]
_RESOURCE_IN_PARTS = field(1, b"".join(field(1, field(1, part.SerializeToString())) for part in PAIRS[:2]))
"""Parsers merge a message that comes twice where it should come once."""
_UNKNOWN = field(15, b"of tomorrow")
"""A field that no request has yet."""


def random_request(dice, signal):
    """
    A request of up to 27 records, in which a resource or scope may have none, a record say nothing of what it should.
    """
    request = SHAPES[signal].request()
    resources, scopes, records = SHAPES[signal].path[:3]
    for _ in range(dice.randrange(4)):
        resource = resources(request).add()
        if dice.random() < 0.8:
            resource.resource.attributes.extend(dice.choices(PAIRS, k=dice.randrange(3)))
        for _ in range(dice.randrange(4)):
            scope = scopes(resource).add(schema_url=dice.choice(["", "x"]))
            scope.scope.name = dice.choice(["", "a", "b"])
            for _ in range(dice.randrange(4)):
                _fill(records(scope).add(), dice, signal)
    parts = [request.SerializeToString(), *dice.sample([_RESOURCE_IN_PARTS, _UNKNOWN, b"", b""], 2)]
    return b"".join(dice.sample(parts, len(parts)))


def _fill(record, dice, signal):
    name = dice.choice(["a", "b", "ab"])
    if signal is Signal.METRICS:
        record.name = name
        for _ in range(dice.randrange(3)):
            record.gauge.data_points.add(as_int=dice.randrange(3), attributes=dice.choices(PAIRS, k=dice.randrange(3)))
        return
    record.attributes.extend(dice.choices(PAIRS, k=dice.randrange(3)))
    record.trace_id = dice.choice([dice.randbytes(16), dice.randbytes(16), b"t" * 16, bytes(16), b"short", b""])
    if signal is Signal.LOGS:
        record.body.string_value = name
        record.severity_number = dice.randrange(5)
        return
    record.name = name
    record.trace_state = dice.choice(["", "", "ot=th:8", "ot=rv:ffffffffffffff", "ot=th:?", "x=y"])
    for _ in range(dice.randrange(3)):
        record.events.add(name=dice.choice("ab"), attributes=dice.choices(PAIRS, k=1))


def forms(signal, wire, metadata=None):
    """
    The request as it arrives, as a receiver hands on traces, and as processors hand on what they changed.
    """
    arrived, looked_at = (Batch(signal, wire=wire, metadata=metadata) for _ in range(2))
    apart = looked_at.replace(looked_at.apart())
    assert not arrived.is_apart
    return [arrived, looked_at, apart]


def outcome(factory, config, batch):
    """
    All that comes of a batch: the very one or what its message is, how many items, the error, the metrics, the words.
    """
    given = settings("it")
    words = _Words()
    given.logger.addHandler(words)
    processor = factory.build(factory.config.model_validate(config), given)
    try:
        result = processor.process(batch)
        left = "the very one" if result is batch else None if result is None else _content(result)
    except PermanentError as error:
        left = (error.reason, str(error))
    except DecodeError:
        left = DecodeError
    finally:
        given.logger.removeHandler(words)
    counts = {
        (metric.name, labels): value
        for metric, labels, value in given.telemetry.telemetry.samples()
        if ("component", "it") in labels
    }
    return left, counts, words.said


def assert_all_forms_come_to_the_same(factory, config, signal, wire, metadata=None):
    """
    What is apart stays apart and as it was, since others may share it.  Returns the outcome.
    """
    arrived, *others = forms(signal, wire, metadata)
    expected = outcome(factory, config, arrived)
    for batch in others:
        apart = batch.apart()
        assert expected == outcome(factory, config, batch)
        assert _content(Batch(signal, wire=wire, metadata=metadata)) == _content(batch.replace(apart))
    return expected


def _content(batch):
    items = len(batch)
    assert items == len(Batch(batch.signal, wire=batch.copy().wire))
    return SHAPES[batch.signal].request.FromString(batch.wire), items, batch.metadata


class _Words(logging.Handler):
    def __init__(self):
        super().__init__()
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())
