"""
The exporter agrees with a second reading of the specification, sample by sample and bit by bit.
"""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.batch import Batch, Signal
from collector.testing import FakeClock
from exporters.prometheus_remote_write import write_v1
from exporters.prometheus_remote_write.rules import Delta, DeltaRules, ResourceRules, Rules
from exporters.prometheus_remote_write.translation import Translator
from tests.exporters.prometheus_remote_write.messages import WriteRequest
from tests.exporters.prometheus_remote_write.second_reading import CUMULATIVE, bits, expected
from tests.exporters.prometheus_remote_write.test_translation_laws import REQUESTS, SILENT

SERVICE = {"service.name": "cart"}
RESOURCES = st.sampled_from(
    [{}, SERVICE, SERVICE | {"service.namespace": "shop", "service.instance.id": "1"}, {"service.namespace": "shop"}]
)


def _with(request, resource):
    """
    Return a request from resources with more attributes, and with no deltas and no ends of histograms and summaries:
    what those become depends on what was before.
    """
    for resource_metrics in request.resource_metrics:
        for key, value in resource.items():
            resource_metrics.resource.attributes.add(key=key).value.string_value = value
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                if (kind := metric.WhichOneof("data")) in {"sum", "histogram"}:
                    getattr(metric, kind).aggregation_temporality = CUMULATIVE
                for point in (*metric.histogram.data_points, *metric.summary.data_points):
                    point.flags = 0
    return request


def _is_one_of(value, values):
    """
    Bit by bit; a NaN may have become another one when protobuf read it.
    """
    return value in values or (_is_nan(value) and any(map(_is_nan, values)))


def _is_nan(value):
    return math.isnan(struct.unpack("<d", value)[0])


@pytest.mark.slow
@settings(max_examples=100)
@given(st.builds(_with, REQUESTS, RESOURCES), st.sampled_from([{}, {"job": "external", "z": "1"}]), st.booleans())
def test_every_sample_is_the_one_of_the_specification_and_there_is_no_other(request_, external_labels, has_scope):
    rules = Rules(
        external_labels=external_labels,
        scope_labels=has_scope,
        resources=ResourceRules(target_info=False),
        delta=DeltaRules(mode=Delta.DROP),
    )
    translator = Translator(rules, FakeClock(), SILENT)

    streams = translator.translate(Batch(Signal.METRICS, wire=request_.SerializeToString())).streams

    found = [
        ((tuple((label.name, label.value) for label in series.labels), sample.timestamp), bits(sample.value))
        for series in WriteRequest.FromString(write_v1.encode(streams)).timeseries
        for sample in series.samples
    ]
    right = expected(request_, external_labels, has_scope=has_scope)
    assert sorted(right) == sorted(key for key, _ in found)
    assert [] == [(key, value) for key, value in found if not _is_one_of(value, right[key])]
