"""Write logs, spans and metrics to Elasticsearch or OpenSearch as documents.

Each document has its own answer. One that the server may take later (429, 502, 503, 504, a blocked index) is sent
again, alone; a request that leaves open what became of its documents is sent again as a whole, and ids see to it that
a span or log record is there once. A document with an id of its own that is there already (409) is written. Only the
server's answer counts as written.

What the server never takes is dropped and counted, each record once, also if only one of its documents is refused:

- `dead_letter`: refused (a mapping that does not fit, no such index, too large), and written to `dead_letter` with
  where it should have gone, its id, the type and reason of the error, and its own text. While the dead letter cannot
  be written, the document waits for it and is not offered to the cluster again.
- `rejected_permanent`: refused without a dead letter, or by the dead letter too; or the whole request was refused for
  good, such as with 401, 403, 404 or a redirect.
- `out_of_order`: a document without an id of its own that is there already: a metric of the same time and dimensions.
- `limit_item`: one document that is larger than the server takes, without a dead letter for it; or what is left of a
  batch when the copies of resources and scopes, of which each document has one, come to 256 MiB.
- `unsupported`: no document can hold it, or its index cannot exist and there is no dead letter.

A request that is too large (413) is halved until it fits, and a malformed one (400) until the document that is the
reason stands alone; at most 100 requests in one attempt, the others after a pause.

What it takes, by what is there:

- Elasticsearch 8 as it installs itself: an `endpoint` with https, `tls::ca_file` with its `http_ca.crt`, and an
  `api_key` that has the cluster privilege monitor, and auto_configure and create_doc for `logs-*`, `metrics-*`,
  `traces-*` and the index of the dead letter. Mode `otel` is for 8.12 and later; for older ones there is `ecs`.
- OpenSearch: `flavor: opensearch`, `user` and `password`, and the right to write index templates, or somebody who wrote
  them: `manage_templates`. Without `flavor` it refuses every document of mode `otel`.
- Jaeger's UI over one of them: `mapping: {mode: jaeger}`, for spans only; the privileges index and auto_configure for
  `jaeger-*`, and manage_index_templates. What `jaeger` says of prefix, dates, aliases and tags as fields has to be what
  Jaeger's own storage is told. Jaeger shows spans of its last days only, by when they began.
"""

from __future__ import annotations

from collector.api import RECORD_SIGNALS, ExporterFactory, PreparingExporter, Settings
from exporters.elasticsearch.config import ElasticsearchConfig


def build(config: ElasticsearchConfig, settings: Settings) -> PreparingExporter:
    """Import the rest only now: a configuration may have an exporter that no pipeline uses."""
    from exporters.elasticsearch.exporter import ElasticsearchExporter  # noqa: PLC0415  see above

    return ElasticsearchExporter(config, settings)


factory = ExporterFactory(
    config=ElasticsearchConfig,
    build=build,
    signals=RECORD_SIGNALS,
    timeout=90.0,
    initial_interval=0.1,
    example="""
endpoint: http://localhost:9200
mapping: {mode: otel}
dead_letter: {index: otel-dead-letter}
""".strip(),
)
