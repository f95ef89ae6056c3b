"""Numbers that belong to people, as their issuers give them out and as people write them."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence

from bench.pii.marks import Format, Formats, digits, letters, mark

_ISSUERS = {
    # name: (prefixes, lengths, groups), ISO/IEC 7812 and what the networks publish
    "visa": (["4"], [16], [4, 4, 4, 4]),
    "mastercard": (["51", "52", "53", "54", "55", "2221", "2300", "2500", "2699", "2720"], [16], [4, 4, 4, 4]),
    "amex": (["34", "37"], [15], [4, 6, 5]),
    "discover": (["6011", "644", "645", "649", "65"], [16], [4, 4, 4, 4]),
    "diners": (["300", "305", "36", "38", "39"], [14], [4, 6, 4]),
    "jcb": (["3528", "3550", "3589"], [16], [4, 4, 4, 4]),
    "unionpay": (["62"], [16], [4, 4, 4, 4]),
    "maestro": (["5018", "5020", "5038", "6304", "6759", "6761"], [16], [4, 4, 4, 4]),
}


def _with_check_digit(number: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return number + str(-total % 10)


def card_number(dice: random.Random, prefixes: Sequence[str], length: int) -> str:
    prefix = dice.choice(prefixes)
    return _with_check_digit(prefix + digits(dice, length - len(prefix) - 1))


def grouped(number: str, groups: Sequence[int], joint: str) -> str:
    parts, at = [], 0
    for size in groups:
        parts.append(number[at : at + size])
        at += size
    return joint.join(parts)


def _card(joint: str, issuer: str) -> Callable[[random.Random], str]:
    prefixes, lengths, groups = _ISSUERS[issuer]

    def make(dice: random.Random) -> str:
        return mark(grouped(card_number(dice, prefixes, dice.choice(lengths)), groups, joint), "credit_card")

    return make


def _named_card(dice: random.Random) -> str:
    prefixes, length = dice.choice([(["4"], 13), (["4"], 16), (["4"], 19), (["62"], 17), (["62"], 19), (["37"], 15)])
    form = dice.choice(["card {}", "card_number={}", '{{"cardNumber":"{}"}}', "credit card number: {}", "pan={}"])
    return form.format(mark(card_number(dice, prefixes, length), "credit_card"))


CREDIT_CARD: Formats = {
    **{
        f"{name}, {what}": Format(_card(joint, name))
        for name in _ISSUERS
        for what, joint in (("no groups", ""), ("blanks", " "), ("hyphens", "-"))
    },
    "visa, dots": Format(_card(".", "visa")),
    "visa, narrow blanks": Format(_card("\u202f", "visa")),
    "named": Format(_named_card, is_bare=False),
}


def ssn_parts(dice: random.Random) -> tuple[str, str, str]:
    area = dice.choice([a for a in range(1, 900) if a != 666])
    return f"{area:03d}", f"{dice.randrange(1, 100):02d}", f"{dice.randrange(1, 10_000):04d}"


def _ssn(joint: str) -> Callable[[random.Random], str]:
    return lambda dice: mark(joint.join(ssn_parts(dice)), "ssn")


def _named_ssn(dice: random.Random) -> str:
    forms = [
        "SSN {}",
        "ssn={}",
        "social security number: {}",
        '{{"ssn":"{}"}}',
        '{{"ssn": {}}}',
        "ssn is {}",
        "Social-Security-Number: {}",
        "socialSecurityNumber={}",
        "user_ssn: '{}'",
    ]
    return dice.choice(forms).format(mark("".join(ssn_parts(dice)), "ssn"))


SSN: Formats = {
    "hyphens": Format(_ssn("-")),
    "blanks": Format(_ssn(" ")),
    "non-breaking hyphens": Format(_ssn("\u2011")),
    "dashes": Format(_ssn("\u2013")),
    "named, no groups": Format(_named_ssn, is_bare=False),
}


def _north_american(pattern: str) -> Callable[[random.Random], str]:
    """Area and exchange begin with 2 to 9 and do not end with 11 (North American Numbering Plan)."""

    def make(dice: random.Random) -> str:
        area, exchange = (dice.choice([n for n in range(200, 1000) if n % 100 != 11]) for _ in range(2))
        return mark(pattern.format(area, exchange, digits(dice, 4), dice.randrange(10, 10_000)), "phone")

    return make


def dialled(pattern: str) -> Callable[[random.Random], str]:
    """Fill in digits: `N` is 2 to 9, `D` any."""

    def make(dice: random.Random) -> str:
        fill = {"N": "23456789", "D": string.digits}
        return mark("".join(dice.choice(fill[c]) if c in fill else c for c in pattern), "phone")

    return make


_INTERNATIONAL = {
    "United Kingdom": ["+44 20 NDDD DDDD", "+44 7NDD DDDDDD", "+44 (0)20 NDDD DDDD", "+4420NDDDDDDD"],
    "Germany": ["+49 30 NDDDDDDD", "+49 (0)30 NDDDDDD", "+49-89-NDDDDD", "+4915NDDDDDDDDD", "+49 151 NDDDDDDD"],
    "France": ["+33 1 ND DD DD DD", "+33 6.ND.DD.DD.DD", "+336NDDDDDDD"],
    "Japan": ["+81 3-NDDD-DDDD", "+81-90-NDDD-DDDD"],
    "Korea": ["+82 10-NDDD-DDDD", "+82-2-NDD-DDDD", "+8210NDDDDDDD"],
    "India": ["+91 9NDDD DDDDD", "+919NDDDDDDDD", "+91-80-NDDD DDDD"],
    "Brazil": ["+55 11 9NDDD-DDDD", "+55 (21) NDDD-DDDD"],
    "Australia": ["+61 2 NDDD DDDD", "+61 4ND DDD DDD"],
    "China": ["+86 13D NDDD DDDD", "+86 10 NDDD DDDD"],
    "Spain": ["+34 6ND DD DD DD", "+349NDDDDDDD"],
    "Mexico": ["+52 55 NDDD DDDD"],
    "Finland": ["+358 9 NDD DDD", "+358 40 NDD DDDD"],
    "Singapore": ["+65 6DDD DDDD"],
    "United Arab Emirates": ["+971 50 NDD DDDD"],
    "Russia": ["+7 9ND DDD-DD-DD", "+7 (49D) DDD-DD-DD"],
}


def _one_of(patterns: Sequence[str]) -> Callable[[random.Random], str]:
    return lambda dice: dialled(dice.choice(patterns))(dice)


def _named_phone(dice: random.Random) -> str:
    patterns = [
        "NDDNDDDDDD",
        "030 NDDDDDDD",
        "01 ND DD DD DD",
        "07700 9DDDDD",
        "0NDDDDDDDDD",
        "NDD-DDDD",
        "(03) NDDD DDDD",
    ]
    forms = [
        "phone: {}",
        "phone={}",
        '{{"phone":"{}"}}',
        '{{"phoneNumber": "{}"}}',
        "phone_number='{}'",
        "Tel. {}",
        "tel: {}",
        "mobile {}",
        "fax: {}",
        "cell={}",
        "customer phone number is {}",
        "telephone {}",
        '{{"mobile_phone":"{}"}}',
        "msisdn={}",
        "contact phone ({})",
    ]
    return dice.choice(forms).format(dialled(dice.choice(patterns))(dice))


PHONE: Formats = {
    **{
        f"North America, {pattern.format('NPA', 'NXX', 'XXXX', 'N')}": Format(_north_american(pattern))
        for pattern in (
            "{0}-{1}-{2}",
            "{0}.{1}.{2}",
            "{0} {1} {2}",
            "({0}) {1}-{2}",
            "({0}){1}-{2}",
            "+1 {0}-{1}-{2}",
            "+1-{0}-{1}-{2}",
            "+1 ({0}) {1}-{2}",
            "1-{0}-{1}-{2}",
            "1 ({0}) {1}-{2}",
            "+1{0}{1}{2}",
            "+1.{0}.{1}.{2}",
            "({0}) {1}-{2} x{3}",
            "{0}-{1}-{2} ext. {3}",
            "{0}-{1}-{2}x{3}",
        )
    },
    **{name: Format(_one_of(patterns)) for name, patterns in _INTERNATIONAL.items()},
    "Korea, national": Format(
        lambda dice: dialled(dice.choice(["010-NDDD-DDDD", "02-NDD-DDDD", "031-NDD-DDDD", "070-NDDD-DDDD"]))(dice)
    ),
    "URI": Format(lambda dice: "tel:" + dialled(dice.choice(["+1-NDD-555-01DD", "+4930NDDDDDDD"]))(dice)),
    "named": Format(_named_phone, is_bare=False),
}

_ACCOUNTS = {
    # the IBAN registry's structures: n digits, a upper case letters, c both
    "DE": "18n",
    "GB": "4a14n",
    "FR": "10n11c2n",
    "NL": "4a10n",
    "ES": "20n",
    "IT": "1a10n12c",
    "CH": "5n12c",
    "BE": "12n",
    "PL": "24n",
    "SE": "20n",
    "NO": "11n",
    "AT": "16n",
    "MT": "4a5n18c",
    "SA": "2n18c",
    "BR": "23n1a1c",
}


def _account(dice: random.Random) -> str:
    country = dice.choice(list(_ACCOUNTS))
    number, count = "", ""
    for letter in _ACCOUNTS[country]:
        if letter.isdigit():
            count += letter
            continue
        alphabet = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}[
            letter
        ]
        number, count = number + letters(dice, int(count), alphabet), ""
    remainder = int("".join(str(int(c, 36)) for c in number + country + "00")) % 97
    return f"{country}{98 - remainder:02d}{number}"


IBAN: Formats = {
    "no groups": Format(lambda dice: mark(_account(dice), "iban")),
    "blanks": Format(lambda dice: mark(grouped(_account(dice), [4] * 9, " ").rstrip(), "iban")),
    "hyphens": Format(lambda dice: mark(grouped(_account(dice), [4] * 9, "-").rstrip("-"), "iban")),
}


def _rrn(dice: random.Random, joint: str) -> str:
    birth = f"{dice.randrange(100):02d}{dice.randrange(1, 13):02d}{dice.randrange(1, 29):02d}"
    return mark(f"{birth}{joint}{dice.randrange(1, 9)}{digits(dice, 6)}", "korean_rrn")


KOREAN_RRN: Formats = {
    "hyphen": Format(lambda dice: _rrn(dice, "-")),
    "named, no hyphen": Format(
        lambda dice: dice.choice(
            ["rrn={}", "주민등록번호: {}", '{{"rrn":"{}"}}', "resident registration number {}"]
        ).format(_rrn(dice, "")),
        is_bare=False,
    ),
}


def _passport(dice: random.Random) -> str:
    number = dice.choice(["", dice.choice("AXY")]) or dice.choice(string.digits[1:])
    forms = [
        "passport {}",
        "passport number: {}",
        "passport_no={}",
        '{{"passport":"{}"}}',
        '{{"passportNumber": "{}"}}',
        "US Passport No. {}",
        "passport # {}",
    ]
    return dice.choice(forms).format(mark(number + digits(dice, 8), "us_passport"))


US_PASSPORT: Formats = {"named": Format(_passport, is_bare=False)}
