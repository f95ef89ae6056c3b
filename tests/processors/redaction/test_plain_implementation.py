import random

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.batch import SHAPES, Batch, Signal
from collector.records.text import number
from collector.registry import Kind, load_factory
from collector.testing import settings
from processors.redaction.config import RedactionConfig
from processors.redaction.detectors.scanner import Scanner
from processors.redaction.keys import Decision, KeyRules, Rule
from processors.redaction.policy import Policy
from processors.redaction.texts import TextMask
from tests.processors.redaction.masking import KEY
from tests.processors.redaction.requests import random_request, unusual

SIGNALS = [Signal.TRACES, Signal.METRICS, Signal.LOGS]
DETECTORS = [
    "email",
    "phone",
    "ssn",
    "credit_card",
    "api_key",
    "bearer_token",
    "url_credentials",
    "us_passport",
    "ipv4",
]
OPTIONS = {
    "replace": {"detectors": DETECTORS},
    "keep_last": {"detectors": {name: {"keep_last": 3} for name in DETECTORS}},
    "remove": {"detectors": {name: {"mode": "remove"} for name in DETECTORS}},
    "hash": {"detectors": {name: {"mode": "hash"} for name in DETECTORS}, "hmac_key": KEY},
    "all types": {"detectors": DETECTORS, "redact_all_types": True},
    "keys": {"detectors": DETECTORS, "redact_keys": True},
    "allowed": {"detectors": DETECTORS, "allowed_keys": ["a", "b.c", "ssn", "password"]},
    "ignored": {"detectors": DETECTORS, "ignored_keys": ["a"], "ignored_key_patterns": ["^user"]},
    "blocked": {"detectors": DETECTORS, "blocked_key_patterns": ["^na"], "blocked_keys": ["c$"]},
    "blocked values": {"allow_all_keys": True, "blocked_values": [r"leak\w+"]},
    "known fields only": {"detectors": DETECTORS, "unknown_fields": "drop"},
}
MEMBERS = {"int_value", "double_value", "bool_value"}


class Plain:
    """
    Masks official messages, field by field, with what masks a text and what a key decides.
    """

    def __init__(self, options):
        self.config = RedactionConfig.model_validate(options)
        policy = Policy(self.config)
        scanner = Scanner(policy.detectors)
        self.text = TextMask(policy, scanner)
        self.keys = KeyRules(self.config, scanner)
        self.mask = policy.mask

    def message(self, message):
        for field, value in message.ListFields():
            if field.message_type is not None and field.message_type.full_name == KeyValue.DESCRIPTOR.full_name:
                self.entries(value, in_body=False, is_top=True)
            elif field.message_type is not None and field.message_type.full_name == AnyValue.DESCRIPTOR.full_name:
                self.value(value, in_body=True, around=None)
            elif field.message_type is not None:
                for inner in value if field.is_repeated else [value]:
                    self.message(inner)
            elif field.type == FieldDescriptor.TYPE_STRING and field.is_repeated:
                value[:] = [self.masked(text) for text in value]
            elif field.type == FieldDescriptor.TYPE_STRING:
                setattr(message, field.name, self.masked(value))

    def masked(self, text):
        new = self.text(text.encode())
        return text if new is None else new.text.decode()

    def entries(self, entries, *, in_body, is_top, around=None):
        kept = [entry for entry in entries if not self.entry(entry, in_body, is_top, around)]
        kept = [type(entry).FromString(entry.SerializeToString()) for entry in kept]
        del entries[:]
        entries.extend(kept)

    def entry(self, entry, in_body, is_top, around):
        rule = self.keys.rule(entry.key.encode(), may_go=in_body or is_top)
        if rule.decision in (Decision.IGNORE, Decision.REMOVE):
            return rule.decision is Decision.REMOVE
        goes = False
        if rule.decision is Decision.MASK:
            entry.value.string_value = self.mask.replace(b"").decode()
        else:
            around = rule if not rule.is_plain or around is None or around.is_plain else around
            goes = self.value(entry.value, in_body, around)
        if self.config.redact_keys and not rule.is_listed:
            entry.key = self.masked(entry.key)
        return goes

    def value(self, value, in_body, around):
        kind = value.WhichOneof("value")
        if kind == "kvlist_value":
            self.entries(value.kvlist_value.values, in_body=in_body, is_top=False, around=around)
        elif kind == "array_value":
            items = value.array_value.values
            kept = [v for v in items if not self.value(v, in_body, around)]
            kept = [AnyValue.FromString(v.SerializeToString()) for v in kept]
            del items[:]
            items.extend(kept)
        elif kind in ("string_value", "bytes_value") or (kind in MEMBERS and self.config.redact_all_types):
            return self.scalar(value, kind, around or Rule(Decision.LOOK))
        return False

    def scalar(self, value, kind, around):
        text = getattr(value, kind)
        if kind == "double_value":
            text = number(text)
        elif kind == "bool_value":
            text = str(text).lower()
        raw = text if isinstance(text, bytes) else str(text).encode()
        if around.tells and raw:
            new = self.text.as_secret(raw, around.tells)
        else:
            new = self.text(raw, around.before, is_introduced=around.introduces)
        if new is None:
            return False
        setattr(value, *(("bytes_value", new.text) if kind == "bytes_value" else ("string_value", new.text.decode())))
        return new.removes


def build(options):
    factory = load_factory(Kind.PROCESSOR, "redaction")
    return factory.build(RedactionConfig.model_validate(options), settings("redaction"))


def processed(redaction, signal, wire):
    """
    Returns what comes out; nothing for a request that has nothing.
    """
    batch = redaction.process(Batch(signal, wire=wire))
    return b"" if batch is None else batch.wire


def known(request):
    request.DiscardUnknownFields()
    return request


@pytest.fixture(scope="module", params=OPTIONS)
def both(request):
    """
    Returns redaction, which remembers all examples, and the plain one.
    """
    options = OPTIONS[request.param]
    return build(options), Plain(options)


@given(seed=st.integers(0, 2**32), signal=st.sampled_from(SIGNALS))
@how(max_examples=10)
def test_redaction_does_what_walking_over_every_field_of_the_official_messages_does(both, seed, signal):
    redaction, plain = both
    request = random_request(random.Random(seed), signal)
    expected = type(request).FromString(request.SerializeToString())
    plain.message(expected)

    masked = processed(redaction, signal, request.SerializeToString())

    assert expected == SHAPES[signal].request.FromString(masked)


@given(seed=st.integers(0, 2**32), signal=st.sampled_from(SIGNALS))
@how(max_examples=10)
def test_it_does_the_same_to_requests_that_are_written_in_unusual_ways(both, seed, signal):
    redaction, plain = both
    dice = random.Random(seed)
    request = random_request(dice, signal)
    wire = unusual(request.SerializeToString(), request.DESCRIPTOR, dice)
    expected = known(SHAPES[signal].request.FromString(wire))
    plain.message(expected)

    masked = processed(redaction, signal, wire)

    assert expected == known(SHAPES[signal].request.FromString(masked))


@given(seed=st.integers(0, 2**32), signal=st.sampled_from(SIGNALS))
@how(max_examples=60)
def test_no_secret_is_left_in_the_bytes_not_even_where_parsers_overwrite_it(replacing, seed, signal):
    dice = random.Random(seed)
    request = random_request(dice, signal)
    wire = unusual(request.SerializeToString(), request.DESCRIPTOR, dice)

    assert b"leak" not in processed(replacing, signal, wire)


@pytest.fixture(scope="module")
def replacing():
    return build(OPTIONS["replace"])
