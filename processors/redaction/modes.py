"""What becomes of a finding."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from processors.redaction.config import KEPT_OF_KEEP_LAST, DetectorConfig, HashFunction, Mode, RedactionConfig

Replace = Callable[[bytes], bytes]
"""From a finding's text, UTF-8, to what is written instead."""

HASHED_PREFIX = b"hmac-sha256:"
HASHED = r"hmac-sha256:[A-Za-z0-9._-]{1,64}:[0-9a-f]{32}"
"""RE2 of what mode `hash` writes, with any key: what is a hash already is not hashed again."""
MASKED = b"****"
_DIGEST = 16
"""Bytes of a digest that are written: half of them, as few as RFC 2104, section 5, allows."""


@dataclass(frozen=True)
class Action:
    """What is done with the findings of one detector."""

    replace: Replace
    removes: bool = False
    """The innermost attribute, map entry or array element with the finding goes."""
    drops: bool = False
    """The record with the finding goes."""
    writes: bytes = b""
    """The text that `replace` always returns; empty if it depends on the finding."""


def action(config: DetectorConfig, default: bytes, key: bytes, key_id: str) -> Action:
    """Return what a detector's options say.

    Args:
        config: the options.
        default: what is written where they do not say.
        key: of mode `hash`.
        key_id: how the key is called in what is written; made of the key if empty.
    """
    match config.mode:
        case Mode.REMOVE:
            return Action(_nothing, removes=True)
        case Mode.DROP:
            return Action(_nothing, drops=True)
        case Mode.HASH:
            return Action(KeyedHash(key, key_id or default_id(key)))
        case Mode.KEEP_LAST:
            return Action(KeepLast(config.keep_last or KEPT_OF_KEEP_LAST))
    return _fixed(default if config.replacement is None else config.replacement.encode())


def mask(config: RedactionConfig) -> Action:
    """Return what is done with values of blocked keys, and with blocked values."""
    key = config.key
    functions: Mapping[HashFunction, Replace] = {
        HashFunction.MD5: lambda text: hashlib.md5(text, usedforsecurity=False).hexdigest().encode(),
        HashFunction.SHA1: lambda text: hashlib.sha1(text, usedforsecurity=False).hexdigest().encode(),
        HashFunction.SHA3: lambda text: hashlib.sha3_256(text).hexdigest().encode(),
        HashFunction.HMAC_SHA256: lambda text: hmac.digest(key, text, "sha256").hex().encode(),
        HashFunction.HMAC_SHA512: lambda text: hmac.digest(key, text, "sha512").hex().encode(),
    }
    function = functions.get(config.hash_function)
    return Action(function) if function else _fixed(MASKED)


def default_id(key: bytes) -> str:
    """Return eight hexadecimal digits that tell one key from another and nothing about either."""
    return hmac.digest(key, b"key id", "sha256").hex()[:8]


@dataclass(frozen=True)
class KeyedHash:
    """The same text has the same hash while the key is the same, so that records can be joined."""

    key: bytes = field(repr=False)
    key_id: str

    def __call__(self, secret: bytes) -> bytes:
        digest = hmac.digest(self.key, secret, "sha256")[:_DIGEST]
        return f"hmac-sha256:{self.key_id}:{digest.hex()}".encode()


@dataclass(frozen=True)
class KeepLast:
    """Hides all but the last characters; at least half of them are hidden, and the length stays the same.

    So what was hidden once stays as it is when it is hidden again.
    """

    count: int

    def __call__(self, secret: bytes) -> bytes:
        text = secret.decode(errors="replace")
        kept = min(self.count, len(text) // 2)
        return ("*" * (len(text) - kept) + text[len(text) - kept :]).encode()


def _fixed(text: bytes) -> Action:
    return Action(lambda _: text, writes=text)


def _nothing(_: bytes) -> bytes:
    return b""
