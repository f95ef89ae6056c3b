"""
What holds for any batch of metrics, however odd.
"""

import dataclasses
import itertools
import logging
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collector.batch import Batch, Signal, data_points
from collector.testing import FakeClock
from exporters.prometheus_remote_write import write_v1, write_v2
from exporters.prometheus_remote_write.rules import Delta, DeltaRules, LabelRules, ResourceRules, Rules, Strategy
from exporters.prometheus_remote_write.translation import Translator
from tests.exporters.prometheus_remote_write.messages import Request, WriteRequest, is_known, labels_v1, labels_v2
from tests.exporters.prometheus_remote_write.translating import series_of

# Few different keys, names and times, so that they meet
KEYS = st.sampled_from(["a.b", "a_b", "a-b", "le", "quantile", "__name__", "job", "ようこそ", "", "1"])
NAMES = st.sampled_from(["m", "m.count", "m_sum", "m_bucket", "m_total", "@#", "", "é"])
TIMES = st.sampled_from([0, 1_000_000, 2_000_000, 3_999_999, 1_700_000_000_000_000_000, 2**64 - 1])
NUMBERS = st.floats() | st.sampled_from([0.0, 1.0])
COUNTS = st.integers(0, 5) | st.sampled_from([2**53 + 1, 2**64 - 1])
VALUES = st.builds(AnyValue, string_value=st.sampled_from(["", "x"])) | st.sampled_from(
    [
        AnyValue(),
        AnyValue(int_value=1),
        AnyValue(bytes_value=b"\xff"),
        AnyValue(array_value=ArrayValue(values=[AnyValue()])),
    ]
)
ATTRIBUTES = st.lists(st.builds(KeyValue, key=KEYS, value=VALUES), max_size=3)
EXEMPLARS = st.lists(
    st.builds(
        pb.Exemplar,
        filtered_attributes=ATTRIBUTES,
        time_unix_nano=TIMES,
        as_double=NUMBERS,
        trace_id=st.sampled_from([b"", bytes(16)]),
    ),
    max_size=2,
)
COMMON = {
    "attributes": ATTRIBUTES,
    "start_time_unix_nano": TIMES,
    "time_unix_nano": TIMES,
    "flags": st.sampled_from([0, 0, 1, 2]),
}
NUMBER = st.builds(pb.NumberDataPoint, **COMMON, exemplars=EXEMPLARS, as_double=NUMBERS) | st.builds(
    pb.NumberDataPoint, **COMMON, as_int=st.integers(-(2**63), 2**63 - 1)
)
SIDE = st.builds(
    pb.ExponentialHistogramDataPoint.Buckets,
    offset=st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3),
    bucket_counts=st.lists(COUNTS, max_size=5),
)
POINTS = {
    "gauge": NUMBER,
    "sum": NUMBER,
    "histogram": st.builds(
        pb.HistogramDataPoint,
        **COMMON,
        exemplars=EXEMPLARS,
        count=COUNTS,
        sum=NUMBERS | st.none(),
        bucket_counts=st.lists(COUNTS, max_size=4),
        explicit_bounds=st.lists(NUMBERS, max_size=3),
    ),
    "exponential_histogram": st.builds(
        pb.ExponentialHistogramDataPoint,
        **COMMON,
        exemplars=EXEMPLARS,
        count=COUNTS,
        sum=NUMBERS | st.none(),
        scale=st.integers(-5, 10) | st.integers(-(2**31), 2**31 - 1),
        zero_count=COUNTS,
        zero_threshold=NUMBERS,
        positive=SIDE,
        negative=SIDE,
    ),
    "summary": st.builds(
        pb.SummaryDataPoint,
        **COMMON,
        count=COUNTS,
        sum=NUMBERS,
        quantile_values=st.lists(
            st.builds(pb.SummaryDataPoint.ValueAtQuantile, quantile=NUMBERS, value=NUMBERS), max_size=3
        ),
    ),
}


@st.composite
def metrics(draw):
    metric = pb.Metric(name=draw(NAMES), unit=draw(st.sampled_from(["", "1", "By/s", "{x}", "/"])), description="d")
    kind = draw(st.sampled_from(["none", *POINTS]))
    if kind == "none":
        return metric
    data = getattr(metric, kind)
    data.SetInParent()
    if kind not in {"gauge", "summary"}:
        data.aggregation_temporality = draw(st.sampled_from([0, 1, 2, 7]))
    if kind == "sum":
        data.is_monotonic = draw(st.booleans())
    data.data_points.extend(draw(st.lists(POINTS[kind], max_size=4)))
    return metric


SCOPE = st.builds(
    pb.ScopeMetrics,
    scope=st.builds(InstrumentationScope, name=st.sampled_from(["", "lib"]), attributes=ATTRIBUTES),
    schema_url=st.sampled_from(["", "https://s"]),
    metrics=st.lists(metrics(), max_size=3),
)
REQUESTS = st.builds(
    ExportMetricsServiceRequest,
    resource_metrics=st.lists(
        st.builds(
            pb.ResourceMetrics,
            resource=st.builds(Resource, attributes=ATTRIBUTES),
            scope_metrics=st.lists(SCOPE, max_size=2),
        ),
        max_size=2,
    ),
)
RULES = st.builds(
    Rules,
    namespace=st.sampled_from(["", "app"]),
    strategy=st.sampled_from(Strategy),
    external_labels=st.sampled_from([{}, {"job": "external", "z": "1"}]),
    labels=st.builds(LabelRules, prefix_underscore=st.booleans(), keep_multiple_underscores=st.booleans()),
    resources=st.builds(
        ResourceRules, copy_all=st.booleans(), promote_all=st.booleans(), keep_identifying=st.booleans()
    ),
    scope_labels=st.booleans(),
    send_metadata=st.booleans(),
    delta=st.builds(DeltaRules, mode=st.sampled_from(Delta), max_streams=st.integers(1, 3)),
    remembered=st.sampled_from([1, 1000]),
)
SILENT = logging.getLogger("silent")
SILENT.disabled = True


def read_v1(body):
    request = WriteRequest.FromString(body)
    assert is_known(request)
    for each in request.timeseries:
        samples = [(struct.pack("<d", sample.value), sample.timestamp) for sample in each.samples]
        exemplars = [(labels_v1(e.labels), struct.pack("<d", e.value), e.timestamp) for e in each.exemplars]
        yield labels_v1(each.labels), samples, [h.SerializeToString() for h in each.histograms], exemplars


def read_v2(body):
    request = Request.FromString(body)
    assert is_known(request)
    for each in request.timeseries:
        assert bool(each.samples) != bool(each.histograms)
        samples = [(struct.pack("<d", sample.value), sample.timestamp) for sample in each.samples]
        exemplars = [
            (labels_v2(request, e.labels_refs), struct.pack("<d", e.value), e.timestamp) for e in each.exemplars
        ]
        for histogram in each.histograms:
            histogram.ClearField("start_timestamp")
        yield (
            labels_v2(request, each.labels_refs),
            samples,
            [h.SerializeToString() for h in each.histograms],
            exemplars,
        )


def split(series):
    """
    As version 2 writes a series that has both.
    """
    labels, samples, histograms, exemplars = series
    return [
        part for part in ((labels, samples, [], exemplars), (labels, [], histograms, exemplars)) if part[1] or part[2]
    ]


@pytest.mark.slow
@settings(max_examples=40)
@given(RULES, st.lists(REQUESTS, min_size=1, max_size=3))
def test_every_data_point_is_in_one_stream_or_counted_and_both_versions_say_the_same(rules, requests):
    translator = Translator(rules, FakeClock(), SILENT)
    for request in requests:
        batch = Batch(Signal.METRICS, wire=request.SerializeToString())

        translation = translator.translate(batch)

        assert len(batch) == sum(stream.items for stream in translation.streams) + sum(translation.dropped.values())
        _are_valid(translation, rules)
        v1 = list(read_v1(write_v1.encode(translation.streams, translation.metadata)))
        assert [part for series in v1 for part in split(series)] == list(read_v2(write_v2.encode(translation.streams)))


def _are_valid(translation, rules):
    every = series_of(translation)
    assert len(every) == len({series.labels.pairs for series in every})
    for stream in translation.streams:
        assert {stream.identity} == {series.labels.identity for series in stream.series.values()}
        assert all(key == series.labels.key for key, series in stream.series.items())
    for series in every:
        names = [name for name, _ in series.labels.pairs]
        assert sorted(set(names)) == names
        assert all(name and value for name, value in series.labels.pairs)
        assert series.labels.name
        assert series.samples or series.histograms
        assert sorted(series.samples) == list(series.samples)
        assert sorted(series.histograms) == list(series.histograms)
        if rules.strategy.escapes:
            assert all(name.isidentifier() and name.isascii() for name in names)


def _has_no_ends(request):
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for point in itertools.chain.from_iterable(map(data_points, scope.metrics)):
                point.flags &= ~1


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(REQUESTS, min_size=1, max_size=3))
def test_what_is_remembered_changes_nothing(requests):
    """
    Points that were parsed and label sets that were made anew are the same as those that were not.  Only ends of
    streams need a memory: of what it is that ends.
    """
    for request in requests:
        _has_no_ends(request)
    remembering, forgetting = (
        Translator(dataclasses.replace(Rules(), remembered=size), FakeClock(), SILENT) for size in (10_000, 0)
    )
    for request in [*requests, *requests]:
        wire = request.SerializeToString()
        one, other = (
            write_v2.encode(its.translate(Batch(Signal.METRICS, wire=wire)).streams)
            for its in (remembering, forgetting)
        )

        assert sorted(map(repr, read_v2(one))) == sorted(map(repr, read_v2(other)))
