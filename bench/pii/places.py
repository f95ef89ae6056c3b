"""Everywhere in OTLP that a text can stand, and how it is put there and read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from collector.batch import Signal


class Place(NamedTuple):
    name: str
    signal: Signal
    at: Callable[[Any, str], Any]
    """From what has the resource, and a key, to the message that has the text: made there unless it is."""
    field: str = "string_value"
    has_key: bool = True


def read(place: Place, node: Any) -> str:
    return str(getattr(place.at(node, ""), place.field))


def write(place: Place, node: Any, key: str, text: str) -> None:
    setattr(place.at(node, key), place.field, text)


def _first(repeated: Any) -> Any:
    return repeated[0] if len(repeated) else repeated.add()


def _value(pairs: Any, key: str) -> Any:
    pair = _first(pairs)
    if key:
        pair.key = key
    return pair.value


def _span(node: Any) -> Any:
    return _first(_first(node.scope_spans).spans)


def _record(node: Any) -> Any:
    return _first(_first(node.scope_logs).log_records)


def _metric(node: Any) -> Any:
    return _first(_first(node.scope_metrics).metrics)


def _point(node: Any, kind: str) -> Any:
    return _first(getattr(_metric(node), kind).data_points)


def _in_map(value: Any, key: str) -> Any:
    outer = _first(value.kvlist_value.values)
    outer.key = "details"
    return _value(outer.value.kvlist_value.values, key)


def _in_map_in_array(value: Any, key: str) -> Any:
    return _value(_first(value.array_value.values).kvlist_value.values, key)


def _in_point(kind: str) -> Place:
    def at(node: Any, key: str) -> Any:
        return _value(_point(node, kind).attributes, key)

    return Place(f"data point attribute ({kind.replace('_', ' ')})", Signal.METRICS, at)


_T, _L, _M = Signal.TRACES, Signal.LOGS, Signal.METRICS
PLACES: tuple[Place, ...] = (
    Place("resource attribute (traces)", _T, lambda n, key: _value(n.resource.attributes, key)),
    Place("scope attribute (traces)", _T, lambda n, key: _value(_first(n.scope_spans).scope.attributes, key)),
    Place("span attribute", _T, lambda n, key: _value(_span(n).attributes, key)),
    Place("event attribute", _T, lambda n, key: _value(_first(_span(n).events).attributes, key)),
    Place("link attribute", _T, lambda n, key: _value(_first(_span(n).links).attributes, key)),
    Place("map in a span attribute", _T, lambda n, key: _in_map(_value(_span(n).attributes, "data"), key)),
    Place(
        "map in an array in an event attribute",
        _T,
        lambda n, key: _in_map_in_array(_value(_first(_span(n).events).attributes, "data"), key),
    ),
    Place(
        "array in a span attribute",
        _T,
        lambda n, _: _first(_value(_span(n).attributes, "data").array_value.values),
        has_key=False,
    ),
    Place("span name", _T, lambda n, _: _span(n), "name", has_key=False),
    Place("event name", _T, lambda n, _: _first(_span(n).events), "name", has_key=False),
    Place("status message", _T, lambda n, _: _span(n).status, "message", has_key=False),
    Place("resource attribute (logs)", _L, lambda n, key: _value(n.resource.attributes, key)),
    Place("scope attribute (logs)", _L, lambda n, key: _value(_first(n.scope_logs).scope.attributes, key)),
    Place("log attribute", _L, lambda n, key: _value(_record(n).attributes, key)),
    Place("body", _L, lambda n, _: _record(n).body, has_key=False),
    Place("map in a body", _L, lambda n, key: _value(_record(n).body.kvlist_value.values, key)),
    Place("map in a map in a body", _L, lambda n, key: _in_map(_record(n).body, key)),
    Place("array in a body", _L, lambda n, _: _first(_record(n).body.array_value.values), has_key=False),
    Place("event name (logs)", _L, lambda n, _: _record(n), "event_name", has_key=False),
    Place("resource attribute (metrics)", _M, lambda n, key: _value(n.resource.attributes, key)),
    Place("scope attribute (metrics)", _M, lambda n, key: _value(_first(n.scope_metrics).scope.attributes, key)),
    *map(_in_point, ("gauge", "sum", "histogram", "exponential_histogram", "summary")),
    Place(
        "exemplar attribute",
        _M,
        lambda n, key: _value(_first(_point(n, "histogram").exemplars).filtered_attributes, key),
    ),
    Place("metric description", _M, lambda n, _: _metric(n), "description", has_key=False),
)
