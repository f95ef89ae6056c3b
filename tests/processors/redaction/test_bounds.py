"""
What a sender can cost: memory within its bound, and no time that grows with the square of anything.
"""

import tracemalloc

import pytest

from collector.batch import Batch, Signal
from collector.registry import Kind, load_factory
from collector.testing import make_logs, make_spans, settings
from processors.redaction.config import RedactionConfig
from processors.redaction.detectors.catalogue import BUILT_IN
from processors.redaction.detectors.effort import MOST, Effort
from processors.redaction.detectors.scanner import Scanner
from processors.redaction.keys import KeyRules
from processors.redaction.policy import Policy
from tests.bad_input.messages import attribute, field, span, text
from tests.processors.redaction.masking import counter, run
from tests.timing import cpu_seconds

MIB = 1 << 20
ADDRESSES = 70_000
"""
More than one request may have found one by one.
"""
DETECTORS = ["email", "phone", "ssn", "credit_card", "api_key"]


def build(**options):
    factory = load_factory(Kind.PROCESSOR, "redaction")
    return factory.build(RedactionConfig.model_validate({"detectors": DETECTORS, **options}), settings("redaction"))


def _spans_with_values_of_their_own(start, count):
    values = [f"value number {start + i} of many".encode() for i in range(count)]
    values[::10] = [b"user%d@example.com" % (start + i) for i in range(0, count, 10)]
    return span(b"".join(attribute(b"k%d" % (i % 11), text(value)) for i, value in enumerate(values)))


@pytest.mark.slow
def test_a_flood_of_values_that_never_come_again_takes_no_more_memory_than_it_may():
    redaction = build(memory_mib=1)
    redaction.process(Batch(Signal.TRACES, wire=_spans_with_values_of_their_own(0, 1000), items=1))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for start in range(1000, 21_000, 1000):
        redaction.process(Batch(Signal.TRACES, wire=_spans_with_values_of_their_own(start, 1000), items=1))
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert held < 2 * MIB


@pytest.mark.slow
def test_a_flood_of_keys_that_never_come_again_is_forgotten():
    redaction = build(memory_mib=1)
    tracemalloc.start()
    for start in range(0, 36_000, 12_000):
        keys = [b"key.number.%d" % (start + i) for i in range(12_000)]
        wire = span(b"".join(attribute(key, text(b"a")) for key in keys))
        redaction.process(Batch(Signal.TRACES, wire=wire, items=1))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert held < 3 * MIB


def test_rules_of_many_keys_at_once_are_those_of_each():
    config = RedactionConfig.model_validate(
        {"detectors": [*DETECTORS, "us_passport"], "ignored_keys": ["x"], "blocked_keys": ["^pin"]}
    )
    keys = {b"ssn", b"user.phone", b"password", b"a", b"x", b"pin.code", b"passport", b"", b"\xff", b"k1234567890123"}
    at_once, one_by_one = (KeyRules(config, Scanner(Policy(config).detectors)) for _ in range(2))
    at_once.learn(keys)

    plain = at_once.plain(keys)

    assert {(key, at_once.rule(key).introduces) for key in keys} == {
        (key, one_by_one.rule(key).introduces) for key in keys
    }
    assert plain == {key for key in keys if one_by_one.rule(key).is_plain}
    assert plain == {b"a", b"", b"\xff", b"k1234567890123"}


def seconds_for(batch, enough=0.0):
    def prepare():
        redaction = build()
        return lambda: redaction.process(Batch(batch.signal, wire=batch.wire, items=1))

    return cpu_seconds(prepare, enough)


HOSTILE = {
    "masked text between addresses": b"*** a@b.org ",
    "addresses": b"a@b.org ",
    "halves of addresses": b"a@",
    "digits": b"4",
    "groups of digits": b"4111 ",
    "names of secrets": b"token=",
    "secrets": b"token=x ",
    "masked secrets": b"token=*** ",
    "quotes": b'token="',
    "schemes": b"http://a:",
    "beginnings of keys": b"-----BEGIN PRIVATE KEY-----",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", HOSTILE)
def test_a_long_text_takes_time_that_grows_with_its_length_and_no_faster(what):
    pieces = [HOSTILE[what] * (size // len(HOSTILE[what])) for size in (16_384, 131_072)]
    short, long = (Batch(Signal.LOGS, wire=make_logs({"body": each.decode()}).wire, items=1) for each in pieces)

    most = 24 * seconds_for(short) + 0.2  # eight times the text; a square would be 64 times
    assert seconds_for(long, most) < most


MANY = {
    "addresses under keys of their own": lambda i: attribute(b"key%d" % i, text(b"a%d@b.org" % i)),
    "addresses in texts": lambda i: attribute(b"to", text(b"to a%d@b.org" % i)),
    "keys": lambda i: attribute(b"key%d" % i, text(b"a")),
    "keys of secrets": lambda i: attribute(b"key%d.token" % i, text(b"a")),
    "keys of numbers": lambda i: attribute(b"key%d.ssn" % i, text(b"219%06d" % i)),
    "events": lambda i: field(11, field(2, b"to a%d@b.org" % i)),
    "maps": lambda i: attribute(b"a", field(6, field(1, field(1, b"key%d" % i) + field(2, text(b"a%d@b.org" % i))))),
}
"""
What a sender can have many of in one request, each for some bytes.
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", MANY)
def test_a_request_of_many_things_that_all_differ_takes_time_that_grows_with_their_number_and_no_faster(what):
    few, lots = (Batch(Signal.TRACES, wire=many(what, count), items=1) for count in (300, 2400))

    most = 24 * seconds_for(few) + 0.02  # eight times as many; a square would be 64 times
    assert seconds_for(lots, most) < most


def many(what, count):
    return span(b"".join(map(MANY[what], range(count))))


def test_all_pipelines_of_one_component_share_what_is_remembered():
    factory = load_factory(Kind.PROCESSOR, "redaction")
    config = RedactionConfig.model_validate({"detectors": DETECTORS})
    common = settings("redaction")
    one, two = factory.build(config, common), factory.build(config, common)
    wire = span(field(9, field(1, b"to") + field(2, text(b"a@b.org"))))

    assert one.process(Batch(Signal.TRACES, wire=wire)).wire == two.process(Batch(Signal.TRACES, wire=wire)).wire
    assert set(common.common) == {"redaction"}


def test_a_text_with_more_findings_than_may_be_looked_at_is_masked_as_a_whole():
    outcome = run("detectors: [email]", make_logs({"body": "left " + "a@b.org " * ADDRESSES}))

    (log,) = outcome.records
    assert log.body == "***"
    assert counter(outcome, "masked_values", detector="too_many_findings") == 1


@pytest.fixture
def fewer(monkeypatch):
    """
    How many addresses are more than one request may have where it may cost a sixteenth.
    """
    monkeypatch.setattr(Effort.__init__, "__defaults__", (MOST // 16,))
    return ADDRESSES // 16


def test_beside_too_many_findings_what_has_none_is_left(fewer):
    many = {f"k{i % 9}.{i}": f"a{i}@b.org" for i in range(fewer)}
    (masked,) = run("detectors: [email]", make_spans({"attributes": {**many, "plain": "text", "n": 1}})).records

    left = dict(masked.items())
    assert (left.pop("plain"), left.pop("n")) == ("text", 1)
    assert set(left.values()) == {"***"}


@pytest.mark.parametrize("inner", [{"to": "a@b.org"}, ["a@b.org"]], ids=["map", "array"])
def test_attributes_and_bodies_with_more_in_them_than_may_be_looked_at_are_masked_as_a_whole(inner, fewer):
    deep = {"all": [inner] * fewer}
    (masked,) = run("detectors: [email]", make_spans({"attributes": {**deep, "n": 1, "s": "x"}})).records
    (log,) = run("detectors: [email]", make_logs({"body": deep})).records

    assert dict(masked.items()) == {"all": "***", "n": 1, "s": "x"}
    assert log.body == "***"


def test_keys_that_are_ignored_or_not_allowed_are_so_beside_too_many_findings(fewer):
    deep = ["a@b.org"] * 2 * fewer
    options = "detectors: [email], ignored_keys: [kept], allowed_keys: [masked]"
    (masked,) = run(options, make_spans({"attributes": {"kept": deep, "masked": deep, "other": deep}})).records

    assert dict(masked.items()) == {"kept": deep, "masked": "***"}


def test_after_a_request_with_too_many_findings_the_next_one_is_masked_with_care_again(fewer):
    redaction = build()
    many = span(b"".join(attribute(b"k", text(b"a%d@b.org" % i)) for i in range(fewer)))
    few = span(attribute(b"k", text(b"to a1@b.org")) + attribute(b"k", text(b"a1@b.org")))

    redaction.process(Batch(Signal.TRACES, wire=many, items=1))
    masked = redaction.process(Batch(Signal.TRACES, wire=few, items=1))

    assert masked.wire.count(text(b"to ***@***.***")) == masked.wire.count(text(b"***@***.***")) == 1


def test_values_of_more_keys_than_are_tried_at_once_are_masked_if_the_keys_may_say_something():
    redaction = build()
    many = span(b"".join(attribute(b"token.%d.password" % i, text(b"v%d" % i)) for i in range(6000)))

    masked = redaction.process(Batch(Signal.TRACES, wire=many, items=1))

    assert masked.wire.count(text(b"***")) == 6000


def test_values_of_many_keys_that_say_nothing_stay():
    redaction = load_factory(Kind.PROCESSOR, "redaction").build(
        RedactionConfig.model_validate({"detectors": list(BUILT_IN)}), settings("redaction")
    )
    wire = span(b"".join(attribute(b"key.%d" % i, text(b"v%d" % i)) for i in range(6000)))

    assert redaction.process(Batch(Signal.TRACES, wire=wire, items=1)).wire == wire


def test_a_larger_request_may_cost_more():
    effort = Effort(most=100)

    effort.begin(3200)
    assert 100 == effort.left

    effort.begin(64_000)
    assert 2000 == effort.left
