"""
Records in which nothing can be are passed by; what comes out is the same as if they were read.
"""

import random

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from collector.batch import SHAPES, Batch, Signal
from collector.errors import PermanentError
from collector.registry import Kind, load_factory
from collector.testing import make_logs, make_metrics, make_spans, settings
from processors.redaction import processor, sifting
from processors.redaction.config import RedactionConfig
from tests.processors.redaction.requests import random_wire

SIGNALS = [Signal.TRACES, Signal.METRICS, Signal.LOGS]
EMAIL = {"detectors": ["email", "ssn", "api_key"]}
OPTIONS = [
    EMAIL,
    {"detectors": {"email": {"mode": "remove"}, "ipv4": {}, "api_key": {}}},
    {**EMAIL, "summary": "debug"},
    {**EMAIL, "redact_keys": True},
]
NOTHING = {"a": "b", "n": 7, "deep": [{"x": ["y"]}]}


def build(options=EMAIL):
    factory = load_factory(Kind.PROCESSOR, "redaction")
    return factory.build(RedactionConfig.model_validate(options), settings("redaction"))


def batch(signal, *attributes):
    """
    Returns a batch of records with these attributes, some of them in a resource.
    """
    if signal is Signal.METRICS:
        return make_metrics({"name": "m", "points": [{"attributes": one} for one in attributes]})
    make = make_spans if signal is Signal.TRACES else make_logs
    return make(*[{"attributes": one} for one in attributes], resource={"service.name": "x"})


@pytest.fixture
def read(monkeypatch):
    """
    Returns how many bytes of each request were read further.
    """
    lengths = []

    def noting(original):
        def noted(wire, *args, **kwargs):
            lengths.append(len(wire))
            return original(wire, *args, **kwargs)

        return noted

    for name in ("rewrite", "rewrite_sifted"):
        monkeypatch.setattr(processor, name, noting(getattr(processor, name)))
    return lengths


SECRETS = {
    "a text": ({"to": "a@b.org"}, {"to": "***@***.***"}),
    "a key that says so": ({"password": "x"}, {"password": "***"}),
    "a key in a map": ({"m": [{"user.token": "x"}]}, {"m": [{"user.token": "***"}]}),
    "a key that introduces it": ({"ssn": "219099999"}, {"ssn": "***-**-****"}),
}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("what", SECRETS)
def test_one_record_of_many_is_read_and_masked_in_its_place_and_the_others_stay(what, signal, read):
    secret, masked = SECRETS[what]
    others = [{**NOTHING, "n": n} for n in range(200)]
    given = batch(signal, *others[:70], secret, *others[70:])

    out = build().process(given)

    parse = SHAPES[signal].request.FromString
    assert read[0] < len(given.wire) / 20
    assert parse(out.wire) == parse(batch(signal, *others[:70], masked, *others[70:]).wire)
    assert len(out) == len(given)


def test_where_nothing_can_be_the_batch_stays_as_it_is(read):
    given = batch(Signal.TRACES, *[NOTHING] * 200)

    assert build().process(given) is given
    assert read[0] < 100


def test_what_is_around_records_changes_too():
    given = make_spans(*[{"attributes": NOTHING}] * 200, {"attributes": {"to": "a@b.org"}}, resource={"to": "c@d.org"})

    (out,) = SHAPES[Signal.TRACES].request.FromString(build().process(given).wire).resource_spans

    spans = out.scope_spans[0].spans
    assert [pair.value.string_value for pair in out.resource.attributes] == ["***@***.***"]
    assert {len(span.attributes) for span in spans[:200]} == {len(NOTHING)}
    assert [pair.value.string_value for pair in spans[200].attributes] == ["***@***.***"]


@pytest.mark.parametrize("where", ["resource", "scope"])
def test_records_in_several_scopes_keep_their_places(where):
    request = SHAPES[Signal.TRACES].request()
    for number, kind in enumerate(["none", "one", "no records", "two"]):
        resource = request.resource_spans.add() if where == "resource" or not number else request.resource_spans[0]
        scope = resource.scope_spans.add()
        scope.scope.name = kind
        for index in range(0 if kind == "no records" else 90):
            scope.spans.add(name=f"{kind} {index}").events.add(name="x")
        for index in {"one": [89], "two": [0, 7]}.get(kind, []):
            scope.spans[index].attributes.add(key="to").value.string_value = "a@b.org"
            scope.spans[index].events.add(name="for a@b.org").attributes.add(key="ssn").value.string_value = "219099999"
    expected = SHAPES[Signal.TRACES].request.FromString(
        request.SerializeToString().replace(b"a@b.org", b"***@***").replace(b"219099999", b"*********")
    )
    options = {
        "detectors": {
            "email": {"mode": "replace", "replacement": "***@***"},
            "ssn": {"mode": "replace", "replacement": "*********"},
        }
    }

    out = build(options).process(Batch(Signal.TRACES, wire=request.SerializeToString()))

    assert SHAPES[Signal.TRACES].request.FromString(out.wire) == expected


def test_where_much_is_left_requests_are_read_as_a_whole_for_a_while(read):
    redaction = build()
    given = batch(Signal.TRACES, *[NOTHING, {"to": "a@b.org"}] * 100)
    few = batch(Signal.TRACES, *[NOTHING] * 200)
    for one in (*[given] * 17, *[few] * 61, *[given] * 16, few):
        redaction.process(one)

    sifted = [place for place, length in enumerate(read) if length < 100]
    assert sifted == [77, 94]  # after 15 requests too much was left again, then after 60 no longer
    assert len(read) == 95


@pytest.mark.parametrize(
    "options",
    [
        {"detectors": {"own": {"regex": "x"}}},
        {**EMAIL, "redact_all_types": True},
        {**EMAIL, "unknown_fields": "drop"},
        {**EMAIL, "allowed_keys": ["a"]},
        {**EMAIL, "summary": "info", "allowed_values": ["b"]},
        {"detectors": {"email": {"mode": "drop"}}},
    ],
    ids=str,
)
def test_where_more_than_text_decides_or_records_go_all_are_read(options, read):
    given = batch(Signal.TRACES, *[NOTHING] * 200)

    build(options).process(given)

    assert read == [len(given.wire)]


@pytest.mark.parametrize("fewer", [{"wire": b"", "records": None}, {"records": [[]]}, {"records": []}], ids=str)
def test_records_that_are_not_as_many_as_there_were_are_not_passed_on(fewer, monkeypatch):
    given = batch(Signal.TRACES, *[NOTHING] * 200, {"to": "a@b.org"})
    original = processor.rewrite_sifted
    monkeypatch.setattr(processor, "rewrite_sifted", lambda *args: original(*args)._replace(**fewer))

    with pytest.raises(PermanentError, match=r"RuntimeError at sifting\.py"):
        build().process(given)


@given(
    seed=st.integers(0, 2**32),
    signal=st.sampled_from(SIGNALS),
    is_odd=st.booleans(),
    options=st.sampled_from(OPTIONS),
)
@how(max_examples=80)
def test_what_comes_out_is_the_same_as_if_all_records_were_read(seed, signal, is_odd, options):
    wire = random_wire(random.Random(seed), signal, is_odd=is_odd)
    parse = SHAPES[signal].request.FromString
    written = []
    for shortest in (0, 1 << 30):  # all are sifted, however many are left, or none
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sifting, "_SHORTEST", shortest)
            patch.setattr(sifting, "_FEW", 1)
            out = build(options).process(Batch(signal, wire=wire))
            written.append(out.wire if out else b"")

    assert parse(written[0]) == parse(written[1])
