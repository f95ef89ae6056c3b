"""
Documents as a server would read them.
"""

import json

import yaml

from exporters.elasticsearch.document_config import DocumentConfig
from exporters.elasticsearch.writer import Writer

NOW = 1_700_000_000.0


def writer(config="{}", now=NOW):
    return Writer(DocumentConfig.model_validate(yaml.safe_load(config)), lambda: now)


def write(batch, config="{}", now=NOW):
    return writer(config, now).write(batch)


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
