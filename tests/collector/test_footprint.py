import subprocess
import sys

PROGRAM = """
import sys
from collector.cli import main
assert main(["validate", "--config", sys.argv[1]]) == 0
print(*sys.modules)
"""
CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: 'localhost:0'}, http: {endpoint: 'localhost:0'}}}}
processors: {batch: {}}
exporters: {otlp_grpc: {endpoint: 'localhost:1', tls: {insecure: true}}}
service: {pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [otlp_grpc]}}}
"""


def test_a_plain_pipeline_does_not_load_what_it_does_not_need(tmp_path):
    """
    An idle collector should stay below 70 MiB, and libraries are most of that.
    """
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)

    done = subprocess.run([sys.executable, "-c", PROGRAM, path], capture_output=True, text=True, check=True)

    assert not {"cramjam", "re2", "requests", "opentelemetry.sdk"} & set(done.stdout.split())
