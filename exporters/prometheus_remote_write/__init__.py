"""Send metrics to Prometheus, or to whatever else takes its remote write: each series in its order.

Prometheus takes remote writes at `/api/v1/write` if it is started with `--web.enable-remote-write-receiver`.

Samples of a series leave in the order in which they came, and a series is never in two requests at the same time: while
a request waits to be sent again, what comes later for its series waits behind it, and other series go on. What the
receiver may take later (408, 429, 5xx, no answer) is sent again; what it never will is dropped and counted:

- `out_of_order`: the receiver has something newer, or something else of the same time.
- `limit_item`: one data point is larger than the receiver takes.
- `rejected_permanent`: any other refusal, such as 401, 403 and 404.
- `partial_success`: a receiver of protocol 2.0 wrote less than it was sent. It says how many samples are missing, not
  which; each is counted as one data point.
- `unsupported`: the protocol has nothing for it.

A receiver of protocol 1.0 that does not want one sample of a request refuses all of it. The request is then halved
until what it does not want stands alone, so that nothing else is lost; a bounded number of times, and less often if
that keeps finding nothing.
"""

from __future__ import annotations

from collector.api import ExporterFactory, PreparingExporter, Settings
from collector.batch import Signal
from exporters.prometheus_remote_write.config import RemoteWriteConfig


def build(config: RemoteWriteConfig, settings: Settings) -> PreparingExporter:
    """Import the rest only now: a configuration may have an exporter that no pipeline uses."""
    from exporters.prometheus_remote_write.exporter import RemoteWriteExporter  # noqa: PLC0415  see above

    return RemoteWriteExporter(config, settings)


factory = ExporterFactory(
    config=RemoteWriteConfig,
    build=build,
    signals=frozenset({Signal.METRICS}),
    aliases=("prometheusremotewrite",),
    initial_interval=0.05,
    example="endpoint: http://localhost:9090/api/v1/write",
)
