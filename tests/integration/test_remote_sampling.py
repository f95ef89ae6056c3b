"""The extension jaeger_remote_sampling, asked by the sampler of OpenTelemetry's SDK for Go."""

import json
import os
import shutil
import subprocess

import pytest

from tests.end_to_end.child import free_port
from tests.integration.servers import INSTALLED, until

pytestmark = pytest.mark.slow

SPANS = 2000
CONFIG = """
extensions:
  jaeger_remote_sampling:
    source: {file: "FILE", reload_interval: 100ms}
    http: {endpoint: "localhost:{sampling}"}
    grpc: {endpoint: "localhost:{sampling_grpc}"}
receivers: {otlp: {protocols: {http: {endpoint: "localhost:{http}"}}}}
exporters: {debug: {}}
service:
  extensions: [jaeger_remote_sampling]
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
"""
STRATEGIES = {
    "default_strategy": {
        "type": "probabilistic",
        "param": 0.5,
        "operation_strategies": [{"operation": "health", "type": "probabilistic", "param": 0}],
    },
    "service_strategies": [
        {
            "service": "shop",
            "type": "probabilistic",
            "param": 0.8,
            "operation_strategies": [
                {"operation": "pay", "type": "probabilistic", "param": 1},
                {"operation": "list", "type": "probabilistic", "param": 0.2},
            ],
        }
    ],
}


class Application:
    """
    `backends/sampler/main.go`: starts spans, and says how many of them are sampled.
    """

    def __init__(self, protocol, collector, service):
        port = collector.ports["sampling" if protocol == "http" else "sampling_grpc"]
        address = f"http://localhost:{port}/sampling" if protocol == "http" else f"localhost:{port}"
        command = [str(INSTALLED / "sampler" / "sampler"), protocol, address, service]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sampled(self, operation, spans=SPANS):
        self.process.stdin.write(f"{operation} {spans}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)


@pytest.fixture(params=["http", "grpc"])
def started(request, start, tmp_path):
    """
    Starts a collector with strategies in a file, and an application that asks it.
    """
    if not (INSTALLED / "sampler" / "stamp").exists():
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("needs sampler: run `make backends` to have it" + ("" if shutil.which("go") else ", where Go is"))
    running = []

    def with_strategies(strategies, service):
        file = tmp_path / "strategies.json"
        file.write_text(json.dumps(strategies))
        if not running:
            ports = {"sampling": free_port(), "sampling_grpc": free_port()}
            collector = start(CONFIG.replace("FILE", str(file)), **ports)
            running.extend([Application(request.param, collector, service), collector])
        return running[0]

    yield with_strategies
    for process in running:
        process.stop()


def test_an_sdk_samples_each_operation_as_the_file_has_it(started):
    application = started(STRATEGIES, "shop")
    until(lambda: application.sampled("pay", 10) == 10, what="that all payments are sampled")

    sampled = {operation: application.sampled(operation) for operation in ("pay", "list", "health", "else")}

    assert SPANS == sampled["pay"]
    assert 0.15 < sampled["list"] / SPANS < 0.25
    assert 0.75 < sampled["else"] / SPANS < 0.85
    # the sampler's own: each operation it has not seen has one trace, whatever its probability
    assert sampled["health"] <= 1


def test_an_sdk_that_has_no_strategy_of_its_own_samples_as_all_do(started):
    application = started(STRATEGIES, "other")
    until(lambda: application.sampled("else", 100) > 20, what="that something is sampled")

    assert 0.45 < application.sampled("else") / SPANS < 0.55
    assert application.sampled("health") <= 1


def test_an_sdk_follows_a_file_that_changes(started):
    application = started({"default_strategy": {"type": "probabilistic", "param": 1}}, "shop")
    until(lambda: application.sampled("pay", 10) == 10, what="that all is sampled")

    started({"default_strategy": {"type": "ratelimiting", "param": 3}}, "shop")
    until(lambda: application.sampled("pay", 100) < 10, what="that few are sampled")

    started({"default_strategy": {"type": "probabilistic", "param": 0}}, "shop")
    until(lambda: application.sampled("pay") == 0, what="that nothing is sampled")
