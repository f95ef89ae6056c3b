import random

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from collector.batch import SHAPES, Batch, Signal
from collector.registry import Kind, load_factory
from collector.testing import settings
from processors.redaction import few_changes, rewriting
from processors.redaction.config import RedactionConfig
from tests.bad_input.messages import attribute, field, text
from tests.processors.redaction.requests import random_wire

SIGNALS = [Signal.TRACES, Signal.METRICS, Signal.LOGS]
SECRET = attribute(b"to", text(b"a@b.org"))
MASKED = attribute(b"to", text(b"***@***.***"))
PIECE = SECRET[2:]
PLAIN = field(5, b"GET /") + attribute(b"a", text(b"b"))


def build(**options):
    factory = load_factory(Kind.PROCESSOR, "redaction")
    config = RedactionConfig.model_validate({"detectors": ["email", "us_passport"], **options})
    return factory.build(config, settings("redaction"))


def spans(*bodies):
    return field(1, field(2, b"".join(field(2, body) for body in bodies)))


def masked(*bodies, **options):
    """
    Returns the bytes that come out.
    """
    return build(**options).process(Batch(Signal.TRACES, wire=spans(*bodies), items=len(bodies))).wire


@pytest.fixture
def read_one_by_one(monkeypatch):
    """
    Returns what tells whether each request was changed without reading all of its records.
    """
    told = []

    def tried(*args):
        new = few_changes.with_few_changes(*args)
        told.append(new is not None)
        return new

    monkeypatch.setattr(rewriting, "with_few_changes", tried)
    return told


def test_records_in_which_nothing_changes_stay_as_they_were_written(read_one_by_one):
    odd = attribute(b"a", text(b"b")) + field(5, b"a name behind its attributes")  # as no encoder writes it

    assert masked(*[odd] * 8, PLAIN + SECRET, odd) == spans(*[odd] * 8, PLAIN + MASKED, odd)
    assert read_one_by_one == [True]


DECOYS = {
    "in a map": attribute(b"m", field(6, field(1, PIECE))),
    "in a field that nobody knows": field(1999, SECRET),
    "in an id": field(1, PIECE),
    "in an attribute with an ignored key": attribute(b"ignored", text(PIECE)),
}


@pytest.mark.parametrize("where", [0, 3, 9])
@pytest.mark.parametrize("decoy", DECOYS)
def test_bytes_of_a_secret_that_also_stand_elsewhere_hide_none(decoy, where):
    bodies = [PLAIN] * 9
    bodies[4] = PLAIN + SECRET
    bodies.insert(where, PLAIN + DECOYS[decoy])
    expected = [body.replace(SECRET, MASKED) if body == PLAIN + SECRET else body for body in bodies]
    request = SHAPES[Signal.TRACES].request.FromString(spans(*expected))
    for span in request.resource_spans[0].scope_spans[0].spans:
        for pair in span.attributes:
            if pair.key == "m":
                pair.value.kvlist_value.values[0].value.string_value = "***@***.***"

    assert SHAPES[Signal.TRACES].request.FromString(masked(*bodies, ignored_keys=["ignored"])) == request


def test_the_same_secret_twice_in_a_record_and_in_several_is_masked_everywhere(read_one_by_one):
    bodies = [PLAIN] * 12
    bodies[0] = bodies[11] = SECRET + PLAIN + SECRET

    assert masked(*bodies).count(MASKED) == 4
    assert read_one_by_one == [False]  # four of twelve are no few

    assert masked(*bodies, *[PLAIN] * 12).count(MASKED) == 4
    assert read_one_by_one == [False, True]


def test_attributes_go_and_names_events_and_resources_change_in_few_records_too(read_one_by_one):
    event = field(11, field(2, b"for a@b.org") + SECRET.replace(b"\x4a", b"\x1a", 1))
    one = field(1, field(1, field(1, PIECE)) + field(2, b"".join(field(2, PLAIN) for _ in range(20))))
    one += spans(*[PLAIN] * 20, field(5, b"GET /a@b.org") + SECRET + SECRET + event, PLAIN)
    redaction = build(detectors={"email": {"mode": "remove"}})

    (first, second) = (
        SHAPES[Signal.TRACES].request.FromString(redaction.process(Batch(Signal.TRACES, wire=one)).wire).resource_spans
    )

    span = second.scope_spans[0].spans[20]
    assert read_one_by_one == [True]
    assert list(first.resource.attributes) == []
    assert (span.name, list(span.attributes)) == ("GET /", [])
    assert (span.events[0].name, list(span.events[0].attributes)) == ("for ", [])


@given(seed=st.integers(0, 2**32), signal=st.sampled_from(SIGNALS), is_odd=st.booleans())
@how(max_examples=40)
def test_what_comes_out_does_not_depend_on_how_many_records_change(seed, signal, is_odd):
    wire = random_wire(random.Random(seed), signal, is_odd=is_odd)
    parse = SHAPES[signal].request.FromString
    written = []
    for few in (0, 1 << 30):  # all records may change, or none
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(few_changes, "_FEW", few)
            out = build(detectors=["email", "ssn", "api_key"]).process(Batch(signal, wire=wire))
            written.append(out.wire if out else b"")

    assert parse(written[0]) == parse(written[1])
