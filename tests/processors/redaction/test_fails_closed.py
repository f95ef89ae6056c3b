"""
Whatever goes wrong, what could not be masked is not passed on, and nobody gets to read it.
"""

import importlib
import inspect
import logging
import pkgutil
import sys
import traceback

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

import processors.redaction
from collector.batch import SHAPES, Batch, Signal
from collector.errors import DropReason, PermanentError
from collector.registry import Kind, load_factory
from collector.testing import make_logs, make_metrics, make_spans, settings
from processors.redaction.processor import Redaction
from tests.bad_input.messages import attribute, field, number, span
from tests.processors.redaction.masking import KEY, run

CANARY = "canary7f3a"
ADDRESS = f"{CANARY}@example.com"
DEFAULTS = "detectors: [email, api_key, ssn]"
EVERYTHING = (
    "detectors: {email: {}, api_key: {mode: hash}, ssn: {keep_last: 2}, credit_card: {mode: remove}, "
    "jwt: {mode: drop}}, "
    f"hmac_key: {KEY}, summary: debug, redact_all_types: true, redact_keys: true, unknown_fields: drop, "
    "ignored_keys: [ok], ignored_key_patterns: ['^fine'], blocked_keys: ['^pin'], blocked_values: ['canary\\w+'], "
    "allowed_values: ['^yes$']"
)
ERRORS = [ValueError(CANARY), MemoryError(CANARY), DecodeError(CANARY), PermanentError(CANARY), RecursionError(CANARY)]
_MADE_BY_PYTHON = {"_replace", "_asdict", "_make", "_generate_next_value_"}
_BUILT_AT_START = {"processors.redaction.config"}


def _modules():
    for module in pkgutil.walk_packages(processors.redaction.__path__, "processors.redaction."):
        if ".detectors" not in module.name and module.name not in _BUILT_AT_START:
            yield importlib.import_module(module.name)


def _functions():
    """
    Yields all functions and methods of redaction: where they are, and how they are called.
    """
    for module in _modules():
        for name, thing in vars(module).items():
            if getattr(thing, "__module__", "") != module.__name__:
                continue
            if inspect.isfunction(thing):
                yield module, name
            elif inspect.isclass(thing):
                own = {"__call__"} | {name for name in vars(thing) if not name.startswith("__")} - _MADE_BY_PYTHON
                yield from (
                    (thing, own_name) for own_name in sorted(own) if inspect.isfunction(vars(thing).get(own_name))
                )


FUNCTIONS = {f"{owner.__name__}.{name}": (owner, name) for owner, name in _functions()}
FUNCTIONS.pop("Redaction.process")


def _batches():
    attributes = {
        "to": ADDRESS,
        "password": CANARY,
        "ssn": "219099999",
        "deep": [{"password": CANARY, "to": ADDRESS}],
        "pin": "1234",
        "n": 1,
        "ok": "x",
        "yes": "yes",
        "card": 4111111111111111,
    }
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
    events = [{"name": ADDRESS, "attributes": attributes}]
    yield make_spans({"name": ADDRESS, "attributes": attributes, "events": events}, {"name": jwt}, resource=attributes)
    yield make_logs({"body": f"to {ADDRESS}"}, {"body": attributes, "attributes": attributes})
    yield make_metrics({"name": ADDRESS, "points": [{"attributes": attributes}]})


def _everything_in(error):
    while error is not None:
        yield "".join(traceback.format_exception(error))
        yield repr(error.args)
        error = error.__cause__ or error.__context__


def _assert_nobody_reads_it(outcome, caplog):
    assert [batch for batch in outcome.batches if CANARY.encode() in batch.wire] == []
    assert CANARY not in caplog.text
    for record in caplog.records:
        told = [str(record.__dict__)]
        told += _everything_in(record.exc_info[1]) if record.exc_info else []
        assert CANARY not in " ".join(told)


def _arm(monkeypatch, owner, name, error):
    """
    Has a function raise from the first batch on; returns what tells how often it did.
    """
    original, process = vars(owner)[name], Redaction.process
    state = {"armed": False, "raised": 0, "failed": 0}

    def broken(*args, **kwargs):
        if state["armed"]:
            state["raised"] += 1
            raise error
        return original(*args, **kwargs)

    def armed(self, batch):
        before, state["armed"] = state["raised"], True
        try:
            return process(self, batch)
        finally:
            state["armed"] = False
            state["failed"] += len(batch) if state["raised"] > before else 0

    monkeypatch.setattr(owner, name, broken)
    for module in _modules():
        for alias, thing in list(vars(module).items()):
            if thing is original:
                monkeypatch.setattr(module, alias, broken)
    monkeypatch.setattr(Redaction, "process", armed)
    return state


@pytest.mark.parametrize("function", FUNCTIONS)
def test_whatever_fails_the_batch_is_dropped_and_counted_and_nobody_reads_it(function, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    state = _arm(monkeypatch, *FUNCTIONS[function], ERRORS[len(function) % len(ERRORS)])

    for options in (DEFAULTS, EVERYTHING):
        if not state["raised"]:  # what is not called there is called where everything is switched on
            outcome = run(options, *_batches())

            _assert_nobody_reads_it(outcome, caplog)
            assert outcome.dropped.get(DropReason.PLUGIN_ERROR, 0) == state["failed"]


def test_nearly_all_functions_that_are_called_for_a_batch_are_tried():
    called = set()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code) if event == "call" else None)
    try:
        for options in (DEFAULTS, EVERYTHING):
            run(options, *_batches())
    finally:
        sys.setprofile(None)

    tried = [name for name, (owner, own) in FUNCTIONS.items() if vars(owner)[own].__code__ in called]
    assert len(tried) > 70
    assert sum(name.startswith(("ValueMask.", "TextMask.", "_Rewriter.", "Memory.")) for name in tried) > 25


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_log_says_which_error_it_was_and_where_and_nothing_of_the_data(error, monkeypatch, caplog):
    state = _arm(monkeypatch, *FUNCTIONS["TextMask._without"], error)

    outcome = run(DEFAULTS, make_spans({"name": ADDRESS}))

    assert state["raised"] == 1
    assert outcome.dropped == {DropReason.PLUGIN_ERROR: 1}
    assert f"masking failed: {type(error).__name__} at test_fails_closed.py:" in caplog.text
    _assert_nobody_reads_it(outcome, caplog)


def test_an_error_leads_to_nothing_of_the_data():
    factory = load_factory(Kind.PROCESSOR, "redaction")
    config = factory.config.model_validate({"detectors": ["email"]})
    broken = Batch(Signal.TRACES, wire=span(field(5, b"\xff" + ADDRESS.encode())), items=1)

    with pytest.raises(PermanentError) as caught:
        factory.build(config, settings("redaction")).process(broken)

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert CANARY not in " ".join(_everything_in(caught.value))


def _nested(levels, leaf):
    value = leaf
    for _ in range(levels):
        value = field(5, field(1, value))
    return value


TEXT = field(1, ADDRESS.encode())
BROKEN = {
    "text that is not UTF-8": span(field(5, b"\xff" + ADDRESS.encode())),
    "a value that is not UTF-8": span(attribute(b"a", field(1, ADDRESS.encode() + b"\xff"))),
    "a key that is not UTF-8": span(attribute(b"\xff", TEXT)),
    "nesting that parsers refuse": span(attribute(b"a", _nested(200, TEXT))),
    "nesting that Python cannot follow": span(attribute(b"a", _nested(20_000, TEXT))),
    "an attribute that was cut off": span(field(9, field(1, b"a") + b"\x12\x40" + TEXT)),
    "a value that was cut off": span(field(9, field(1, b"a") + field(2, b"\x0a\x40" + ADDRESS.encode()))),
    "an attribute with a wire type that there is not": span(field(9, b"\x0f" + ADDRESS.encode())),
    "a request that was cut off": span(attribute(b"a", TEXT))[:-1],
    "a record that was cut off": span(field(5, ADDRESS.encode()) + b"\x4a\x40"),
    "a group that does not end": span(field(5, ADDRESS.encode()) + b"\x4b"),
    "a number without an end": span(field(5, ADDRESS.encode()) + b"\xff" * 12),
}


@pytest.mark.parametrize("options", [DEFAULTS, EVERYTHING], ids=["defaults", "everything"])
@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_be_read_is_dropped_and_counted_and_nobody_reads_it(what, options, caplog):
    caplog.set_level(logging.DEBUG)

    outcome = run(options, Batch(Signal.TRACES, wire=BROKEN[what], items=1))

    assert outcome.batches == []
    assert outcome.dropped == {DropReason.PLUGIN_ERROR: 1}
    _assert_nobody_reads_it(outcome, caplog)


ODD = {
    "fields twice": span(field(5, ADDRESS.encode()) + field(5, b"b")),
    "fields twice, the last one masked": span(field(5, b"b") + field(5, ADDRESS.encode())),
    "a value twice": span(field(9, field(1, b"a") + field(2, TEXT) + field(2, field(1, b"b")))),
    "a key twice": span(field(9, field(1, b"a") + field(1, b"password") + field(2, field(1, CANARY.encode())))),
    "a key after its value": span(field(9, field(2, field(1, CANARY.encode())) + field(1, b"password"))),
    "two members of a value": span(attribute(b"a", TEXT + number(3, 7))),
    "a map overwritten": span(
        attribute(b"a", field(6, field(1, field(1, b"password") + field(2, field(1, CANARY.encode())))) + number(3, 7))
    ),
    "lengths that are longer than they have to be": span(b"\x2a\x96\x80\x00" + ADDRESS.encode()),
    "keys of no attribute balanced by two of another": span(
        field(9, field(2, field(1, b"b")))
        + field(9, field(1, b"a") + field(1, b"password") + field(2, field(1, CANARY.encode())))
    ),
    "a number where text should be": span(number(5, 7) + field(5, ADDRESS.encode())),
    "a resource twice": field(1, field(1, field(1, field(1, b"a") + field(2, TEXT))) + field(1, b"")) + span(),
}


@pytest.mark.parametrize("options", [DEFAULTS, EVERYTHING], ids=["defaults", "everything"])
@pytest.mark.parametrize("what", ODD)
def test_what_is_written_in_an_odd_way_is_masked_also_where_parsers_overwrite_it(what, options, caplog):
    outcome = run(options, Batch(Signal.TRACES, wire=ODD[what], items=1))

    assert len(outcome.batches) == 1
    _assert_nobody_reads_it(outcome, caplog)


@pytest.mark.parametrize(
    "fields", [field(5, b"a") + field(1999, ADDRESS.encode()), number(9, 7) + field(16, ADDRESS.encode())]
)
def test_text_in_fields_that_nobody_knows_goes_if_they_are_to(fields):
    (batch,) = run(f"{DEFAULTS}, unknown_fields: drop", Batch(Signal.TRACES, wire=span(fields))).batches

    assert CANARY.encode() not in batch.wire


def test_one_batch_that_cannot_be_masked_costs_no_other():
    fine = make_spans({"name": "a"})
    broken = Batch(Signal.TRACES, wire=BROKEN["a value that is not UTF-8"], items=1)

    outcome = run(DEFAULTS, fine, broken, make_spans({"name": ADDRESS}))

    assert [record.name for record in outcome.records] == ["a", "***@***.***"]
    assert outcome.dropped == {DropReason.PLUGIN_ERROR: 1}


def test_nothing_that_failed_is_remembered_as_fine():
    redaction = load_factory(Kind.PROCESSOR, "redaction")
    processor = redaction.build(redaction.config.model_validate({"detectors": ["email"]}), settings("redaction"))
    pair = KeyValue(key="to", value=AnyValue(string_value=ADDRESS)).SerializeToString()
    broken = Batch(Signal.TRACES, wire=span(field(9, pair) + attribute(b"a", field(1, b"\xff" + TEXT))))

    with pytest.raises(PermanentError):
        processor.process(broken)
    masked = processor.process(Batch(Signal.TRACES, wire=span(field(9, pair))))

    assert CANARY.encode() not in masked.wire
    assert len(SHAPES[Signal.TRACES].request.FromString(masked.wire).resource_spans) == 1
