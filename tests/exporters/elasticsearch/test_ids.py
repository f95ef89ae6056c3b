from collector.batch import Batch
from collector.testing import make_logs, make_metrics, make_spans
from tests.exporters.elasticsearch.written import write


def ids(batch, config="{}"):
    return [document.id for document in write(batch, config).documents]


def test_the_same_batch_again_has_the_same_ids():
    for make in (make_logs, make_spans):
        assert ids(make({}, {})) == ids(make({}, {}))


def test_a_span_is_known_by_its_ids_and_what_it_holds():
    span = {"trace_id": "01" * 16, "span_id": "02" * 8, "name": "a"}

    first, again, other = ids(make_spans(span, span, {**span, "name": "b"}))

    assert first == again
    assert first.startswith("01" * 16 + "02" * 8)
    assert first[:48] == other[:48]
    assert first != other


def test_identical_log_lines_of_one_batch_are_all_kept():
    line = {"body": "retrying"}
    three = ids(make_logs(line, line, line))

    assert 3 == len(set(three))
    assert three[:2] == ids(make_logs(line, line))


def test_log_records_of_another_resource_are_others():
    assert ids(make_logs({}, resource={"a": 1})) != ids(make_logs({}, resource={"a": 2}))


def test_a_log_record_without_a_time_is_another_one_in_another_batch():
    line = {"body": "retrying", "time_unix_nano": 0, "observed_time_unix_nano": 0}
    batch = make_logs(line, {"body": "else"})

    assert ids(make_logs(line)) != ids(batch)[:1]
    assert ids(Batch(batch.signal, wire=batch.wire)) == ids(batch)


def test_a_span_without_ids_is_another_one_in_another_batch():
    span = {"trace_id": "", "span_id": ""}

    assert ids(make_spans(span)) != ids(make_spans(span, {"name": "else"}))[:1]


def test_events_are_known_by_their_span_and_position():
    span, *events = ids(make_spans({"events": [{"name": "a"}, {"name": "a"}]}))

    assert [f"{span}.0", f"{span}.1"] == events


def test_there_are_no_ids_where_they_are_switched_off():
    for batch in (make_logs({}), make_spans({"events": [{"name": "a"}]})):
        assert {""} == set(ids(batch, "{document_ids: false}"))
        assert all(b"_id" not in document.action for document in write(batch, "{document_ids: false}").documents)


def test_metrics_have_no_ids():
    assert [""] == ids(make_metrics({"points": [{"value": 1}]}))
