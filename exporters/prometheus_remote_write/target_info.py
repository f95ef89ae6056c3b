"""One series for each resource, with the attributes that its other series do not have.

OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", resource attributes.
"""

from __future__ import annotations

from exporters.prometheus_remote_write.labels import ResourceLabels
from exporters.prometheus_remote_write.series import LabelSet, Metadata, raw
from exporters.prometheus_remote_write.streams import Streams

_GAUGE = 2
_ONE = (raw(1.0), 0)
_MOST = 16_384
"""Resources of which the last time is remembered; that of the one that was seen longest ago is forgotten."""


class TargetInfo:
    """Says once for each batch which resources there are, at the time of their latest data points.

    Batches do not come in the order of their data's times, and receivers refuse what is older than what they have: a
    resource is not mentioned again at an earlier time, or at the same one.
    """

    def __init__(self) -> None:
        self._last: dict[bytes, int] = {}
        self._seen: dict[bytes, tuple[LabelSet, int]] = {}

    def seen(self, resource: ResourceLabels, timestamp: int) -> None:
        """Note that a resource has a data point at this time, in milliseconds since the Unix epoch."""
        labels = resource.target_info
        if labels is not None and timestamp > self._seen.get(labels.key, (labels, 0))[1]:
            self._seen[labels.key] = labels, timestamp

    def finish(self, streams: Streams) -> Metadata | None:
        """Add what was seen to the streams of the batch; return what there is to know about it, if it is anything."""
        seen, self._seen = self._seen, {}
        metadata = None
        for key, (labels, timestamp) in seen.items():
            last = self._last.pop(key, 0)
            self._last[key] = max(timestamp, last)
            if timestamp > last:
                metadata = Metadata(labels.name, _GAUGE, "Target metadata")
                streams.many(metadata, labels.identity, timestamp, [(labels, _ONE)], items=0)
        while len(self._last) > _MOST:
            del self._last[next(iter(self._last))]
        return metadata
