import pytest

from collector.testing import make_logs, make_metrics, make_spans
from exporters.elasticsearch.mapping.times import rfc3339
from tests.exporters.elasticsearch.written import actions, attributes, logs, source, sources, targets, traces

ECS = "{mapping: {mode: ecs}}"
TRACE, SPAN, PARENT = "0102030405060708090a0b0c0d0e0f10", "0102030405060708", "0001020304050607"
START = 1_705_314_600


def resource(**given):
    return make_logs({"body": None}, resource={key.replace("__", "."): value for key, value in given.items()})


def flat(document, prefix=""):
    return {
        name: leaf
        for key, value in document.items()
        for name, leaf in (
            flat(value, f"{prefix}{key}.").items() if isinstance(value, dict) else [(prefix + key, value)]
        )
    }


def test_a_log_record():
    record = {
        "time": START,
        "body": "hello",
        "severity_text": "INFO",
        "severity_number": 9,
        "trace_id": TRACE,
        "span_id": SPAN,
        "attributes": {"event.name": "login"},
    }
    given = {"service.name": "a", "service.version": "1", "telemetry.sdk.version": "2"}

    assert {
        "@timestamp": "2024-01-15T10:30:00.000000000Z",
        "data_stream": {"type": "logs", "dataset": "generic", "namespace": "default"},
        "message": "hello",
        "log": {"level": "INFO"},
        "event": {"severity": 9, "action": "login"},
        "trace": {"id": TRACE},
        "span": {"id": SPAN},
        "agent": {"name": "otlp", "version": "2"},
        "service": {"name": "a", "version": "1"},
    } == source(make_logs(record, resource=given), ECS)


def test_a_span():
    link = {"traceId": TRACE, "spanId": SPAN}
    span = {
        "traceId": TRACE,
        "spanId": SPAN,
        "parentSpanId": PARENT,
        "name": "GET /api/v1/users",
        "kind": 2,
        "startTimeUnixNano": "1705314600000000000",
        "endTimeUnixNano": "1705314600150000000",
        "links": [link],
        "status": {"code": 1},
        "attributes": attributes(
            db_system={"stringValue": "redis"},
            db_namespace={"stringValue": "1"},
            db_query_text={"stringValue": "GET a"},
        ),
    }

    assert {
        "@timestamp": "2024-01-15T10:30:00.000000000Z",
        "data_stream": {"type": "traces", "dataset": "generic", "namespace": "default"},
        "trace": {"id": TRACE},
        "span": {
            "id": SPAN,
            "name": "GET /api/v1/users",
            "kind": "SERVER",
            "links": [{"trace": {"id": TRACE}, "span": {"id": SPAN}}],
            "db": {"type": "redis", "instance": "1", "statement": "GET a"},
        },
        "parent": {"id": PARENT},
        "event": {"outcome": "success", "duration": 150000000},
        "agent": {"name": "otlp"},
    } == source(traces(span), ECS)


@pytest.mark.parametrize(("code", "outcome"), [("ok", "success"), ("error", "failure"), ("unset", None)])
def test_outcomes(code, outcome):
    assert outcome == source(make_spans({"status": code}), ECS)["event"].get("outcome")


def test_a_span_event_is_a_document_of_its_own():
    event = {"name": "exception", "time": START, "attributes": {"exception.type": "E", "exception.stacktrace": "at"}}
    _, document = sources(make_spans({"trace_id": TRACE, "span_id": SPAN, "events": [event]}), ECS)

    assert {
        "@timestamp": "2024-01-15T10:30:00.000000000Z",
        "data_stream": {"type": "logs", "dataset": "generic", "namespace": "default"},
        "trace": {"id": TRACE},
        "span": {"id": SPAN},
        "event": {"action": "exception"},
        "error": {"type": "E", "stacktrace": "at"},
        "agent": {"name": "otlp"},
    } == document


def test_metrics_are_fields_beside_the_attributes():
    point = {"time_unix_nano": START * 10**9, "attributes": {"http.route": "/"}}
    batch = make_metrics(
        {"name": "http.server.request.duration", "points": [{"value": 0.125, **point}]},
        {"name": "up", "points": [{"value": 1, **point}]},
        {"name": "size", "kind": "summary", "points": [{"count": 1, "sum": 2.0, **point}]},
        resource={"host.name": "a"},
    )

    assert {
        "@timestamp": "2024-01-15T10:30:00.000000000Z",
        "data_stream": {"type": "metrics", "dataset": "generic", "namespace": "default"},
        "http": {"route": "/", "server": {"request": {"duration": 0.125}}},
        "up": 1,
        "size": {"sum": 2.0, "value_count": 1},
        "host": {"name": "a", "hostname": "a"},
        "agent": {"name": "otlp"},
    } == source(batch, ECS)
    assert {"size": "summary_metrics"} == actions(batch, ECS)[0]["create"]["dynamic_templates"]
    assert "dynamic_templates" not in actions(batch, "{mapping: {mode: ecs}, flavor: opensearch}")[0]["create"]


def test_a_metric_named_like_a_field_does_not_replace_it():
    document = source(make_metrics({"name": "@timestamp", "points": [{"value": 7}]}), ECS)

    assert ("2023-11-14T22:13:20.000000000Z", {"@timestamp": 7}) == (document["@timestamp"], document["metrics"])


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"service.instance.id": "a"}, {"service.node.name": "a"}),
        ({"deployment.environment": "a"}, {"service.environment": "a"}),
        ({"deployment.environment.name": "a"}, {"service.environment": "a"}),
        ({"cloud.platform": "a"}, {"cloud.service.name": "a"}),
        ({"container.image.tags": ["a"]}, {"container.image.tag": ["a"]}),
        ({"host.name": "a"}, {"host.name": "a", "host.hostname": "a"}),
        ({"host.name": "a", "host.hostname": "b"}, {"host.name": "a", "host.hostname": "b"}),
        ({"host.arch": "a"}, {"host.architecture": "a"}),
        ({"process.executable.path": "a"}, {"process.executable": "a"}),
        ({"process.executable.name": "a"}, {"process.title": "a"}),
        ({"process.parent_pid": 1}, {"process.parent.pid": 1}),
        ({"process.runtime.name": "a"}, {"service.runtime.name": "a"}),
        ({"os.type": "darwin"}, {"host.os.platform": "darwin", "host.os.type": "macos"}),
        ({"os.type": "solaris"}, {"host.os.platform": "solaris", "host.os.type": "unix"}),
        (
            {"os.type": "linux", "os.name": "Android"},
            {"host.os.platform": "linux", "host.os.name": "Android", "host.os.type": "android"},
        ),
        ({"k8s.cluster.name": "a"}, {"orchestrator.cluster.name": "a"}),
        ({"k8s.namespace.name": "a"}, {"kubernetes.namespace": "a"}),
        ({"k8s.pod.name": "a", "k8s.pod.uid": "b"}, {"kubernetes.pod.name": "a", "kubernetes.pod.uid": "b"}),
        ({"client.address": "a"}, {"client.ip": "a"}),
        ({"faas.trigger": "a"}, {"faas.trigger.type": "a"}),
        ({"telemetry.sdk.name": "otel"}, {"agent.name": "otel"}),
        ({"telemetry.sdk.name": "otel", "telemetry.sdk.language": "go"}, {"agent.name": "otel/go"}),
        ({"telemetry.sdk.name": "a", "telemetry.distro.name": "c"}, {"agent.name": "a/unknown/c"}),
        ({"telemetry.sdk.version": "1", "telemetry.distro.version": "2"}, {"agent.version": "2"}),
        ({"unheard.of": 1}, {"unheard.of": 1}),
    ],
)
def test_names_of_attributes_of_a_resource(given, written):
    document = flat(source(make_logs({"body": "", "severity_text": ""}, resource=given), ECS))
    fields = {
        "@timestamp",
        "message",
        "event.severity",
        "data_stream.type",
        "data_stream.dataset",
        "data_stream.namespace",
    }

    assert {"agent.name": "otlp", **written} == {key: value for key, value in document.items() if key not in fields}


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"a": 1, "a.b": 2}, {"a": {"value": 1, "b": 2}}),
        ({"a": 1, "a.b": 2, "a.value": 3}, {"a": {"value_": 1, "b": 2, "value": 3}}),
        ({"a": {"b": 1}, "a.c": 2}, {"a": {"b": 1, "c": 2}}),
        ({"a": {"b.c": 1, "b": 2}}, {"a": {"b": {"c": 1, "value": 2}}}),
        ({"a": [{"b.c": 1, "b": 2}]}, {"a": [{"b.c": 1, "b.value": 2}]}),
        ({"100%": "%s"}, {"100%": "%s"}),
    ],
)
def test_a_value_that_would_be_an_object_too_moves_to_value(given, written):
    document = source(make_logs({"attributes": given}), ECS)

    assert written == {key: document[key] for key in written}


def test_the_record_is_before_its_scope_and_resource_and_fields_are_before_attributes():
    batch = make_logs(
        {"attributes": {"a": 1, "message": "no", "trace.id": "no"}, "trace_id": TRACE}, resource={"a": 2, "b": 3}
    )
    document = source(batch, ECS)

    assert (1, 3, "message 1", TRACE) == (document["a"], document["b"], document["message"], document["trace"]["id"])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("a", {"message": "a"}),
        ({"a": 1}, {"event": {"original": '{"a":1}'}}),
        (7, {"event": {"original": "7"}}),
        (None, {}),
    ],
)
def test_bodies_that_are_no_text_are_kept_as_json(body, fields):
    document = source(make_logs({"body": body, "severity_number": 0}), ECS)

    assert fields == {key: document[key] for key in ("message", "event") if key in document}


def test_records_without_ids_and_times():
    document = source(logs({}), ECS)

    assert "2023-11-14T22:13:20.000000000Z" == document["@timestamp"]
    assert not {"trace", "span", "log", "event"} & document.keys()


def test_documents_go_to_data_streams_without_a_suffix():
    assert ["traces-generic-default", "logs-generic-default"] == targets(make_spans({"events": [{"name": "a"}]}), ECS)


def test_times():
    assert "1970-01-01T00:00:00.000000001Z" == rfc3339(1)
    assert "2554-07-21T23:34:33.709551615Z" == rfc3339(2**64 - 1)
