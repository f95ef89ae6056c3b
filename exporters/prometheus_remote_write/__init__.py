"""Send metrics to Prometheus, or to whatever else takes its remote write: each series in its order.

Prometheus takes remote writes at `/api/v1/write` if it is started with `--web.enable-remote-write-receiver`; for
exponential histograms, which become native ones, versions before 3.8 also need `--enable-feature=native-histograms`.
Mimir takes them at `/api/v1/push` and wants its tenant in `headers`, as `X-Scope-OrgID`. For basic authentication, as
in Grafana Cloud, the extension [bearertokenauth](../extensions/bearertokenauth.md) with the `scheme: Basic` and, as its
`token`, `name:password` in base64 goes under `auth`.

A counter `http.server.requests` is found as `http_server_requests_total`, a gauge `memory.used` in `By` as
`memory_used_bytes`; `translation_strategy` decides. Of its resource, `service.namespace/service.name` is the label
`job` and `service.instance.id` is `instance`; the rest is on `target_info` unless it is promoted. Where a receiver
limits how many labels a series has, `disable_scope_info` saves up to three and what scopes have of their own.

Samples of a series leave in the order in which they came, and a series is never in two requests at the same time: while
a request waits to be sent again, what comes later for its series waits behind it, and other series go on. What the
receiver may take later (408, 429, 5xx, no answer) is sent again; what it never will is dropped and counted:

- `out_of_order`: the receiver has something newer, or something else of the same time.
- `limit_item`: one data point is larger than the receiver takes.
- `rejected_permanent`: any other refusal, such as 401, 403 and 404.
- `partial_success`: a receiver of protocol 2.0 wrote less than it was sent. It says how many samples are missing, not
  which; each is counted as one data point.
- `unsupported`: the protocol has nothing for it, or the receiver has its native histograms switched off.

A receiver of protocol 1.0 that does not want one sample of a request refuses all of it. The request is then halved
until what it does not want stands alone, so that nothing else is lost; a bounded number of times, and less often if
that keeps finding nothing.

A request without an answer is sent again, although it may have been written. A receiver that takes nothing out of order
then refuses all samples of a series but the last one in it: `out_of_order` may be too large by those, never too small.

Totals of delta temporality are kept in memory, so all points of a stream have to come to the same collector, and after
a restart of it they begin anew. Protocol 2.0 says when; with 1.0, `rate()` and `increase()` notice it only where the
first total is smaller than the last one before.
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
