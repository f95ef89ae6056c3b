"""
What the engine puts before an exporter, unless the configuration says otherwise.
"""

import pytest

from collector.api import ComponentConfig, ComponentID, ExporterFactory
from collector.config import CollectorConfig
from collector.registry import Kind, load_factory
from collector.resolution import resolve

SLOW = ExporterFactory(
    config=ComponentConfig, build=lambda *_: None, timeout=30, initial_interval=0.05, queue_by_default=False
)
RUNS = """
receivers: {otlp: {protocols: {grpc: }}}
exporters: {slow: {%s}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [slow]}}}
"""


def delivery(body):
    def load(kind, type_, plugin=None):
        return SLOW if kind is Kind.EXPORTER else load_factory(kind, type_)

    config = CollectorConfig.from_yaml(RUNS % body, environ={})
    return resolve(config, load)[Kind.EXPORTER, ComponentID("slow")].delivery


@pytest.mark.parametrize(
    ("body", "timeout", "first_pause", "is_queued"),
    [
        ("", 30, 0.05, False),
        ("timeout: 1s", 1, 0.05, False),
        ("retry_on_failure: {max_interval: 10s}", 30, 0.05, False),
        ("retry_on_failure: {initial_interval: 7s}", 30, 7, False),
        ("sending_queue: {enabled: true}", 30, 0.05, True),
    ],
)
def test_an_exporter_says_what_is_usual_and_the_configuration_has_the_last_word(body, timeout, first_pause, is_queued):
    its = delivery(body)

    assert timeout == its.timeout
    assert first_pause == its.retry_on_failure.initial_interval
    assert is_queued == its.sending_queue.enabled
