"""What stands for something else in a condition: paths, enumerators and calls."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from collector.ottl.context import Context
from collector.ottl.converters import CONVERTERS, Converter, is_match_of
from collector.ottl.expression import Expression, Kind, Reader, remembered
from collector.ottl.paths import ENUMERATORS, Path, Place, place_of, prefixes, trace_state_member
from collector.ottl.tokens import ConditionError, Token

Keys = Sequence[str | int]


def path(names: Sequence[Token], keys: Keys, context: Context) -> Expression:
    """Return the value of a path such as `span.attributes["k"]`.

    Raises:
        ConditionError: there is no such path in this context.
    """
    first, rest = names[0], names[1:]
    place = place_of(first.text, context) if rest else None
    if place is None:
        place, rest = _own(context), names
    name = ".".join([each.text for each in rest])
    field = place.fields.get(name)
    if field is None:
        raise ConditionError(_unknown_path(name, place, context), rest[0])
    if keys and name == "trace_state":
        return _trace_state(first, place, keys)
    return _attribute(first, place, keys) if keys and field.is_attributes else _field(first, place, field, keys)


def _own(context: Context) -> Place:
    place = place_of("", context)
    assert place is not None  # noqa: S101  every context has a place of its own
    return place


def _unknown_path(name: str, place: Place, context: Context) -> str:
    others = ", ".join(f"{prefix}." for prefix in prefixes(context))
    return f"{place.about} has no {name}, only {', '.join(sorted(place.fields))}; paths start with {others}"


def _field(token: Token, place: Place, field: Path, keys: Keys) -> Expression:
    expression = Expression(
        token=token,
        kind=field.kind,
        read=_behind(place, field.read),
        can_fail=False,
        is_verbatim=field.is_verbatim and place.is_own,
        outside=place.outside,
    )
    expression = remembered(expression, [expression])
    return indexed(expression, keys) if keys else expression


def _trace_state(token: Token, place: Place, keys: Keys) -> Expression:
    if len(keys) != 1 or not isinstance(keys[0], str):
        raise ConditionError("a trace state has one key, which is a string", token)
    read = _behind(place, trace_state_member(keys[0]))
    expression = Expression(
        token=token, kind=Kind.STRING, read=read, can_fail=False, is_verbatim=place.is_own, outside=place.outside
    )
    return remembered(expression, [expression])


def _attribute(token: Token, place: Place, keys: Keys) -> Expression:
    key = keys[0]
    if not isinstance(key, str):
        raise ConditionError("the key of an attribute is a string", token)
    expression = Expression(
        token=token,
        kind=Kind.ANY,
        read=_behind(place, lambda record: record.get(key)),
        can_fail=False,
        is_verbatim=place.is_own,
        keys=(key.encode(),) if place.is_own and key else (),
        outside=place.outside,
    )
    expression = remembered(expression, [expression])
    return indexed(expression, keys[1:]) if len(keys) > 1 else expression


def _behind(place: Place, read: Reader) -> Reader:
    way = place.way
    return read if way is None else lambda asked: read(way(asked))


def indexed(value: Expression, keys: Keys) -> Expression:
    """Return what is in a list or map; nil if the map has no such key, or there is no map.

    Raises:
        ConditionError: the value is neither.
    """
    if value.kind not in {Kind.ANY, Kind.LIST, Kind.MAP}:
        raise ConditionError(f"{value.kind} has no keys", value.token)
    outer = value.read

    def read(record: Any) -> Any:
        inner = outer(record)
        return None if inner is None else _inside(inner, keys)

    return remembered(Expression(token=value.token, kind=Kind.ANY, read=read, keys=value.keys), [value])


def _inside(value: Any, keys: Keys) -> Any:
    for key in keys:
        match value, key:
            case dict(), str():
                value = value.get(key)
                if value is None:
                    return None
            case list(), int() if key < len(value):
                value = value[key]
            case _:
                raise ValueError(f"a value of type {type(value).__name__} has no {key!r}")
    return value


def enumerator(token: Token) -> int:
    """Return the number of a name such as STATUS_CODE_ERROR.

    Raises:
        ConditionError: there is no such name.
    """
    if token.text not in ENUMERATORS:
        raise ConditionError(f"there is no such enumerator{_guess(token.text, ENUMERATORS)}", token)
    return ENUMERATORS[token.text]


def _guess(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def call(name: Token, given: Sequence[tuple[str, Expression]], context: Context) -> Expression:
    """Return what a converter makes of its arguments, each with the name it was given by, if any.

    Raises:
        ConditionError: there is no such converter here, or it takes something else.
    """
    converter = CONVERTERS.get(name.text)
    if converter is None:
        known = ", ".join(sorted(CONVERTERS))
        raise ConditionError(f"there is no function {name.text}{_guess(name.text, CONVERTERS)} Known: {known}", name)
    arguments = _arguments(name, converter, given)
    read = _caller(name, converter, arguments, context)
    if arguments and converter.context is None and all(argument.is_constant for argument in arguments):
        return _settled(name, converter, read)
    is_false_for_nil = converter.is_false_for_nil or (name.text == "IsMatch" and arguments[1].is_constant)
    expression = Expression(
        token=name,
        kind=converter.gives,
        read=read,
        can_fail=not is_false_for_nil or arguments[0].can_fail,
        needles=(arguments[0].keys,) if is_false_for_nil and arguments[0].keys else None,
    )
    return expression if converter.context is not None else remembered(expression, arguments)


def _settled(name: Token, converter: Converter, read: Reader) -> Expression:
    """Call a converter now, since it will always give the same."""
    try:
        value = read(None)
    except ValueError as error:
        raise ConditionError(str(error), name) from None
    kind = Kind.NIL if value is None else converter.gives
    return Expression(token=name, kind=kind, read=lambda _: value, is_constant=True, can_fail=False)


def _arguments(name: Token, converter: Converter, given: Sequence[tuple[str, Expression]]) -> list[Expression]:
    wanted = list(converter.parameters)
    signature = f"{name.text}({', '.join(wanted)})"
    if len(given) != len(wanted):
        raise ConditionError(f"{signature} takes {len(wanted)} arguments, not {len(given)}", name)
    found: dict[str, Expression] = {}
    for place, (named, argument) in enumerate(given):
        label = named or wanted[place]
        if label not in wanted or label in found:
            raise ConditionError(f"{signature} has no {label}, or has it twice", argument.token)
        accepted = converter.parameters[label]
        if argument.kind is not Kind.ANY and argument.kind not in accepted:
            raise ConditionError(f"{label} of {signature} cannot be {argument.kind}", argument.token)
        choices = converter.choices.get(label)
        if choices and argument.is_constant and argument.read(None) not in choices:
            raise ConditionError(f"{label} of {signature} is {' or '.join(choices)}", argument.token)
        found[label] = argument
    return [found[label] for label in wanted]


def _caller(name: Token, converter: Converter, arguments: Sequence[Expression], context: Context) -> Reader:
    reads = [argument.read for argument in arguments]
    function = converter.call
    if converter.context is not None:
        place = place_of(str(converter.context), context)
        # who asks all points of a metric about each of its points asks a million times about a thousand
        if place is None or (converter.context is Context.METRIC and not place.is_own):
            raise ConditionError(f"{name.text} is of {converter.context}, not of {context}", name)
        return _behind(place, lambda record: function(record, *[read(record) for read in reads]))
    if name.text == "IsMatch" and arguments[1].is_constant:
        function, reads = _known_pattern(arguments[1]), reads[:1]
    match reads:
        case [one]:
            return lambda record: function(one(record))
        case [one, other]:
            return lambda record: function(one(record), other(record))
    return lambda record: function(*[read(record) for read in reads])


def _known_pattern(pattern: Expression) -> Any:
    try:
        return is_match_of(pattern.read(None))
    except ValueError as error:
        raise ConditionError(str(error), pattern.token) from None
