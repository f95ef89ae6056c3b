import pytest

from tests.end_to_end.prepared import Prepared

pytestmark = pytest.mark.slow
COLLECTOR = Prepared

CONFIG = """
receivers: {otlp: {protocols: {HERE}}}
exporters: {debug: }
extensions: {health_check: {endpoint: "localhost:{health}"}}
service:
  extensions: [health_check]
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
"""


@pytest.mark.parametrize(
    ("listens", "told"),
    [
        ("grpc: {endpoint: 'localhost:{grpc}'}", "http://localhost:{grpc}"),
        ("http: {endpoint: '0.0.0.0:{http}'}", "http://localhost:{http}"),
        ("http: {endpoint: ':{http}'}", "http://localhost:{http}"),
        ("grpc: {endpoint: '[::]:{grpc}'}", "http://localhost:{grpc}"),
    ],
)
def test_the_log_says_where_to_point_an_sdk(start, listens, told):
    collector = start(CONFIG.replace("HERE", listens))

    assert 0 == collector.stop()
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={told.format(**collector.ports)}\n" in collector.log


def test_on_a_unix_socket_there_is_nothing_to_point_an_sdk_at(start, tmp_path):
    collector = start(CONFIG.replace("HERE", f"grpc: {{endpoint: 'unix:{tmp_path}/s'}}"))

    assert 0 == collector.stop()
    assert "is ready\n" in collector.log
