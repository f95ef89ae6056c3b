"""Metric names and units as Prometheus has them.

OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", metric metadata; the reference implementation
(prometheus/otlptranslator) decides where the text leaves a choice.
"""

from __future__ import annotations

import enum
import re

from exporters.prometheus_remote_write.rules import Strategy

_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "kBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_NOT_IN_TOKENS = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9:_]+")


class Ending(enum.StrEnum):
    """What a name ends with because of its type, after the unit."""

    NONE = ""
    TOTAL = "total"
    """Of monotonic sums."""
    RATIO = "ratio"
    """Of gauges whose unit is exactly `1`."""


class NamelessError(ValueError):
    """Nothing that Prometheus could take is left of a name.  `str()` is for the user."""


def metric_name(name: str, unit: str, ending: Ending, strategy: Strategy, namespace: str = "") -> str:
    """Return the name of a metric in Prometheus, without the suffixes of a histogram's series.

    Raises:
        NamelessError: there is none.
    """
    match strategy:
        case Strategy.UNDERSCORES_WITH_SUFFIXES:
            answer = _of_tokens(name, unit, ending, namespace)
        case Strategy.UNDERSCORES:
            answer = _escaped(name, namespace)
        case Strategy.UTF8_WITH_SUFFIXES:
            answer = _with_suffixes(_in_namespace(name, namespace), unit, ending)
        case Strategy.AS_THEY_ARE:
            answer = _in_namespace(name, namespace)
    if not name or (strategy.escapes and answer != name and not answer.strip("_")):
        raise NamelessError(f"nothing is left of the metric name {name!r}")
    return answer


def unit_name(unit: str, *, escapes: bool) -> str:
    """Return a unit as Prometheus calls it, such as `bytes_per_second`; empty for none."""
    return "_".join(word for word in _unit_words(unit, escapes=escapes) if word)


def _of_tokens(name: str, unit: str, ending: Ending, namespace: str) -> str:
    tokens = [token for token in _NOT_IN_TOKENS.split(name) if token]
    for word in _unit_words(unit, escapes=True):
        if word and word not in tokens:
            tokens.append(word)
    if ending:
        tokens = [token for token in tokens if token != ending] + [ending]
    return _begun("_".join([_NOT_IN_NAMES.sub("_", namespace), *tokens] if namespace else tokens))


def _escaped(name: str, namespace: str) -> str:
    answer = _NOT_IN_NAMES.sub("_", _trimmed(name))
    if namespace:
        answer = f"{_NOT_IN_NAMES.sub('_', _trimmed(namespace))}_{answer}"
    return _begun(answer)


def _begun(name: str) -> str:
    """No name begins with a digit."""
    return f"_{name}" if name[:1].isdigit() else name


def _trimmed(name: str) -> str:
    """Cut what is not of a name at both ends, where it stands for nothing."""
    return re.sub(r"^[^a-zA-Z0-9:_]+|[^a-zA-Z0-9:_]+$", "", name)


def _with_suffixes(name: str, unit: str, ending: Ending) -> str:
    main, per = _unit_words(unit, escapes=False)
    for suffix in (ending, per):
        name = _without(name, suffix)
    if main and not name.endswith(main):
        name = f"{name}_{main}"
    return "_".join(part for part in (name, per, ending) if part)


def _without(name: str, suffix: str) -> str:
    """Cut a suffix with the character before it, unless that belongs to a word, as in `subtotal`."""
    rest = name.removesuffix(suffix)
    return rest[:-1] if suffix and rest != name and len(rest) > 1 and not rest[-1].isalnum() else name


def _in_namespace(name: str, namespace: str) -> str:
    return f"{namespace}_{name}" if namespace else name


def _unit_words(unit: str, *, escapes: bool) -> tuple[str, str]:
    main, _, per = (part.strip() for part in unit.partition("/"))
    words = (_word(main, _UNITS), _word(per, _PER))
    first, second = (_clean(word) for word in words) if escapes else words
    return first, f"per_{second}" if second else ""


def _word(unit: str, words: dict[str, str]) -> str:
    """What stands in braces is a remark, not a unit (UCUM, "Annotations")."""
    return "" if "{" in unit or "}" in unit else words.get(unit, unit)


def _clean(word: str) -> str:
    return _NOT_IN_TOKENS.sub("_", word).strip("_")
