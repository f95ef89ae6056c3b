import pytest

from collector.testing import make_logs
from tests.exporters.elasticsearch.written import source, targets, write

BODYMAP = "{mapping: {mode: bodymap}}"
TRACE, SPAN = "0102030405060708090a0b0c0d0e0f10", "0102030405060708"


def test_the_body_is_the_document():
    body = {"@timestamp": 1, "a": {"b": [1, "x", None]}, "c.d": 2.0}

    assert body == source(make_logs({"body": body, "attributes": {"not": "there"}}, resource={"nor": "this"}), BODYMAP)


def test_what_a_data_stream_and_a_reader_need_is_added():
    record = {"body": {"a": 1}, "trace_id": TRACE, "span_id": SPAN}

    assert {"a": 1, "@timestamp": "2023-11-14T22:13:20.000000000Z", "trace_id": TRACE, "span_id": SPAN} == source(
        make_logs(record), BODYMAP
    )


def test_what_the_body_has_itself_stays():
    body = {"@timestamp": "then", "trace_id": "mine", "span_id": "too"}

    assert body == source(make_logs({"body": body, "trace_id": TRACE, "span_id": SPAN}), BODYMAP)


def test_keys_are_what_elasticsearch_takes():
    document = source(make_logs({"body": {"@timestamp": 1, "": 2, "a": 3, "a.b": 4, "x": float("nan")}}), BODYMAP)

    assert {"@timestamp": 1, "_": 2, "a.value": 3, "a.b": 4, "x": "NaN"} == document


def test_fields_of_the_servers_own_are_called_otherwise():
    body = {"_id": 1, "_id_": 2, "_source.a": 3, "_idx": 4, "_doc_count": 5, "a": {"_id": 6}}
    document = source(make_logs({"body": {"@timestamp": 1, **body}}), BODYMAP)

    expected = {"_id__": 1, "_id_": 2, "_source_.a": 3, "_idx": 4, "_doc_count": 5, "a": {"_id": 6}}
    assert {"@timestamp": 1, **expected} == document


@pytest.mark.parametrize("body", ["text", 7, ["a"], None])
def test_a_body_that_is_no_map_is_counted(body):
    written = write(make_logs({"body": body}, {"body": {"a": 1}}), BODYMAP)

    assert [1] == [document.item for document in written.documents]
    assert ({"unsupported": 1}, {"the body of a log record is no map": 1}) == (written.dropped, written.notes)


@pytest.mark.parametrize(
    ("given", "stream"),
    [
        ({}, "logs-generic-default"),
        ({"data_stream.type": "metrics", "data_stream.dataset": "cpu"}, "metrics-cpu-default"),
        ({"data_stream.type": "traces"}, "logs-generic-default"),
        ({"elasticsearch.index": "mine"}, "mine"),
    ],
)
def test_attributes_route_and_may_tell_the_type(given, stream):
    assert [stream] == targets(make_logs({"body": {}, "attributes": given}), BODYMAP)
