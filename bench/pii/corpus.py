"""Samples of telemetry with labels: secrets in all formats, surroundings and places, and lookalikes."""

from __future__ import annotations

import json
import random
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bench.pii import addresses, credentials, numbers
from bench.pii.lookalikes import LOOKALIKES
from bench.pii.marks import CLOSE, OPEN, Format, Formats, Label, digits, mark, read
from bench.pii.places import PLACES, Place

FORMATS: Mapping[str, Formats] = {
    "email": addresses.EMAIL,
    "phone": numbers.PHONE,
    "ssn": numbers.SSN,
    "credit_card": numbers.CREDIT_CARD,
    "api_key": credentials.API_KEY,
    "iban": numbers.IBAN,
    "ipv4": addresses.IPV4,
    "ipv6": addresses.IPV6,
    "mac": addresses.MAC,
    "jwt": credentials.JWT,
    "bearer_token": credentials.BEARER_TOKEN,
    "aws_key": credentials.AWS_KEY,
    "private_key": credentials.PRIVATE_KEY,
    "url_credentials": credentials.URL_CREDENTIALS,
    "korean_rrn": numbers.KOREAN_RRN,
    "us_passport": numbers.US_PASSPORT,
}
KEYED: Mapping[str, tuple[Sequence[str], Callable[[random.Random], str]]] = {
    "api_key": (("api_key", "password", "x-api-key", "client_secret", "auth.token", "dbPassword"), credentials.value),
    "ssn": (("ssn", "user.ssn", "social_security_number"), lambda dice: "".join(numbers.ssn_parts(dice))),
    "phone": (("phone", "user.phone", "phone_number", "mobilePhone"), lambda dice: f"5{digits(dice, 9)}"),
    "us_passport": (("passport", "passport_number"), lambda dice: f"5{digits(dice, 8)}"),
}
"""Keys that say what their value is, and values that nobody knows without."""
_KEYS = (
    "note",
    "app.message",
    "detail",
    "user_input",
    "http.request.header.x-note",
    "messaging.body",
    "comment",
    "url.full",
)


def _url(text: str) -> str:
    encoded = urllib.parse.quote(text, safe="|:_@+-.")
    for sign in (OPEN, CLOSE):
        encoded = encoded.replace(urllib.parse.quote(sign), sign)
    return f"https://shop.example.com/find?q={encoded}&page=2"


def _ascii(content: object) -> str:
    encoded = json.dumps(content)
    for sign in (OPEN, CLOSE):
        encoded = encoded.replace(json.dumps(sign)[1:-1], sign)
    return encoded


def _quoted(text: str) -> str:
    return json.dumps({"level": "info", "message": text, "n": 1}, ensure_ascii=False)


_ANYWHERE: Mapping[str, Callable[[str], str]] = {
    "alone": lambda text: text,
    "sentence": lambda text: f"request of {text} was refused",
    "end of sentence": lambda text: f"could not notify {text}.",
    "brackets": lambda text: f"skipped ({text})",
    "JSON": lambda text: json.dumps({"a": 1, "value": text, "ok": True}, ensure_ascii=False),
    "JSON of ASCII": lambda text: _ascii({"a": 1, "value": text}),
    "JSON, line breaks": lambda text: json.dumps({"log": f"failed:\n{text}\n\tat main"}, ensure_ascii=False),
    "JSON, angle brackets": lambda text: (
        '{"log":"from \\u003c' + json.dumps(text, ensure_ascii=False)[1:-1] + '\\u003e"}'
    ),
    "JSON in JSON": lambda text: json.dumps({"payload": _quoted(text)}, ensure_ascii=False),
    "header": lambda text: f"X-Note: {text}",
    "statement": lambda text: f"SELECT id FROM t WHERE a = '{text}' AND b = 1",
    "key and value": lambda text: f'level=info value="{text}" status=200',
    "list": lambda text: f"['{text}', None]",
    "comma": lambda text: f"a,{text},b",
    "HTML": lambda text: f"<td>{text}</td>",
    "stack trace": lambda text: f'ValueError: bad input {text}\n  File "/srv/app/main.py", line 12, in run',
}
_IN_URLS = {"email", "credit_card", "ssn", "ipv4", "iban"}
"""Detectors whose secrets are put into URLs, percent-encoded."""
_LINES: Mapping[str, Callable[[str], str]] = {
    "alone": lambda text: text,
    "line of a log": lambda text: f"10:15:02 INFO checkout {text}",
    "message in JSON": _quoted,
    "two lines": lambda text: f"first line\n{text}\nthird line",
}


class Sample(NamedTuple):
    """One text in one place."""

    origin: str
    """Of which kind it is, for people."""
    place: Place
    key: str
    text: str
    labels: tuple[Label, ...]


def samples(seed: int, each: int, detectors: Sequence[str] = tuple(FORMATS)) -> Iterator[Sample]:
    """Yield `each` samples with secrets of every detector, formats and places in turn, and as many lookalikes."""
    dice = random.Random(seed)
    for detector in detectors:
        formats = list(FORMATS[detector].items())
        for index in range(each):
            name, format_ = formats[index % len(formats)]
            yield _positive(dice, detector, name, format_)
        if detector in KEYED:
            yield from (_keyed(dice, detector) for _ in range(each // 10))
    kinds = list(LOOKALIKES)
    for index in range(each * len(detectors)):
        kind = kinds[index % len(kinds)]
        place = dice.choice(PLACES)
        text = LOOKALIKES[kind](dice)
        if dice.random() < 0.5:
            text = dice.choice(list(_LINES.values()))(text)
        yield Sample(f"lookalike, {kind}", place, _neutral(dice, place), text, ())


def _positive(dice: random.Random, detector: str, name: str, format_: Format) -> Sample:
    surroundings = dict(_ANYWHERE if format_.is_bare else _LINES)
    if format_.is_bare and detector in _IN_URLS:
        surroundings |= {"URL": _url, "URL, after a word": lambda text: _url(f"for {text} now")}
    where = dice.choice(list(surroundings))
    place = dice.choice(PLACES)
    text, labels = read(surroundings[where](format_.make(dice)))
    return Sample(f"{detector}, {name}, {where}", place, _neutral(dice, place), text, labels)


def _keyed(dice: random.Random, detector: str) -> Sample:
    keys, make = KEYED[detector]
    place = dice.choice([place for place in PLACES if place.has_key])
    key = dice.choice(keys)
    text, labels = read(mark(make(dice), detector))
    return Sample(f"{detector}, key {key}", place, key, text, labels)


def _neutral(dice: random.Random, place: Place) -> str:
    return dice.choice(_KEYS) if place.has_key else ""
