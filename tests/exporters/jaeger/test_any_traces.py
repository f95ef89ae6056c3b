"""Whatever OTLP allows is translated, or dropped by name, into bytes that are whole."""

import random

import pytest

from collector.batch import Batch, Signal
from exporters.jaeger.api_v2 import MESSAGES, ApiV2
from exporters.jaeger.thrift import Thrift
from exporters.jaeger.translation import Translation
from tests.collector.net.any_request import any_request
from tests.exporters.jaeger.traces import Thrift as Reader

LONGEST_DURATION = 2**63 - 1


def some_traces(chance):
    """
    Half of the spans have ids, which would seldom come by chance.
    """
    request = any_request(Signal.TRACES, chance)
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                if chance.random() < 0.5:
                    span.trace_id, span.span_id = chance.randbytes(16), chance.randbytes(8)
    return Batch(Signal.TRACES, request=request)


def spans_of_api_v2(content):
    batch = MESSAGES["PostSpansRequest"].FromString(content).batch
    for span in batch.spans:
        assert (16, 8) == (len(span.trace_id), len(span.span_id))
        assert all((16, 8) == (len(each.trace_id), len(each.span_id)) for each in span.references)
        assert 0 <= span.duration.seconds * 10**9 + span.duration.nanos <= LONGEST_DURATION
    return len(batch.spans)


def spans_of_thrift(content):
    batch, end = Reader(content).struct()
    assert len(content) == end
    assert {1, 2, 3, 4, 5, 7, 8, 9} <= set.intersection(*map(set, batch[2]))
    return len(batch[2])


@pytest.mark.parametrize(("format_", "spans_of"), [(ApiV2, spans_of_api_v2), (Thrift, spans_of_thrift)])
@pytest.mark.parametrize("seed", range(10))
def test_every_span_is_in_one_request_or_dropped(format_, spans_of, seed):
    chance, translation = random.Random(seed), Translation(format_())
    for _ in range(15):
        batch = some_traces(chance)
        prepared = translation.translate(batch.copy())

        for parcel in prepared.parcels:
            assert parcel.items == spans_of(parcel.content)
        assert len(batch) == sum(p.items for p in prepared.parcels) + sum(prepared.dropped.values())
