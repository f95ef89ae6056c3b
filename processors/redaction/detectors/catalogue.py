"""The detectors that come with the collector, by the names that configurations use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from processors.redaction.detectors import cards, contacts, identities, named_secrets, network, tokens
from processors.redaction.detectors.detector import Detector

_DETECTORS: tuple[Callable[..., Detector], ...] = (
    tokens.private_key,
    tokens.url_credentials,
    tokens.jwt,
    tokens.aws_key,
    tokens.bearer_token,
    contacts.email,
    cards.credit_card,
    cards.iban,
    identities.ssn,
    identities.korean_rrn,
    identities.us_passport,
    contacts.phone,
    network.mac,
    network.ipv6,
    network.ipv4,
    named_secrets.api_key,
)
BUILT_IN: Mapping[str, Callable[..., Detector]] = {detector.__name__: detector for detector in _DETECTORS}
"""From the specific to the general: where two find the same, the one that is configured first names it."""


def builtin(name: str, **options: Any) -> Detector:
    """Return the detector of that name.

    Raises:
        ValueError: there is none, or it does not take these options.
    """
    if name not in BUILT_IN:
        raise ValueError(f"no detector is called {name!r}: there are {', '.join(sorted(BUILT_IN))}")
    try:
        return BUILT_IN[name](**options)
    except TypeError:
        raise ValueError(f"the detector {name} has no setting {', '.join(options)}") from None
