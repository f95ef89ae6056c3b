"""From the text of a condition to an expression that can be asked.

any      all ("or" all)*
all      one ("and" one)*
one      ["not"] sum [("==" | "!=" | "<" | "<=" | ">" | ">=") sum]
sum      product (("+" | "-") product)*
product  value (("*" | "/") value)*
value    "(" any ")", a literal, list, enumerator, path or call
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from collector.ottl.arithmetic import chain
from collector.ottl.comparison import compare
from collector.ottl.context import Context
from collector.ottl.expression import Expression, Kind, Reader, needles_of_all, needles_of_any
from collector.ottl.references import call, enumerator, indexed, path
from collector.ottl.tokens import ConditionError, Token, Word, tokenise, unquote

DEEPEST = 32
"""How many parentheses, lists and calls may stand in each other."""
_LARGEST = 1 << 63
_CONSTANTS = {"true": (Kind.BOOL, True), "false": (Kind.BOOL, False), "nil": (Kind.NIL, None)}


def parse(text: str, context: Context) -> Expression:
    """Return the boolean that a text says.

    Raises:
        ConditionError: it says none.
    """
    parser = _Parser(list(tokenise(text)), context)
    expression = parser.any()
    if parser.token.word is not Word.END:
        raise ConditionError("and, or, a comparison or the end is expected here", parser.token)
    return _boolean(expression)


class _Parser:
    def __init__(self, tokens: list[Token], context: Context) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self._context = context

    @property
    def token(self) -> Token:
        return self._tokens[self._place]

    def any(self) -> Expression:
        parts = self._joined("or", self._all)
        if len(parts) == 1:
            return parts[0]
        parts = [_boolean(part) for part in parts]
        return _junction(parts, _any_of([part.read for part in parts]), needles_of_any(parts))

    def _all(self) -> Expression:
        parts = self._joined("and", self._one)
        if len(parts) == 1:
            return parts[0]
        parts = [_boolean(part) for part in parts]
        return _junction(parts, _all_of([part.read for part in parts]), needles_of_all(parts))

    def _joined(self, word: str, part: Callable[[], Expression]) -> list[Expression]:
        parts = [part()]
        while self._takes(word):
            parts.append(part())
        return parts

    def _one(self) -> Expression:
        start = self.token
        if self._takes("not"):
            inner = _boolean(self._comparison())
            read = inner.read
            return Expression(token=start, kind=Kind.BOOL, read=lambda r: not read(r), can_fail=inner.can_fail)
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._sum()
        sign = self.token
        if sign.word is Word.COMPARISON:
            self._place += 1
            return compare(left, sign, self._sum())
        if sign.text == "=":
            raise ConditionError("write == to compare", sign)
        return left

    def _sum(self) -> Expression:
        return self._chain("+-", self._product)

    def _product(self) -> Expression:
        return self._chain("*/", self._value)

    def _chain(self, signs: str, part: Callable[[], Expression]) -> Expression:
        first, rest = part(), []
        while self.token.word is Word.SIGN and self.token.text in signs:
            sign = self._next()
            rest.append((sign, part()))
        return chain(first, rest)

    def _value(self) -> Expression:
        token = self._next()
        match token.word:
            case Word.STRING:
                return _constant(token, Kind.STRING, unquote(token))
            case Word.INT | Word.FLOAT | Word.SIGN:
                return self._number(token)
            case Word.BYTES:
                return _bytes(token)
            case Word.NAME:
                return self._keys(self._name(token))
        if token.text in {"(", "["}:
            return self._nested(self._group if token.text == "(" else self._list, token)
        raise ConditionError("a value is expected here", token)

    def _number(self, token: Token) -> Expression:
        number, text = token, token.text
        if token.word is Word.SIGN:
            number = self._next()
            text += number.text
            if token.text not in {"+", "-"} or number.word not in {Word.INT, Word.FLOAT}:
                raise ConditionError("a number is expected behind a sign", number)
        if number.word is Word.FLOAT:
            return _double(token, number, float(text))
        value = int(text) if len(text) <= 20 else _LARGEST  # a sign and the digits of 64 bits
        if not -_LARGEST <= value < _LARGEST:
            raise ConditionError("an integer has 64 bits", number)
        return _constant(token, Kind.INT, value)

    def _name(self, token: Token) -> Expression:
        if token.text in _CONSTANTS:
            return _constant(token, *_CONSTANTS[token.text])
        if token.text in {"and", "or", "not"}:
            raise ConditionError("a value is expected here", token)
        if self.token.text == "(":
            return self._nested(lambda _: self._call(token), token)
        if token.text[0].isupper():
            return _constant(token, Kind.INT, enumerator(token))
        names = [token]
        while self._takes("."):
            names.append(self._expect_name())
        return path(names, self._index(), self._context)

    def _keys(self, value: Expression) -> Expression:
        keys = self._index()
        return indexed(value, keys) if keys else value

    def _index(self) -> list[str | int]:
        keys: list[str | int] = []
        while self._takes("["):
            token = self._next()
            if token.word is Word.STRING:
                keys.append(unquote(token))
            elif token.word is Word.INT and len(token.text) < 10:  # no list is as long
                keys.append(int(token.text))
            else:
                raise ConditionError("a key is a string or a whole number", token)
            self._expect("]")
        return keys

    def _call(self, name: Token) -> Expression:
        self._place += 1
        given: list[tuple[str, Expression]] = []
        while not self._takes(")"):
            if given:
                self._expect(",", "there is no closing parenthesis: , or ) is expected here")
            given.append(self._argument())
        return call(name, given, self._context)

    def _argument(self) -> tuple[str, Expression]:
        is_named = self.token.word is Word.NAME and self._tokens[self._place + 1].text == "="
        if not is_named:
            return "", self.any()
        name = self._next().text
        self._place += 1
        return name, self.any()

    def _group(self, _: Token) -> Expression:
        inner = self.any()
        self._expect(")", "there is no closing parenthesis: ) is expected here")
        return inner

    def _list(self, start: Token) -> Expression:
        items: list[Expression] = []
        while not self._takes("]"):
            if items:
                self._expect(",")
            items.append(self.any())
        reads = [item.read for item in items]
        is_constant = all(item.is_constant for item in items)
        return Expression(
            token=start,
            kind=Kind.LIST,
            read=lambda record: [read(record) for read in reads],
            is_constant=is_constant,
            can_fail=any(item.can_fail for item in items),
        )

    def _nested(self, part: Callable[[Token], Expression], token: Token) -> Expression:
        if self._depth == DEEPEST:
            raise ConditionError(f"parentheses, lists and calls are more than {DEEPEST} deep in each other", token)
        self._depth += 1
        expression = part(token)
        self._depth -= 1
        return expression

    def _next(self) -> Token:
        token = self.token
        if token.word is Word.END:
            raise ConditionError("a value is expected here", token)
        self._place += 1
        return token

    def _takes(self, text: str) -> bool:
        is_it = self.token.text == text
        self._place += is_it
        return is_it

    def _expect(self, text: str, why: str = "") -> None:
        if not self._takes(text):
            raise ConditionError(why or f"{text} is expected here", self.token)

    def _expect_name(self) -> Token:
        if self.token.word is not Word.NAME:
            raise ConditionError("a name is expected behind a dot", self.token)
        return self._next()


def _constant(token: Token, kind: Kind, value: Any) -> Expression:
    return Expression(token=token, kind=kind, read=lambda _: value, is_constant=True, can_fail=False)


def _double(token: Token, number: Token, value: float) -> Expression:
    if math.isinf(value):
        raise ConditionError("this is more than a double can be", number)
    return _constant(token, Kind.DOUBLE, value)


def _bytes(token: Token) -> Expression:
    digits = token.text[2:]
    if not digits or len(digits) % 2:
        raise ConditionError("bytes are written with two digits each, such as 0x0a", token)
    return _constant(token, Kind.BYTES, bytes.fromhex(digits))


def _junction(parts: list[Expression], read: Reader, needles: Any) -> Expression:
    can_fail = any(part.can_fail for part in parts)
    return Expression(token=parts[0].token, kind=Kind.BOOL, read=read, can_fail=can_fail, needles=needles)


def _any_of(reads: list[Reader]) -> Reader:
    if len(reads) == 2:  # the most common, and cheaper
        one, other = reads
        return lambda record: one(record) or other(record)

    def read(record: Any) -> bool:
        for each in reads:  # noqa: SIM110  a generator costs more than what it asks
            if each(record):
                return True
        return False

    return read


def _all_of(reads: list[Reader]) -> Reader:
    if len(reads) == 2:
        one, other = reads
        return lambda record: one(record) and other(record)

    def read(record: Any) -> bool:
        for each in reads:  # noqa: SIM110
            if not each(record):
                return False
        return True

    return read


def _boolean(expression: Expression) -> Expression:
    """Make sure that a value is true or false; nil is false.

    Raises:
        ConditionError: it never is.
    """
    if expression.kind not in {Kind.BOOL, Kind.ANY}:
        raise ConditionError(f"a condition is true or false; this is {expression.kind}", expression.token)
    if expression.needles is not None or (expression.kind is Kind.BOOL and not expression.keys):
        return expression
    read = expression.read

    def is_true(record: Any) -> bool:
        value = read(record)
        if value is None or type(value) is bool:
            return bool(value)
        raise ValueError(f"a condition is true or false; this is a value of type {type(value).__name__}")

    needles = (expression.keys,) if expression.keys else None
    return replace(expression, kind=Kind.BOOL, read=is_true, can_fail=True, needles=needles)
