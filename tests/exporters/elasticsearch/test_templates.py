import json

import pytest
import yaml
from pydantic import ValidationError

from collector.testing import make_logs, make_metrics, make_spans
from exporters.elasticsearch.document_config import DocumentConfig
from exporters.elasticsearch.templates import templates
from tests.exporters.elasticsearch.written import parsed, sources, targets, write

OPENSEARCH = "{flavor: opensearch}"
JAEGER = "{mapping: {mode: jaeger}}"
KEYWORD = {"type": "keyword", "ignore_above": 256}


def bodies(config):
    found = templates(DocumentConfig.model_validate(yaml.safe_load(config)))
    return {name: json.loads(body) for name, body in found.items()}


def properties(config, name):
    return bodies(config)[name]["template"]["mappings"]["properties"]


def matches(pattern, target):
    before, _, after = pattern.rpartition("*")
    return target.startswith(before.partition("*")[0]) and target.endswith(after)


def test_elasticsearch_has_templates_of_its_own():
    assert {} == bodies("{}")


def test_jaeger_has_a_template_for_spans_and_one_for_services():
    found = bodies(JAEGER)

    assert {"jaeger-span": ["jaeger-span-*"], "jaeger-service": ["jaeger-service-*"]} == {
        name: body["index_patterns"] for name, body in found.items()
    }
    assert "aliases" not in found["jaeger-span"]["template"]
    assert "data_stream" not in found["jaeger-span"]


def test_what_jaegers_reader_looks_for_is_no_text():
    span, service = (properties(JAEGER, f"jaeger-{what}") for what in ("span", "service"))

    assert {"serviceName": KEYWORD, "operationName": KEYWORD} == service
    assert [KEYWORD] * 5 == [
        *(span[name] for name in ("traceID", "spanID", "parentSpanID", "operationName")),
        span["process"]["properties"]["serviceName"],
    ]
    assert {"type": "date", "format": "epoch_millis"} == span["startTimeMillis"]
    for tags in (span["tags"], span["process"]["properties"]["tags"], span["logs"]["properties"]["fields"]):
        assert ("nested", False) == (tags["type"], tags["dynamic"])
        assert {"key": KEYWORD, "value": KEYWORD, "type": KEYWORD} == tags["properties"]


def test_names_and_patterns_have_the_prefix():
    found = bodies("{mapping: {mode: jaeger}, jaeger: {index_prefix: shop, use_write_aliases: true}}")

    assert ["shop-jaeger-service", "shop-jaeger-span"] == sorted(found)
    assert ["shop-jaeger-span-*"] == found["shop-jaeger-span"]["index_patterns"]
    assert {"shop-jaeger-span-read": {}} == found["shop-jaeger-span"]["template"]["aliases"]


@pytest.mark.parametrize(
    ("config", "batch"),
    [
        (JAEGER, make_spans({"attributes": {"a": 1}, "events": [{"name": "e"}], "parent_span_id": "01" * 8})),
        (OPENSEARCH, make_spans({"attributes": {"a": 1}, "events": [{"name": "e"}], "links": [{"span_id": "01" * 8}]})),
        (OPENSEARCH, make_logs({"attributes": {"a": 1}, "trace_id": "01" * 16}, resource={"a": 1}, scope="s")),
        (OPENSEARCH, make_metrics({"unit": "s", "points": [{"value": 1, "start_time_unix_nano": 1}]})),
    ],
)
def test_every_document_has_a_template_that_knows_its_fields(config, batch):
    found = bodies(config).values()
    for document in write(batch, config).documents:
        (template,) = [body for body in found if matches(body["index_patterns"][0], document.target)]

        assert parsed(document.source).keys() <= template["template"]["mappings"]["properties"].keys()


def test_opensearch_has_data_streams_without_what_it_does_not_know():
    for body in bodies(OPENSEARCH).values():
        assert {} == body["data_stream"]
        assert "passthrough" not in json.dumps(body)
        assert '"histogram"' not in json.dumps(body)


def test_jaeger_is_chosen_only_where_its_templates_are():
    batch = make_spans({}, resource={})
    batch.metadata = {"x-elastic-mapping-mode": "jaeger"}
    allowed = "{mapping: {allowed_modes: [otel, jaeger]}}"

    assert ["traces-generic.otel-default"] == targets(batch)
    assert "jaeger-span-2023-11-14" in targets(batch, allowed)
    assert "jaeger-span" in bodies(allowed)


def test_the_mode_has_to_be_allowed():
    with pytest.raises(ValidationError, match="mode otel is not among allowed_modes"):
        DocumentConfig.model_validate({"mapping": {"allowed_modes": ["ecs"]}})


def test_metrics_of_opensearch_are_doubles():
    names = [
        next(iter(template))
        for template in bodies(OPENSEARCH)["otel-metrics"]["template"]["mappings"]["dynamic_templates"]
    ]

    assert ["metrics_long", "metrics_double", "strings"] == names
    assert 1 == len(sources(make_metrics({"points": [{"value": 1}]}), OPENSEARCH))
