"""
Masking in tests: through the graph, as the engine does it.
"""

from collector.testing import make_logs, make_spans, run_processor

KEY = "0123456789abcdef0123456789abcdef"
ALL = (
    "[private_key, url_credentials, jwt, aws_key, bearer_token, email, credit_card, iban, ssn, korean_rrn, "
    "us_passport, phone, mac, ipv6, ipv4, api_key]"
)


def run(options, *batches):
    """
    Returns the outcome of batches that go through redaction with these options (YAML, of a flow mapping).
    """
    return run_processor(f"redaction: {{{options}}}", *batches)


def span_of(options, **fields):
    """
    Returns what becomes of one span.
    """
    (span,) = run(options, make_spans(fields)).records
    return span


def log_of(options, **fields):
    (log,) = run(options, make_logs(fields)).records
    return log


def attributes(options, given):
    """
    Returns what becomes of a span's attributes.
    """
    return dict(span_of(options, attributes=given).items())


def text(options, given):
    """
    Returns what becomes of the text of a log record.
    """
    return log_of(options, body=given).body


def counter(outcome, name, **labels):
    """
    Returns what one of redaction's counters says, all labels that are not given taken together.
    """
    return sum(
        value
        for metric, found, value in outcome.telemetry.samples()
        if metric.name.removesuffix("_total") == f"pyotelcol_processor_redaction_{name}"
        and labels.items() <= dict(found).items()
    )
