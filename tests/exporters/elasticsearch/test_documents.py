from collections import Counter

import orjson
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from exporters.elasticsearch.document_config import Flavor, Mode
from exporters.elasticsearch.index_names import mistake_in
from exporters.elasticsearch.json_values import renames
from tests.exporters.elasticsearch.telemetry import batches
from tests.exporters.elasticsearch.written import parsed, writer

DEEPEST = 40
"""
Levels that a document may have: those of a value and those around it.  Parsers take a thousand.
"""


def depth(value):
    match value:
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
        case list():
            return 1 + max(map(depth, value), default=0)
    return 0


def names(value, prefix=""):
    """
    Every field of a document with its full dotted name, as often as it is there.
    """
    if not isinstance(value, dict):
        return [prefix]
    return [name for key, item in value.items() for name in names(item, f"{prefix}.{key}" if prefix else key)]


@pytest.mark.slow
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(batch=batches(), flavor=st.sampled_from(Flavor), ids=st.booleans())
def test_whatever_comes_every_record_is_in_one_place_and_every_line_is_json(batch, flavor, ids):
    for mode in Mode:  # a batch takes longer to make than to write in all of them
        note(f"mode {mode}")
        check(batch, mode, flavor, ids)


def check(batch, mode, flavor, ids):
    config = f"{{mapping: {{mode: {mode}}}, flavor: {flavor}, document_ids: {str(ids).lower()}}}"
    writing = writer(config)
    wire, size = batch.wire, len(batch)

    written = writing.write(batch)

    assert batch.wire is wire
    assert size == sum(written.counted().values())
    assert sum(written.dropped.values()) == sum(written.notes.values())
    documents = [*written.documents, *(document for document, _ in written.undeliverable)]
    items = Counter(document.item for document in documents if document.items)
    assert all(0 <= item < size for item in items)
    assert {1} >= set(items.values())
    for document in documents:
        assert depth(parsed(document.source)) <= DEEPEST
    for document in written.documents:
        ((action, members),) = parsed(document.action).items()
        assert action in {"create", "index"}
        assert document.target == members["_index"]
        assert document.id == members.get("_id", "")
        assert "" == mistake_in(document.target)
        orjson.loads(document.source)  # which refuses what Python's parser lets pass


@pytest.mark.slow
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(batch=batches())
def test_no_field_is_a_value_and_an_object_at_once(batch):
    """
    Such a document is refused, whether the dots are in a key or between two; Elasticsearch takes them in mode otel, in
    which signals are that a mode has no shape for.
    """
    for mode in (Mode.OTEL, Mode.ECS, Mode.NONE, Mode.RAW):
        its = f"{{flavor: opensearch, mapping: {{mode: {mode}, allowed_modes: [{mode}]}}}}"
        for document in writer(its).write(batch).documents:
            assert {} == renames(names(parsed(document.source))), mode


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(batch=batches())
def test_the_same_batch_gives_the_same_documents(batch):
    first, second = (writer().write(batch) for _ in range(2))

    assert first == second
