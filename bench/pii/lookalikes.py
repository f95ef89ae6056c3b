"""Values of telemetry that are nobody's secret and look most like one."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable, Mapping

from bench.pii.marks import digits, letters
from bench.pii.negatives import KINDS

_HEX = "0123456789abcdef"
_DIGIT = "\N{GREEK CAPITAL LETTER DELTA}"


def _luhn_sum(number: str) -> int:
    values = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(number))]
    return sum(v - 9 if v > 9 else v for v in values)


def _failing_card(dice: random.Random) -> str:
    number = "4" + digits(dice, 15)
    while _luhn_sum(number) % 10 == 0:
        number = "4" + digits(dice, 15)
    return dice.choice(["{}", "card {}", "order {}"]).format(
        number if dice.random() < 0.5 else " ".join(number[at : at + 4] for at in range(0, 16, 4))
    )


def _no_issuer(dice: random.Random) -> str:
    head = dice.choice("017") + digits(dice, 14)
    return next(n for last in string.digits if _luhn_sum(n := head + last) % 10 == 0)


def _choice(*forms: str) -> Callable[[random.Random], str]:
    """Fill in forms: a Greek `Δ` is a digit."""

    def make(dice: random.Random) -> str:
        return "".join(dice.choice(string.digits) if c == _DIGIT else c for c in dice.choice(forms))

    return make


LOOKALIKES: Mapping[str, Callable[[random.Random], str]] = {
    **KINDS,
    "Luhn fails": _failing_card,
    "no issuer": _no_issuer,
    "price": _choice("$ΔΔ.ΔΔ", "total 1,ΔΔΔ,ΔΔΔ.ΔΔ EUR", "amount=ΔΔΔΔ.ΔΔ", "-ΔΔΔ.ΔΔΔΔΔΔ"),
    "order": _choice(
        "order 1ΔΔΔΔΔΔΔ", "ORD-ΔΔΔΔΔΔ-ΔΔΔΔ", "invoice ΔΔΔΔ-ΔΔΔΔΔΔ", "cancelled order 1ΔΔΔΔΔΔΔΔΔ", "#ΔΔΔΔΔΔΔΔΔ"
    ),
    "date": _choice(
        "202Δ-01-1Δ",
        "202Δ-11-2ΔT1Δ:3Δ:5Δ.ΔΔΔZ",
        "2Δ/Nov/2026:10:1Δ:0Δ +0000",
        "202Δ112Δ-1ΔΔ000",
        "1Δ.11.2026 10:3Δ",
        "202Δ-11-2Δ 1Δ:00:00+09:00",
    ),
    "version": _choice(
        "v1.ΔΔ.Δ.Δ",
        "Chrome/12Δ.0.ΔΔΔΔ.ΔΔ",
        "nginx/1.2Δ.Δ",
        "app version 10.2.3.Δ",
        "jre-17.0.Δ.1",
        "release 4.ΔΔ.1.2",
        "kernel 5.15.0-10ΔΔ-aws",
    ),
    "port": _choice(":8ΔΔΔ", "0.0.0.0:8ΔΔΔ", "listening on port ΔΔΔΔ", "localhost:5ΔΔΔ"),
    "commit": lambda dice: dice.choice(["{}", "commit {}", "git-{}"]).format(letters(dice, 40, _HEX)),
    "digest": lambda dice: f"registry.example.com/shop@sha256:{letters(dice, 64, _HEX)}",
    "base64": lambda dice: base64.b64encode(dice.randbytes(dice.choice([12, 24, 48]))).decode(),
    "no domain": _choice(
        "foo@bar",
        "root@ip-10-1-2-3",
        "user@localhost",
        "deploy@web0Δ",
        "logo@2x.png",
        "npm i @scope/pkg@1.ΔΔ.Δ",
        "getty@tty1.service",
        "git@github.com:org/repo.git",
        "lodash@4.17.2Δ",
        "@Override",
    ),
    "identifier": lambda dice: dice.choice(["request {}", "{}", "idempotency-key {}"]).format(
        uuid.UUID(int=dice.getrandbits(128), version=4)
    ),
    "container": lambda dice: letters(dice, 64, _HEX),
    "account": _choice("arn:aws:iam::ΔΔΔΔΔΔΔΔΔΔΔΔ:role/app", "projects/ΔΔΔΔΔΔΔΔΔΔΔΔ/zones/eu", "account 1ΔΔΔΔΔΔΔΔΔΔΔ"),
    "place": _choice("37.ΔΔΔΔΔΔ,-122.ΔΔΔΔΔΔ", "lat=52.ΔΔΔΔ lon=13.ΔΔΔΔ"),
    "book": _choice("978-3-16-ΔΔΔΔΔΔ-Δ", "ISBN 978316148ΔΔΔΔ"),
    "part": _choice("ΔΔΔ-ΔΔΔ-ΔΔΔ", "SKU ΔΔΔΔ-ΔΔ-ΔΔΔ", "ΔΔ-ΔΔΔΔ-ΔΔ", "1Z999AA1ΔΔΔΔΔΔΔΔΔΔ"),
    "never given": _choice("000-ΔΔ-1ΔΔΔ", "666-ΔΔ-1ΔΔΔ", "9ΔΔ-1Δ-1ΔΔΔ", "12Δ-00-1ΔΔΔ", "12Δ-45-0000"),
    "bare digits": _choice("1ΔΔΔΔΔΔΔΔ", "ΔΔΔΔΔΔΔ", "rows=ΔΔΔΔΔΔΔΔΔΔ", "5ΔΔΔΔΔΔΔΔΔ"),
    "words": _choice(
        "telemetry batch 12ΔΔΔΔΔΔ sent",
        "intel 10ΔΔΔΔΔΔ cycles",
        "cancelled 1ΔΔΔΔΔΔΔ jobs",
        "hotel 4Δ rooms",
        "excellent: 1ΔΔΔΔΔΔΔΔ points",
        "sms queue empty",
        "phone model 12",
        "phone: n/a",
        "mobile app 3.1Δ.0",
    ),
    "count of tokens": _choice(
        "max_tokens=4Δ96",
        "token_count: 1Δ",
        "prompt_tokens=1ΔΔΔ",
        "token: expired",
        "password: null",
        "tokens per second: ΔΔ.Δ",
        "invalid token",
        "passwords must match",
        "secretary of state",
        "fields: ['password', 'email', 'name']",
        '["token","expires","scope"]',
        "key=ΔΔΔ",
    ),
    "statement": _choice(
        "SELECT password_hash FROM users WHERE id = $1", "UPDATE t SET a = ? WHERE b = ?", "SET x = :token"
    ),
    "zone": _choice("202Δ-11-28T10:1Δ:02.1ΔΔ-0500", "202Δ-11-28 10:15:02,ΔΔΔ", "GMT+0200", "1Δ:00-1Δ:30"),
    "time": _choice("1Δ:3Δ:5Δ", "PT1ΔM3ΔS", "00:0Δ:1Δ.ΔΔΔ", "ab:cd", "std::vector<int>", "a::b::c"),
    "agent": _choice(
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/12Δ.0.0.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_Δ like Mac OS X)",
        "curl/8.Δ.0",
    ),
    "access log": _choice(
        '"GET /x HTTP/1.1" 20Δ 3ΔΔ 1ΔΔΔ',
        '"GET / HTTP/1.1" 200 1Δ 1ΔΔΔ "-"',
        "HTTP/1.1 404 1Δ 2ΔΔΔ",
        "GET / 304 21Δ 1ΔΔΔ 0",
    ),
    "row": _choice("cpu 10Δ 2Δ 3ΔΔΔ 4ΔΔ 0", "2ΔΔ 3ΔΔ 4ΔΔΔ 5ΔΔ", "1ΔΔ 1Δ 1ΔΔΔ 2 0"),
    "object id": _choice("1.3.6.1.4.1.2021.1Δ.3", "oid=1.3.6.1.2.1.1.Δ.0", "192.168.1.3ΔΔ", "1.2.3.4.5"),
    "fraction": _choice("0.ΔΔΔΔΔΔΔΔΔΔΔΔΔΔΔΔ", "1.ΔΔΔΔΔΔΔΔΔΔΔe+12", "99.ΔΔ%", "duration=1ΔΔ.ΔΔΔΔΔΔms"),
    "queue": _choice(
        "sqs.eu-west-1.amazonaws.com/1ΔΔΔΔΔΔΔΔΔΔΔ/jobs", "partition 1Δ offset 1ΔΔΔΔΔΔΔΔ", "topic-202Δ.11.28"
    ),
}
"""How a value of each kind is made."""
