"""A record as a mapping of its attributes.

Reading decodes one attribute; the others stay bytes.  OTLP wants keys to be unique, but what arrives may have one
twice: then the last one counts, as when it is set twice, and the others go as soon as somebody looks at that key, so
that what a function has seen is what goes on.
"""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterator, MutableMapping, ValuesView
from typing import Any, Protocol

from google.protobuf.message import Message

from collector.records.values import read_pair, write_pair

_CONTAINERS = frozenset({list, dict})
_FEW = 64
"""Attributes that are searched for one by one; for more an index is made, since a sender decides how many there are."""


class Lender(Protocol):
    """A field whose values may be changed in place."""

    def put_back(self, record: Any, value: Any) -> None:
        """Write `value` into the record's message if it is not what is there."""


class Record(MutableMapping[str, Any]):
    """Something with attributes: a span, a log record, a data point, an event, a resource, ...

    Attributes are read and written as in a dict of plain values.  A list or dict that was read may be changed in
    place.  Unlike a dict, a record is true even without attributes, and equal only to itself.
    """

    __slots__ = ("_changed", "_lent", "_message", "_pairs", "_places", "_raw")

    message_type: type[Message]
    """A projection whose attributes are left as bytes."""
    attributes_field = "attributes"
    _room = 95
    """Messages inside each other that a value may be made of: the official parser takes a hundred in a request."""

    def __init__(self, raw: bytes = b"", message: Any = None) -> None:
        self._raw = raw
        self._message = message
        self._pairs: list[bytes] | None = None
        self._places: dict[str, int] | None = None
        self._lent: dict[Any, Any] | None = None
        self._changed = False

    @property
    def message(self) -> Any:
        """What has been decoded.  Whoever changes it calls `changing`."""
        message = self._message
        if message is None:
            message = self._message = self.message_type.FromString(self._raw)
        return message

    def changing(self) -> Any:
        """Return the message, to be changed."""
        self._changed = True
        return self.message

    @property
    def wire(self) -> bytes:
        """The record's bytes: the very ones it came with if nothing changed."""
        if not self.settle():
            return self._raw
        wire: bytes = self._message.SerializeToString()
        return wire

    def settle(self) -> bool:
        """Write back what was lent, and say whether anything has changed."""
        if self._lent:
            for owner, value in self._lent.items():
                if isinstance(owner, str):
                    self._write(owner, value)
                else:
                    owner.put_back(self, value)
        if self._places is not None and self._changed:
            pairs = self._loaded()
            self._replace([pairs[place] for place in self._places.values()])
            self._places = {key: place for place, key in enumerate(self._places)}
        return self._changed

    def lend(self, owner: str | Lender, value: Any) -> Any:
        """Keep track of a value that was handed out or in, if it is one that may be changed in place."""
        if isinstance(value, list | dict):
            if self._lent is None:
                self._lent = {}
            self._lent[owner] = value
        elif self._lent:
            self._lent.pop(owner, None)
        return value

    def lent(self, owner: str | Lender) -> Any:
        """Return what is lent to `owner`; None for nothing."""
        return self._lent.get(owner) if self._lent else None

    def __getitem__(self, key: str) -> Any:
        if (found := self._find(key)) is None:
            raise KeyError(key)
        return self._value(key, found[1])

    def get(self, key: str, default: Any = None) -> Any:
        if (found := self._find(key)) is None:
            return default
        return self._value(key, found[1])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def __setitem__(self, key: str, value: Any) -> None:
        self._write(key, value)
        if self._lent or isinstance(value, list | dict):
            self.lend(key, value)

    def __delitem__(self, key: str) -> None:
        if (found := self._find(key)) is None:
            raise KeyError(key)
        if self._places is not None:
            del self._places[key]
        else:
            del self._loaded()[found[0]], getattr(self.message, self.attributes_field)[found[0]]
        self._changed = True
        if self._lent:
            self._lent.pop(key, None)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._keys()))

    def __len__(self) -> int:
        return len(self._keys())

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def items(self) -> ItemsView[str, Any]:
        return self._everything().items()

    def values(self) -> ValuesView[Any]:
        return self._everything().values()

    def clear(self) -> None:
        """Remove all attributes."""
        for key in list(self._keys()):
            del self[key]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._everything()!r}>"

    def _loaded(self) -> list[bytes]:
        pairs = self._pairs
        if pairs is None:
            pairs = self._pairs = getattr(self.message, self.attributes_field)[:]
        return pairs

    def _find(self, key: str) -> tuple[int, Any] | None:
        """Return where an attribute is, and its value.

        The key of a pair is a run of its bytes.  So what the record's bytes do not mention is not there, and what they
        mention once is at that place or nowhere: only a key that is mentioned more often needs a look at every pair.
        """
        if self._places is not None:
            return self._look_up(key)
        try:
            needle, raw = key.encode(), self._raw
        except (AttributeError, UnicodeEncodeError):  # what is not text, or cannot be sent, is no key
            return None
        start = raw.find(needle)
        if start < 0 and raw and not self._changed:
            return None
        pairs = self._pairs or self._loaded()
        if len(pairs) > _FEW:
            self._places = self._keys()
            return self._look_up(key)
        if start > 0 and raw.find(needle, start + 1) < 0:
            pair = raw[start - 2 : start - 2 + raw[start - 3]]  # if it is short, and its key comes first
            if pair in pairs:
                its_key, value = read_pair(pair)
                if its_key == key:
                    return pairs.index(pair), value
        return self._search(key, needle)

    def _look_up(self, key: str) -> tuple[int, Any] | None:
        place = self._keys().get(key)
        return None if place is None else (place, read_pair(self._loaded()[place])[1])

    def _search(self, key: str, needle: bytes) -> tuple[int, Any] | None:
        """Look at every pair, and remove all but the last of those that have this key."""
        pairs = self._loaded()
        places = [i for i, pair in enumerate(pairs) if pair.find(needle) >= 0 and read_pair(pair)[0] == key]
        if not places:
            return None
        self._remove(places[:-1])
        last = places[-1] - len(places) + 1
        return last, read_pair(pairs[last])[1]

    def _remove(self, places: Collection[int]) -> None:
        if places:
            self._replace([pair for place, pair in enumerate(self._loaded()) if place not in places])
            self._changed = True

    def _replace(self, pairs: list[bytes]) -> None:
        field = getattr(self.message, self.attributes_field)
        del field[:]
        field.extend(pairs)
        self._loaded()[:] = pairs

    def _value(self, key: str, value: Any) -> Any:
        """Return what was found, or what was lent of it before."""
        if type(value) not in _CONTAINERS:
            return value
        lent = self.lent(key)
        return self.lend(key, value) if lent is None else lent

    def _write(self, key: str, value: Any) -> None:
        pair, found = write_pair(key, value, self._room), self._find(key)
        pairs, field = self._loaded(), getattr(self.message, self.attributes_field)
        if found is None:
            pairs.append(pair)
            if self._places is None:
                field.append(pair)
            else:
                self._places[key] = len(pairs) - 1
        elif pairs[found[0]] != pair:
            pairs[found[0]] = pair
            if self._places is None:
                field[found[0]] = pair
        else:
            return
        self._changed = True

    def _keys(self) -> dict[str, int]:
        """Return every key with its place, having removed those that come again."""
        if self._places is not None:
            return self._places
        pairs = self._loaded()
        keys = {read_pair(pair)[0]: i for i, pair in enumerate(pairs)}
        if len(keys) < len(pairs):
            self._remove(set(range(len(pairs))) - set(keys.values()))
            return self._keys()
        return keys

    def _everything(self) -> dict[str, Any]:
        """Return a dict of all attributes; changing the record while going through it is fine."""
        pairs = self._loaded()
        if self._places is not None:
            pairs = [pairs[place] for place in self._places.values()]
        everything = dict(map(read_pair, pairs))
        if len(everything) < len(pairs):
            self._keys()
        return {key: self._value(key, value) for key, value in everything.items()}
