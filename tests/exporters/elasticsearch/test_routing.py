import pytest

from collector.testing import make_logs, make_metrics, make_spans
from tests.exporters.elasticsearch.written import actions, parsed, source, targets, write

STREAM = {"data_stream.dataset": "shop", "data_stream.namespace": "prod"}
ECS = "{mapping: {mode: ecs}}"


@pytest.mark.parametrize(
    ("batch", "stream"),
    [
        (make_logs({}), "logs-generic.otel-default"),
        (make_spans({}), "traces-generic.otel-default"),
        (make_metrics({"points": [{"value": 1}]}), "metrics-generic.otel-default"),
    ],
)
def test_each_signal_has_a_data_stream(batch, stream):
    assert [stream] == targets(batch)


@pytest.mark.parametrize(
    ("record", "scope", "resource", "stream"),
    [
        ({}, "", STREAM, "logs-shop.otel-prod"),
        ({"data_stream.dataset": "cart"}, "", STREAM, "logs-cart.otel-prod"),
        ({"data_stream.namespace": "test"}, "", STREAM, "logs-shop.otel-test"),
        ({"data_stream.dataset": "cart.otel"}, "", {}, "logs-cart.otel-default"),
        ({}, "otelcol/receiver/hostmetricsreceiver/internal", {}, "logs-hostmetricsreceiver.otel-default"),
        ({}, "otelcol/receiver/hostmetricsreceiver", STREAM, "logs-shop.otel-prod"),
        ({"data_stream.type": "metrics"}, "", {}, "logs-generic.otel-default"),
        ({"elasticsearch.index": "mine"}, "", STREAM, "mine"),
        ({}, "", {"elasticsearch.index": "theirs"}, "theirs"),
        ({"elasticsearch.index": "mine"}, "", {"elasticsearch.index": "theirs"}, "mine"),
        ({"data_stream.dataset": ""}, "", {}, "logs-generic.otel-default"),
    ],
)
def test_the_record_decides_before_its_scope_and_its_resource(record, scope, resource, stream):
    assert [stream] == targets(make_logs({"attributes": record}, resource=resource, scope=scope))


def test_a_dataset_has_its_suffix_in_mode_otel_only():
    assert ["logs-shop-prod"] == targets(make_logs({}, resource=STREAM), ECS)


def test_what_an_index_name_cannot_have_becomes_an_underscore():
    given = {"data_stream.dataset": 'A-\\/*?"<>| ,#:Z', "data_stream.namespace": "Eu-West:1"}

    assert ["logs-a_____________z.otel-eu-west_1"] == targets(make_logs({"attributes": given}))


def test_parts_of_a_name_are_cut_to_a_hundred_bytes_between_characters():
    given = {"data_stream.dataset": "é" * 99, "data_stream.namespace": "n" * 101}

    ((_, dataset, namespace),) = [name.split("-") for name in targets(make_logs({"attributes": given}))]

    assert ("é" * 47 + ".otel", "n" * 100) == (dataset, namespace)


def test_what_was_routed_by_is_in_data_stream_and_not_in_attributes():
    document = source(make_logs({"attributes": {**STREAM, "kept": 1}}, resource=STREAM))

    assert {"type": "logs", "dataset": "shop.otel", "namespace": "prod"} == document["data_stream"]
    assert {"kept": 1} == document["attributes"]
    assert {} == document["resource"]


def test_data_streams_are_required_to_be_such_where_templates_make_them():
    batch = make_logs({})

    assert actions(batch)[0]["create"]["require_data_stream"] is True
    assert "require_data_stream" not in actions(batch, "{logs_index: mine}")[0]["create"]
    assert "require_data_stream" not in actions(batch, ECS)[0]["create"]
    assert "require_data_stream" not in actions(batch, "{flavor: opensearch}")[0]["create"]


def test_an_index_of_the_configuration_is_before_what_records_ask_for():
    batch = make_logs({"attributes": {"elasticsearch.index": "mine"}})

    assert ["ours"] == targets(batch, "{logs_index: ours}")
    assert "data_stream" not in source(batch, "{logs_index: ours}")


def test_span_events_are_log_records():
    batch = make_spans({"events": [{"name": "a"}, {"name": "b", "attributes": {"data_stream.dataset": "events"}}]})

    assert ["traces-generic.otel-default", "logs-generic.otel-default", "logs-events.otel-default"] == targets(batch)
    assert ["spans", "logs", "logs"] == targets(batch, "{traces_index: spans, logs_index: logs}")


@pytest.mark.parametrize(
    ("config", "index"),
    [
        ("{logs_index: logs, logstash_format: {enabled: true}}", "logs-2023.11.14"),
        (
            "{logstash_format: {enabled: true, prefix_separator: ., date_format: '%Y%m'}}",
            "logs-generic.otel-default.202311",
        ),
    ],
)
def test_a_date_is_that_of_the_collectors_clock_in_utc(config, index):
    assert [index] == targets(make_logs({}), config)
    assert "require_data_stream" not in actions(make_logs({}), config)[0]["create"]


def test_the_day_changes_at_midnight():
    config = "{logs_index: a, logstash_format: {enabled: true}}"
    (before,), (after,) = (write(make_logs({}), config, now).documents for now in (1_700_006_399.9, 1_700_006_400.0))

    assert ("a-2023.11.14", "a-2023.11.15") == (before.target, after.target)


def test_a_record_may_ask_for_its_id_and_its_pipeline_where_that_is_allowed():
    asked = {"elasticsearch.document_id": 'my "id"', "elasticsearch.document_pipeline": "mine"}
    batch = make_logs({"attributes": asked})
    config = "{logs_dynamic_id: {enabled: true}, logs_dynamic_pipeline: {enabled: true}, pipeline: ours}"

    allowed, forbidden = actions(batch, config)[0]["create"], actions(batch, "{pipeline: ours}")[0]["create"]

    assert ('my "id"', "mine") == (allowed["_id"], allowed["pipeline"])
    assert "ours" == forbidden["pipeline"]
    assert 'my "id"' != forbidden["_id"]
    assert "attributes" not in source(batch, config)
    assert "attributes" not in source(batch)


def test_the_id_that_a_span_asks_for():
    batch = make_spans({"attributes": {"elasticsearch.document_id": "mine"}, "events": [{"name": "a"}]})

    assert ["mine", "mine.0"] == [
        line["create"]["_id"] for line in actions(batch, "{traces_dynamic_id: {enabled: true}}")
    ]


@pytest.mark.parametrize("name", ["Mine", "_mine", "-a", "..", "a b", "a/b", "a*", "a,b", 'a"b', "x" * 256, "é" * 128])
@pytest.mark.parametrize("make", [make_logs, make_spans])
def test_what_asks_for_an_index_that_cannot_be_is_undeliverable(make, name):
    """
    Sent, it would be refused, and might take the whole request with it.
    """
    written = write(
        make({"attributes": {"elasticsearch.index": name}}, {"attributes": {"elasticsearch.index": "good"}})
    )

    ((document, reason),) = written.undeliverable
    assert ["good"] == [document.target for document in written.documents]
    assert (name, 0, 1) == (document.target, document.item, document.items)
    assert "@timestamp" in parsed(document.source)
    assert "index name" in reason


def test_an_id_that_is_too_long_is_undeliverable():
    config = "{logs_dynamic_id: {enabled: true}}"
    written = write(make_logs(*({"attributes": {"elasticsearch.document_id": "é" * n}} for n in (256, 257))), config)

    assert ["é" * 256] == [document.id for document in written.documents]
    assert ["longer than 512 bytes" in reason for _, reason in written.undeliverable] == [True]
