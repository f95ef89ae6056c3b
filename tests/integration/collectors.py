"""Collectors with the exporter under test, what they are sent, and what their books say became of it."""

import uuid
from typing import NamedTuple

from collector.batch import SHAPES
from tests.integration.servers import http

_CONFIG = """
receivers: {otlp: {protocols: {http: {endpoint: "localhost:{http}"}}}}
processors: {batch: {timeout: 10ms}}
exporters:
  EXPORTER
service:
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines:
"""


def configuration(exporter, *signals):
    """
    That of a collector with one exporter, given as flow YAML, such as `file: {path: x}`.
    """
    name = exporter.partition(":")[0]
    pipelines = [f"    {s}: {{receivers: [otlp], processors: [batch], exporters: [{name}]}}\n" for s in signals]
    return _CONFIG.replace("EXPORTER", exporter) + "".join(pipelines)


def send(collector, *batches):
    """
    Each in a request of its own, and all are accepted.
    """
    for batch in batches:
        url = f"http://localhost:{collector.ports['http']}/v1/{batch.signal}"
        status, _, said = http("POST", url, batch.wire, Content_Type="application/x-protobuf")
        assert 200 == status, said


class Books(NamedTuple):
    accepted: int
    sent: int
    dropped: dict[str, int]


def settled(collector, signal):
    """
    The books, when nothing of a signal is held any longer.  They balance.
    """
    collector.wait_for(lambda: collector.total("pyotelcol_held_items", signal=signal) == 0, 60)
    assert 0 == collector.imbalance(signal)
    unit = SHAPES[signal].unit
    dropped = {
        labels["reason"]: int(value)
        for name, labels, value in collector.metrics()
        if (name, labels.get("signal")) == ("pyotelcol_dropped_items_total", signal) and value
    }
    accepted, sent = (
        int(collector.total(name)) for name in (f"otelcol_receiver_accepted_{unit}", f"otelcol_exporter_sent_{unit}")
    )
    return Books(accepted, sent, dropped)


def new_id(digits=32):
    return uuid.uuid4().hex[:digits]


def new_name():
    """
    One that no other test has, and that is a name everywhere.
    """
    return f"n{new_id(12)}"
