"""The key of a trace: what it has in common with others of its kind.

The rules are those of Honeycomb's Refinery: the values of sorted fields, each value once, sorted, joined with "•".
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from collector.api import Span
from collector.records.text import as_text
from processors.tail_sampling.trace import Trace

_ROOT = "root."
_NAME = "name"
_MOST_VALUES = 100
"""Of one field in one trace."""
_LONGEST = 256
"""Characters of a key; a longer one is told from others by its hash, so that what is remembered has a bound."""


class Keys:
    """Makes keys from fields: attributes of spans and resources, or `name`; after `root.`, those of the root span."""

    def __init__(self, fields: Iterable[str], *, with_length: bool = False) -> None:
        self._fields = sorted(set(fields))
        self._of_spans = [field for field in self._fields if not field.startswith(_ROOT)]
        self._of_root = [field for field in self._fields if field.startswith(_ROOT)]
        self._attributes = [field for field in self._of_spans if field != _NAME]
        self._needles = [field.encode(errors="surrogatepass") for field in self._attributes]
        self._with_length = with_length

    def of(self, trace: Trace) -> str:
        """Return the key.  All traces with none of the fields have the same one."""
        texts = self._texts(trace)
        key = ",".join(["•".join(sorted(texts[field])[:_MOST_VALUES]) for field in self._fields])
        if not any(texts.values()):
            key = ""
        if self._with_length:
            key = f"{key},{trace.span_count}"
        return key if len(key) <= _LONGEST else _shortened(key)

    def _texts(self, trace: Trace) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {field: set() for field in self._fields}
        for span in self._spans(trace):
            for field in self._of_spans:
                _add(found[field], _value(span, field))
        for resource in trace.resources(self._may_have_one):
            for field in self._attributes:
                _add(found[field], resource.get(field))
        root: Any = trace.root if self._of_root else None
        for field in self._of_root if root is not None else ():
            own = field.removeprefix(_ROOT)
            value = _value(root, own)
            _add(found[field], root.resource.get(own) if value is None else value)
        return found

    def _may_have_one(self, resource: bytes) -> bool:
        return any(needle in resource for needle in self._needles)

    def _spans(self, trace: Trace) -> Iterable[Span]:
        """Yield spans that may have a field, without what they stand in."""
        needles = [needle for needle in self._needles if needle in trace.text]
        has_name = len(self._attributes) < len(self._of_spans)
        for part in trace.parts if needles or has_name else ():
            for raw in part.spans:
                if has_name or any(needle in raw for needle in needles):
                    yield Span(raw)


def _value(span: Any, field: str) -> Any:
    return span.name if field == _NAME else span.get(field)


def _add(texts: set[str], value: Any) -> None:
    if value is not None:
        texts.add(as_text(value))


def _shortened(key: str) -> str:
    told_apart = blake2b(key.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return f"{key[: _LONGEST - len(told_apart) - 1]}…{told_apart}"
