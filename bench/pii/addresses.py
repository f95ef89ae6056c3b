"""Addresses of people and machines."""

from __future__ import annotations

import ipaddress
import random
import string

from bench.pii.marks import Format, Formats, letters, mark

_FIRST = ("jane", "john", "maria", "li", "o.brien", "anne-marie", "mohammed", "kim", "s", "x")
_LAST = ("doe", "smith", "garcia", "wang", "mueller", "van.dyk", "park", "ivanov", "99", "silva")
_HOSTS = ("example", "mail.example", "mx-1.corp.example", "a", "shop24", "sub.dept.uni", "t-online", "q")
_TOPS = ("com", "org", "net", "io", "dev", "co.uk", "co.kr", "com.br", "de", "museum", "photography", "app", "ai")


def _local(dice: random.Random) -> str:
    first, last = dice.choice(_FIRST), dice.choice(_LAST)
    form = dice.choice(
        ["{0}.{1}", "{0}_{1}", "{0}{1}", "{0}-{1}", "{0}", "{0}+{1}", "{0}.{1}+news", "_{0}", "{0}{2}", "{2}{0}"]
    )
    return form.format(first, last, dice.randrange(1, 3000))


def address(dice: random.Random) -> str:
    return f"{_local(dice)}@{dice.choice(_HOSTS)}.{dice.choice(_TOPS)}"


def _unicode(dice: random.Random) -> str:
    local = dice.choice(["josé.garcia", "jürgen", "данные", "用户", "김철수", "renée"])
    return f"{local}@{dice.choice(['example.com', 'bücher.example.de', 'пример.рф', '例え.jp', 'correo.es'])}"


def _punycode(dice: random.Random) -> str:
    label = f"xn--{letters(dice, 6, string.ascii_lowercase)}-{letters(dice, 3, 'abc123')}"
    return f"{_local(dice)}@{label}.{dice.choice(['com', 'xn--p1ai', 'de'])}"


EMAIL: Formats = {
    "plain": Format(lambda dice: mark(address(dice), "email")),
    "upper case": Format(lambda dice: mark(address(dice).upper(), "email")),
    "mixed case": Format(lambda dice: mark(address(dice).title(), "email")),
    "apostrophe": Format(lambda dice: mark(f"o'{address(dice)}", "email"), is_bare=False),
    "international": Format(lambda dice: mark(_unicode(dice), "email")),
    "punycode": Format(lambda dice: mark(_punycode(dice), "email")),
    "in angle brackets": Format(lambda dice: f"From: Jane Doe <{mark(address(dice), 'email')}>", is_bare=False),
    "unusual": Format(lambda dice: mark(dice.choice("#!$*^").join(["a1", address(dice)]), "email"), is_bare=False),
    "mailto": Format(lambda dice: f"mailto:{mark(address(dice), 'email')}?subject=hello", is_bare=False),
    "percent-encoded": Format(
        lambda dice: f"GET /u?email={mark(address(dice).replace('@', '%40').replace('+', '%2B'), 'email')}&page=2",
        is_bare=False,
    ),
    "two, comma": Format(
        lambda dice: f"to {mark(address(dice), 'email')},{mark(address(dice), 'email')}", is_bare=False
    ),
    "path": Format(lambda dice: f"/users/{mark(address(dice), 'email')}/orders", is_bare=False),
    "user id": Format(lambda dice: f"mail:{mark(address(dice), 'email')};role=admin", is_bare=False),
}


def _v4(dice: random.Random) -> str:
    network = dice.choice(["10.{}", "192.168", "172.16", "8.{}", "52.{}", "91.{}", "203.{}", "198.51"])
    return ".".join([network.format(dice.randrange(256)), str(dice.randrange(256)), str(dice.randrange(1, 255))])


IPV4: Formats = {
    "plain": Format(lambda dice: mark(_v4(dice), "ipv4")),
    "port": Format(lambda dice: f"{mark(_v4(dice), 'ipv4')}:{dice.randrange(1024, 65536)}"),
    "range": Format(lambda dice: mark(f"{_v4(dice)}-{_v4(dice)}", "ipv4")),
    "network": Format(lambda dice: f"{mark(_v4(dice), 'ipv4')}/{dice.randrange(8, 33)}", is_bare=False),
    "URL": Format(lambda dice: f"http://{mark(_v4(dice), 'ipv4')}:8080/health", is_bare=False),
    "forwarded": Format(
        lambda dice: f"X-Forwarded-For: {mark(_v4(dice), 'ipv4')}, {mark(_v4(dice), 'ipv4')}", is_bare=False
    ),
    "access log": Format(
        lambda dice: f'{mark(_v4(dice), "ipv4")} - - [28/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 12',
        is_bare=False,
    ),
}


def _v6(dice: random.Random) -> str:
    value = dice.choice([0x2001_0DB8, 0x2A00_1450, 0xFE80_0000, 0xFD12_3456]) << 96 | dice.getrandbits(64)
    return str(ipaddress.IPv6Address(value))


def _v6_full(dice: random.Random) -> str:
    return ipaddress.IPv6Address(0x2001_0DB8 << 96 | dice.getrandbits(96)).exploded


IPV6: Formats = {
    "shortened": Format(lambda dice: mark(_v6(dice), "ipv6")),
    "all groups": Format(lambda dice: mark(_v6_full(dice), "ipv6")),
    "upper case": Format(lambda dice: mark(_v6(dice).upper(), "ipv6")),
    "brackets": Format(lambda dice: f"[{mark(_v6(dice), 'ipv6')}]:443"),
    "mapped": Format(lambda dice: mark(f"::ffff:{_v4(dice)}", "ipv6")),
    "zone": Format(lambda dice: f"{mark(_v6(dice), 'ipv6')}%eth0", is_bare=False),
    "URL": Format(lambda dice: f"https://[{mark(_v6(dice), 'ipv6')}]:8443/x", is_bare=False),
}


def _mac(dice: random.Random, joint: str, size: int = 2) -> str:
    number = f"{dice.getrandbits(40) | 0xA0_0000_0000:010x}".rjust(12, "4")
    return joint.join(number[at : at + size] for at in range(0, 12, size))


MAC: Formats = {
    "colons": Format(lambda dice: mark(_mac(dice, ":"), "mac")),
    "hyphens": Format(lambda dice: mark(_mac(dice, "-").upper(), "mac")),
    "upper case": Format(lambda dice: mark(_mac(dice, ":").upper(), "mac")),
    "three groups": Format(lambda dice: mark(_mac(dice, ".", 4), "mac")),
}
