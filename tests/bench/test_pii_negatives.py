from bench.pii.negatives import KINDS, negatives
from processors.redaction.detectors.catalogue import builtin
from processors.redaction.detectors.scanner import Scanner


def test_the_same_seed_makes_the_same_values_of_every_kind():
    made = list(negatives(1, 100))

    assert made == list(negatives(1, 100))
    assert set(KINDS) == {kind for kind, _ in made}


def test_no_telemetry_is_taken_for_a_card_or_a_social_security_number():
    """
    A part of the 300,000 values that `bench.pii` is about.
    """
    scanner = Scanner([builtin("credit_card"), builtin("ssn")])

    assert [] == [text for _, text in negatives(1, 20_000) if scanner.may_hit(text) and scanner.find(text)]
