"""
The frequent span is written in a way of its own, which nothing but the time it takes may tell from the other one.
"""

import pytest

from collector.batch import Batch
from exporters.elasticsearch.mapping import otel
from tests.exporters.elasticsearch.written import attributes, traces, write

USUAL = {
    "traceId": "0102030405060708090a0b0c0d0e0f10",
    "spanId": "0102030405060708",
    "parentSpanId": "0001020304050607",
    "name": 'GET "/"',
    "kind": 2,
    "startTimeUnixNano": "1705314600123456789",
    "endTimeUnixNano": "1705314600273456789",
    "attributes": attributes(http_request_method={"stringValue": "GET"}, n={"doubleValue": 1}),
    "status": {"code": 1},
}
UNUSUAL = [
    {"parentSpanId": ""},
    {"startTimeUnixNano": "1705314600000000000"},
    {"startTimeUnixNano": "1705314600000000005"},
    {"startTimeUnixNano": "1"},
    {"startTimeUnixNano": "0"},
    {"endTimeUnixNano": "1"},
    {"kind": 0},
    {"kind": 77},
    {"status": {}},
    {"status": {"code": 2, "message": "no"}},
    {"attributes": []},
    {"attributes": attributes(**{"elasticsearch.index": {"stringValue": "mine"}})},
    {"attributes": [*USUAL["attributes"], *USUAL["attributes"]]},
    {"traceId": ""},
    {"traceState": "a=b"},
    {"events": [{"name": "e"}]},
    {"links": [{}]},
    {"droppedEventsCount": 3},
]


def both_ways(span, monkeypatch, config="{}"):
    batch = Batch.join([traces(span), traces(USUAL)])
    quick = write(batch, config)

    def slowly(self, run, task):
        for record in run.records:
            self._span(record, self._places[run.source, task.day], task)
            task.item += 1

    monkeypatch.setattr(otel.Otel, "_write_spans", slowly)
    return quick, write(batch, config)


@pytest.mark.parametrize("change", [{}, *UNUSUAL], ids=str)
@pytest.mark.parametrize("config", ["{}", "flavor: opensearch", "document_ids: false"])
def test_both_ways_write_the_same(change, config, monkeypatch):
    quick, slow = both_ways({**USUAL, **change}, monkeypatch, config)

    assert slow == quick
    assert 2 == sum(document.items for document in quick.documents)


def test_the_frequent_span_takes_the_short_way(monkeypatch):
    def refuse(self, record, place, task):
        raise AssertionError("the long way")

    monkeypatch.setattr(otel.Otel, "_span", refuse)

    documents = write(Batch.join([traces(USUAL), traces(USUAL)])).documents

    assert [0, 1] == [document.item for document in documents]
