"""The words of a condition, and how to say which of them is wrong."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import NamedTuple

_LONGEST_EXCERPT = 30


class ConditionError(ValueError):
    """A condition that cannot be asked; says in one line where it is wrong, and why."""

    def __init__(self, why: str, token: Token) -> None:
        self.column = token.column
        """Where the mistake is, counted from 1."""
        text = token.text if len(token.text) <= _LONGEST_EXCERPT else f"{token.text[:_LONGEST_EXCERPT]}..."
        where = f"at {text}" if text else "at the end"
        super().__init__(f"column {token.column}, {where}: {why}")


class Word(enum.Enum):
    """Kinds of words; the order is that in which they are tried."""

    BYTES = r"0x[0-9a-fA-F]*"
    FLOAT = r"\d*\.\d+(?:[eE][-+]?\d+)?"
    INT = r"\d+"
    STRING = r'"(?:\\.|[^\\"])*"'
    NAME = r"[A-Za-z_][A-Za-z0-9_]*"
    COMPARISON = r"==|!=|<=|>=|<|>"
    SIGN = r"[-+*/]"
    MARK = r"[()\[\]{},.:=]"
    END = r"\Z"


class Token(NamedTuple):
    """One word, and where it stands."""

    word: Word
    text: str
    column: int
    """Counted from 1."""


_WORDS = re.compile("|".join(f"(?P<{word.name}>{word.value})" for word in Word), re.DOTALL)
_BLANK = re.compile(r"\s*")


def tokenise(text: str) -> Iterator[Token]:
    """Yield the words of a condition; the last one is the end, which is empty.

    Raises:
        ConditionError: a character that belongs to no word, or a string that does not end.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConditionError("this is no text", Token(Word.STRING, "", error.start + 1)) from None
    place = 0
    while True:
        place = _BLANK.match(text, place).end()  # type: ignore[union-attr]  # blanks always match
        found = _WORDS.match(text, place)
        if not found:
            why = "a string has to end with a quote" if text[place] == '"' else "this character has no meaning here"
            rest = text[place:] if text[place] == '"' else text[place]
            raise ConditionError(why, Token(Word.STRING, " ".join(rest.split()), place + 1))
        word = Word[str(found.lastgroup)]
        yield Token(word, found[0], place + 1)
        if word is Word.END:
            return
        place = found.end()


_ESCAPE = re.compile(
    rb"\\(?:(?P<octal>[0-7]{3})|x(?P<byte>[0-9a-fA-F]{2})|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})"
    rb"|(?P<letter>[abfnrtv\\\"])|(?P<other>.))",
    re.DOTALL,
)
_LETTERS = dict(zip(b'abfnrtv\\"', b'\a\b\f\n\r\t\v\\"', strict=True))


def unquote(token: Token) -> str:
    """Return what a string says.  The Go Programming Language Specification, "String literals".

    Raises:
        ConditionError: an escape that means nothing, or that is no text.
    """
    inner = token.text[1:-1]
    if "\\" not in inner:
        return inner
    try:
        return _ESCAPE.sub(_unescape, inner.encode()).decode()
    except UnicodeDecodeError:
        raise ConditionError("its escapes are not UTF-8", token) from None
    except ValueError as error:
        raise ConditionError(str(error), token) from None


def _unescape(found: re.Match[bytes]) -> bytes:
    if found["letter"]:
        return bytes([_LETTERS[found["letter"][0]]])
    if found["octal"]:
        return bytes([int(found["octal"], 8)])  # ValueError if more than 255
    if found["byte"]:
        return bytes([int(found["byte"], 16)])
    if found["other"]:
        raise ValueError(rf"\{chr(found['other'][0])} means nothing in a string: write \\ for a backslash")
    number = int(found["short"] or found["long"], 16)
    if number > 0x10FFFF:
        raise ValueError("this is no character of Unicode")
    return chr(number).encode("utf-8", "surrogatepass")  # surrogates are refused with the rest
