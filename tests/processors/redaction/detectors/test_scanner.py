from processors.redaction.detectors.catalogue import builtin
from processors.redaction.detectors.scanner import Scanner


def test_an_address_is_found_in_a_text():
    text = b"User email: user@example.com"

    (finding,) = Scanner([builtin("email")]).find(text)

    assert b"user@example.com" == text[finding.start : finding.end]
    assert b"***@***.***" == finding.detector.replacement
