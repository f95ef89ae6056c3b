"""
Documents as a server would read them.
"""

import json

import yaml

from collector.batch import Batch, Signal
from collector.net.otlp_json import decode
from exporters.elasticsearch.document_config import DocumentConfig
from exporters.elasticsearch.writer import Writer

NOW = 1_700_000_000.0


def traces(span, resource=None, scope=None, **nodes):
    """
    A batch of one span, everything as in OTLP/JSON.
    """
    return _batch(Signal.TRACES, "Spans", "spans", span, resource, scope, nodes)


def logs(record, resource=None, scope=None, **nodes):
    return _batch(Signal.LOGS, "Logs", "logRecords", record, resource, scope, nodes)


def attributes(**values):
    """
    Attributes as in OTLP/JSON, by keys with underscores for dots and values with their types.
    """
    return [{"key": key.replace("_", "."), "value": value} for key, value in values.items()]


def _batch(signal, what, records, record, resource, scope, nodes):
    scoped = {"scope": scope or {}, records: [record], "schemaUrl": nodes.get("scope_schema", "")}
    whole = {"resource": resource or {}, f"scope{what}": [scoped], "schemaUrl": nodes.get("schema", "")}
    return Batch(signal, wire=decode(signal, json.dumps({f"resource{what}": [whole]}).encode()))


def writer(config="{}", clock=lambda: NOW):
    return Writer(DocumentConfig.model_validate(yaml.safe_load(config)), clock)


def write(batch, config="{}", now=NOW):
    return writer(config, lambda: now).write(batch)


def parsed(line):
    """
    Parse one line of JSON, in which no object has a key twice.
    """
    assert b"\n" not in line
    return json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)


def sources(batch, config="{}"):
    return [parsed(document.source) for document in write(batch, config).documents]


def source(batch, config="{}"):
    (only,) = sources(batch, config)
    return only


def actions(batch, config="{}"):
    return [parsed(document.action) for document in write(batch, config).documents]


def targets(batch, config="{}"):
    return [document.target for document in write(batch, config).documents]


def as_text(documents):
    """
    Everything that was written, for golden files.
    """
    lines = []
    for document in documents.documents:
        lines += [json.dumps(parsed(document.action)), json.dumps(parsed(document.source), indent=1)]
        lines.append(f"item {document.item}, {document.items} items, once: {document.once}")
    lines += [f"{note}: {items}" for note, items in documents.notes.items()]
    return "\n".join(lines) + "\n"


def _once(pairs):
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys), f"a key is there twice: {keys}"
    return dict(pairs)


def _no_constant(name):
    raise AssertionError(f"{name} is not JSON")
