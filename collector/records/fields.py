"""Fields of a record as plain Python: one declaration each, read when asked for.

A field works on the `message` of its record, which is a projection, and marks the record as changed when written to.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Generic, TypeVar

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from collector.records.record import Record
from collector.records.values import read_value, write_value

T = TypeVar("T")
R = TypeVar("R", bound=Record)


class Field(Generic[T]):
    """One field of one message: its path, and the way to Python and back."""

    def __init__(self, path: str, read: Callable[[Any], T], write: Callable[[T], Any], doc: str = "") -> None:
        self._parents, _, self._name = path.rpartition(".")
        self._get = attrgetter(path)
        self._read = read
        self._write = write
        self.__doc__ = doc

    def __get__(self, record: Any, owner: object = None) -> T:
        if record is None:
            return self  # type: ignore[return-value]  # for help() and the like
        return self._read(self._get(record.message))

    def __set__(self, record: Any, value: T) -> None:
        written, holder = self._write(value), record.changing()
        setattr(attrgetter(self._parents)(holder) if self._parents else holder, self._name, written)


def text(path: str, doc: str = "") -> Field[str]:
    """Text, which projections leave as bytes."""
    return Field(path, bytes.decode, _encode, doc)


def number(path: str, doc: str = "") -> Field[int]:
    return Field(path, int, _whole, doc)


def hex_id(path: str, size: int, doc: str = "") -> Field[str]:
    """An id of `size` bytes as lower-case hexadecimal digits; empty for none."""

    def write(value: str) -> bytes:
        id_ = bytes.fromhex(value)
        if len(id_) not in {0, size}:
            raise ValueError(f"{path} is {2 * size} hexadecimal digits, not {value!r}")
        return id_

    return Field(path, bytes.hex, write, doc)


def choice(path: str, names: tuple[str, ...], doc: str = "") -> Field[str]:
    """An enumeration by name; a number that OTLP does not know reads as the first name."""
    numbers = {name: number for number, name in enumerate(names)}

    def write(value: str) -> int:
        if value not in numbers:
            raise ValueError(f"{path} is one of {', '.join(names)}, not {value!r}")
        return numbers[value]

    return Field(path, lambda number: names[number] if 0 <= number < len(names) else names[0], write, doc)


def seconds(path: str, doc: str = "") -> Field[float]:
    """Nanoseconds since the Unix epoch as seconds; a float tells moments 0.2 microseconds apart."""
    return Field(path, lambda nanos: nanos / 1e9, nanoseconds, doc)


class Body:
    """A field that is an attribute value itself.  A list or dict may be changed in place."""

    _room = 96
    """As `Record._room`."""

    def __get__(self, record: Record, owner: object = None) -> Any:
        if record is None:
            return self
        lent = record.lent(self)
        if lent is not None:
            return lent
        return record.lend(self, read_value(AnyValue.FromString(record.message.body.SerializeToString())))

    def __set__(self, record: Record, value: Any) -> None:
        self.put_back(record, value)
        record.lend(self, value)

    def put_back(self, record: Record, value: Any) -> None:
        """Write a value into the message if it is not what is there."""
        body = AnyValue()
        write_value(value, body, self._room)
        wire = body.SerializeToString()
        if record.message.body.SerializeToString() != wire or not record.message.HasField("body"):
            holder = record.changing().body
            holder.Clear()
            holder.MergeFromString(wire)
            holder.SetInParent()


class Children(Generic[R]):
    """A repeated message as a plain list of records, which may be changed in any way."""

    def __init__(self, type_: type[R], doc: str = "") -> None:
        self._type = type_
        self.__doc__ = doc

    def __set_name__(self, owner: object, name: str) -> None:
        self._name = name

    def __get__(self, record: Any, owner: object = None) -> list[R]:
        if record is None:
            return self  # type: ignore[return-value]
        children: list[R] | None = record.lent(self)
        if children is None:
            children = record.lend(self, list(map(self._type, getattr(record.message, self._name))))
        return children

    def __set__(self, record: Record, value: list[R]) -> None:
        record.lend(self, list(value))

    def put_back(self, record: Record, value: list[R]) -> None:
        """Write the list into the message if it is not what is there.

        Raises:
            TypeError: something else is in the list.
        """
        for child in value:
            if not isinstance(child, self._type):
                raise TypeError(f"{self._name} is a list of {self._type.__name__}, not of {type(child).__name__}")
        wires = [child.wire for child in value]
        if wires != list(getattr(record.message, self._name)):
            field = getattr(record.changing(), self._name)
            del field[:]
            field.extend(wires)


def nanoseconds(seconds: float) -> int:
    """Return seconds as whole nanoseconds.

    Raises:
        TypeError: it is not a number.
    """
    if not isinstance(seconds, int | float):  # text and lists can be multiplied too
        raise TypeError(f"a time is a number of seconds, not {type(seconds).__name__}")
    return round(seconds * 1_000_000_000)


def _encode(value: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"this field is text, not {type(value).__name__}")
    return value.encode()


def _whole(value: int) -> int:
    if not isinstance(value, int):
        raise TypeError(f"this field is a whole number, not {type(value).__name__}")
    return value
