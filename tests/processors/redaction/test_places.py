import pytest
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.batch import SHAPES, Batch, Signal
from collector.testing import make_logs, make_metrics, make_spans
from tests.processors.redaction.masking import ALL, attributes, log_of, run, span_of, text

ADDRESS = "leak@example.com"
MASKED = "***@***.***"
OPTIONS = f"detectors: {ALL}"


def _filled(message, path=""):
    """
    Fills every field, all texts with an address, and yields the places of those.
    """
    if isinstance(message, AnyValue):
        message.string_value = ADDRESS
        yield path
        return
    for field in message.DESCRIPTOR.fields:
        here = f"{path}.{field.name}"
        if field.name == "key" and isinstance(message, KeyValue):
            message.key = "k"
        elif field.message_type is not None:
            value = getattr(message, field.name)
            yield from _filled(value.add() if field.is_repeated else value, here)
        elif field.type == field.TYPE_STRING and field.is_repeated:
            getattr(message, field.name).append(ADDRESS)
            yield here
        elif field.type == field.TYPE_STRING:
            setattr(message, field.name, ADDRESS)
            yield here


def _of_all_kinds(signal):
    """
    Yields requests with every field; of metrics, one for each kind, since a metric has one only.
    """
    kinds = ["gauge", "sum", "histogram", "exponential_histogram", "summary"] if signal is Signal.METRICS else [None]
    for kind in kinds:
        request = SHAPES[signal].request()
        places = list(_filled(request))
        if kind:
            metric = request.resource_metrics[0].scope_metrics[0].metrics[0]
            places = [place for place in places if ".metrics.summary." not in place]
            places += [f".metrics.{kind}{place}" for place in _filled(getattr(metric, kind))]
        yield request, places


def _texts(message):
    for field, value in message.ListFields():
        for one in value if field.is_repeated else [value]:
            if isinstance(one, Message):
                yield from _texts(one)
            elif isinstance(one, str) and field.name != "key":
                yield one


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.METRICS, Signal.LOGS])
def test_every_field_of_the_official_messages_that_holds_text_is_masked(signal):
    for request, places in _of_all_kinds(signal):
        (batch,) = run(OPTIONS, Batch(signal, wire=request.SerializeToString())).batches
        masked = SHAPES[signal].request.FromString(batch.wire)

        assert len(places) > 5
        assert {MASKED} == set(_texts(masked))
        assert b"leak" not in batch.wire


def test_spans_are_masked_in_names_messages_states_events_and_links():
    events = [{"name": f"for {ADDRESS}", "attributes": {"a": ADDRESS}}]
    links = [{"attributes": {"a": ADDRESS}, "trace_id": "01" * 16, "span_id": "02" * 8}]
    span = span_of(OPTIONS, name=f"GET /{ADDRESS}", status_message=ADDRESS, events=events, links=links)

    assert span.name == f"GET /{MASKED}"
    assert span.status_message == MASKED
    assert [(event.name, dict(event.items())) for event in span.events] == [(f"for {MASKED}", {"a": MASKED})]
    assert [dict(link.items()) for link in span.links] == [{"a": MASKED}]


def test_resources_and_scopes_are_masked_with_their_names():
    batch = make_spans({}, resource={"owner": ADDRESS}, scope=f"lib of {ADDRESS}")
    request = run(OPTIONS, batch).batches[0].request.resource_spans[0]

    assert request.resource.attributes[0].value.string_value == MASKED
    assert request.scope_spans[0].scope.name == f"lib of {MASKED}"


def test_metrics_are_masked_in_names_descriptions_units_and_points():
    batch = make_metrics({"name": ADDRESS, "description": ADDRESS, "points": [{"attributes": {"to": ADDRESS}}]})
    metric = run(OPTIONS, batch).batches[0].request.resource_metrics[0].scope_metrics[0].metrics[0]

    assert (metric.name, metric.description) == (MASKED, MASKED)
    assert metric.gauge.data_points[0].attributes[0].value.string_value == MASKED


def test_exemplars_are_masked():
    batch = make_metrics({"points": [{"value": 1}]})
    point = batch.request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    pair = KeyValue(key="to", value=AnyValue(string_value=ADDRESS))
    point.exemplars.add(as_int=1).filtered_attributes.append(pair)

    masked = run(OPTIONS, batch).batches[0].request

    point = masked.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    assert point.exemplars[0].filtered_attributes[0].value.string_value == MASKED


def test_structured_bodies_are_masked_down_to_the_last_map():
    body = {"user": {"mails": [ADDRESS, {"more": [[ADDRESS]]}], "n": 1}, "password": "leak", "t": True}

    masked = log_of(OPTIONS, body=body).body

    assert masked == {"user": {"mails": [MASKED, {"more": [[MASKED]]}], "n": 1}, "password": "***", "t": True}


def test_bytes_are_masked_as_the_text_that_they_are():
    assert attributes(OPTIONS, {"raw": f"\x00{ADDRESS}".encode() + b" \xff"}) == {"raw": b"\x00***@***.*** \xff"}


def test_json_in_a_body_stays_json():
    assert text(OPTIONS, f'{{"to": "{ADDRESS}", "password": "a b", "n": 1}}') == (
        f'{{"to": "{MASKED}", "password": "***", "n": 1}}'
    )


def test_numbers_are_looked_at_if_all_types_are():
    given = {"card": 4111111111111111, "n": 7, "deep": [{"pan": 4111111111111111}], "ssn": 219099999, "ok": True}

    assert attributes(OPTIONS, given) == given
    assert attributes(f"{OPTIONS}, redact_all_types: true", given) == {
        "card": "****-****-****-****",
        "n": 7,
        "deep": [{"pan": "****-****-****-****"}],
        "ssn": "***-**-****",
        "ok": True,
    }


def test_ids_times_and_measured_numbers_are_no_text():
    points = [{"value": 4111111111111111, "attributes": {"a": "b"}}]
    batch = make_metrics({"points": points})
    wire = batch.wire

    assert run(f"{OPTIONS}, redact_all_types: true", batch).batches[0].wire == wire


def test_keys_are_masked_if_asked_to():
    given = {ADDRESS: "x", "m": {ADDRESS: [{ADDRESS: 1}]}}

    assert attributes(OPTIONS, given) == given
    assert attributes(f"{OPTIONS}, redact_keys: true", given) == {MASKED: "x", "m": {MASKED: [{MASKED: 1}]}}


def test_a_key_that_is_found_goes_with_its_value_if_findings_are_removed():
    assert attributes("detectors: {email: {mode: remove}}, redact_keys: true", {ADDRESS: "x", "a": "b"}) == {"a": "b"}


def test_all_records_of_a_request_are_masked_and_no_other_field_changes():
    logs = [{"body": ADDRESS if i % 3 else "fine", "attributes": {"i": i, "to": ADDRESS}} for i in range(50)]
    batch = make_logs(*logs, resource={"a": "b"}, scope="s")
    expected = SHAPES[Signal.LOGS].request.FromString(batch.wire)
    for record in expected.resource_logs[0].scope_logs[0].log_records:
        record.body.string_value = record.body.string_value.replace(ADDRESS, MASKED)
        record.attributes[1].value.string_value = MASKED

    assert run(OPTIONS, batch).batches[0].request == expected


def test_unknown_fields_are_passed_on_or_dropped():
    unknown = b"\xfa\x7c\x03new"
    batch = make_spans({"name": ADDRESS})
    record = batch.request.resource_spans[0].scope_spans[0].spans[0]
    record.MergeFromString(unknown)
    wire = batch.wire

    kept = run(OPTIONS, Batch(Signal.TRACES, wire=wire)).batches[0]
    dropped = run(f"{OPTIONS}, unknown_fields: drop", Batch(Signal.TRACES, wire=wire)).batches[0]

    assert unknown in kept.wire
    assert unknown not in dropped.wire
    assert MASKED.encode() in kept.wire
    assert MASKED.encode() in dropped.wire


@pytest.mark.parametrize("others", [0, 50])
def test_a_masked_span_begins_with_its_trace_id_as_all_do(others):
    """
    Whoever reads the ids of all spans at once has to read them one by one otherwise.
    """
    batch = make_spans({"name": ADDRESS}, *[{"name": "GET /"}] * others)
    before = list(batch.apart().records[0])

    (after,) = run(OPTIONS, batch).batches[0].apart().records

    assert after[0] != before[0]
    assert [span[:18] for span in after] == [span[:18] for span in before]
