"""Texts in which it is marked what has to be masked."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

OPEN, CLOSE = "\u27e6", "\u27e7"
_MARKED = re.compile(f"{OPEN}([a-z_0-9|]*):(.*?){CLOSE}", re.DOTALL)


class Label(NamedTuple):
    """What has to be masked: offsets in characters, and the detectors that may do it."""

    start: int
    end: int
    detectors: tuple[str, ...]
    """The first is the one that it counts for; the others are right too: a JWT after `Bearer` is both."""


class Format(NamedTuple):
    """One way in which a secret is written."""

    make: Callable[[random.Random], str]
    """Returns a text with marks."""
    is_bare: bool = True
    """Whether there is nothing but the secret, so that it may stand anywhere; otherwise it is a line of its own."""


Formats = Mapping[str, Format]


def mark(secret: str, *detectors: str) -> str:
    return f"{OPEN}{'|'.join(detectors)}:{secret}{CLOSE}"


def read(marked: str) -> tuple[str, tuple[Label, ...]]:
    """Return the text without marks, and what they said."""
    text, labels, position = "", [], 0
    for match in _MARKED.finditer(marked):
        text += marked[position : match.start()]
        labels.append(Label(len(text), len(text) + len(match[2]), tuple(match[1].split("|"))))
        text += match[2]
        position = match.end()
    return text + marked[position:], tuple(labels)


def digits(dice: random.Random, count: int) -> str:
    return "".join(dice.choices("0123456789", k=count))


def letters(dice: random.Random, count: int, alphabet: str) -> str:
    return "".join(dice.choices(alphabet, k=count))
