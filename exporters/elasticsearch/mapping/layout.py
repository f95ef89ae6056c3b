"""Fields with dotted names as one JSON object, nested or flat, whose form is worked out once for each set of names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from exporters.elasticsearch.fragments import Memory
from exporters.elasticsearch.json_values import DEEPEST, dumps, field_name, renames

_METADATA = frozenset(
    {
        "_id",
        "_index",
        "_source",
        "_type",
        "_routing",
        "_version",
        "_seq_no",
        "_primary_term",
        "_field_names",
        "_ignored",
    }
    | {"_nested_path", "_tier", "_size", "_feature", "_data_stream_timestamp", "_inference_fields"}
)
"""All but `_doc_count`, which documents may have."""


LONGEST_PREFIX = 256
"""A key of 100 kB before a thousand others would come to 100 MB."""


class _Layout(NamedTuple):
    template: str
    """The object with %s for each value."""
    order: Any
    """Puts values into the order of the template."""


class Layouts:
    """Writes fields as objects.

    Args:
        is_nested: whether `a.b` becomes an object in an object; otherwise it is written as it is.
    """

    def __init__(self, *, is_nested: bool) -> None:
        self._layouts: Memory[tuple[str, ...], _Layout] = Memory(_nested if is_nested else _flat, 4096)

    def write(self, fields: Mapping[str, str]) -> str:
        """Return fields, by dotted name and each as JSON, as an object without line feeds."""
        layout = self._layouts[tuple(fields)]
        text: str = layout.template % layout.order(tuple(fields.values()))
        return text


def without_metadata(names: Collection[str]) -> dict[str, str]:
    """Return new names for fields that would be the server's own: `_id` becomes `_id_`, and `_id.a` `_id_.a`.

    Elasticsearch reference, "Metadata fields": a document that has one of them is refused as a whole.
    """
    first = {name.partition(".")[0] for name in names}
    new: dict[str, str] = {}
    for own in _METADATA & first:
        candidate = f"{own}_"
        while candidate in first:
            candidate += "_"
        new |= {name: candidate + name[len(own) :] for name in names if name.partition(".")[0] == own}
    return new


def _new_names(names: tuple[str, ...]) -> dict[str, str]:
    outer = without_metadata(names)
    inner = renames([outer.get(name, name) for name in names])
    return {name: inner.get(its := outer.get(name, name), its) for name in names}


def _nested(names: tuple[str, ...]) -> _Layout:
    new = _new_names(names)
    tree: dict[str, Any] = {}
    for position, name in enumerate(names):
        *parents, leaf = new[name].split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = position
    return _layout("".join(_pieces(tree)), _positions(tree))


def _pieces(tree: Mapping[str, Any]) -> Iterator[str]:
    yield "{"
    for number, (name, node) in enumerate(tree.items()):
        yield "," * (number > 0) + dumps(name).replace("%", "%%") + ":"
        if isinstance(node, dict):
            yield from _pieces(node)
        else:
            yield "%s"
    yield "}"


def _positions(tree: Mapping[str, Any]) -> list[int]:
    positions: list[int] = []
    for node in tree.values():
        positions += _positions(node) if isinstance(node, dict) else [node]
    return positions


def _flat(names: tuple[str, ...]) -> _Layout:
    new = _new_names(names)
    members = ",".join([dumps(new[name]).replace("%", "%%") + ":%s" for name in names])
    return _layout(f"{{{members}}}", list(range(len(names))))


def _layout(template: str, positions: Sequence[int]) -> _Layout:
    # itemgetter returns a tuple for two and more only; every document has a time and something else
    return _Layout(template, itemgetter(*positions) if len(positions) > 1 else tuple)


def flattened(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield a value as fields, with those in maps by their dotted names; what is too deep, or called so long that each
    name would repeat more than `LONGEST_PREFIX` characters, stays a map.
    """
    if not isinstance(value, dict) or depth >= DEEPEST or len(name) > LONGEST_PREFIX:
        yield field_name(name), value
        return
    for key, item in value.items():
        yield from flattened(f"{name}.{key}", item, depth + 1)
