"""
A receiver that has its native histograms switched off says so with a 500, as often as it is asked.
"""

import pytest

from collector.batch import Batch
from collector.errors import DropReason
from collector.testing import make_metrics
from tests.exporters.prometheus_remote_write.collectors import gauges, names, write
from tests.exporters.prometheus_remote_write.receivers import Receiver, decoded
from tests.exporters.servers import respond

VERSIONS = ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"]


class NotNative(Receiver):
    """
    As Prometheus up to 3.7, unless it is told to take native histograms.
    """

    def take(self, request):
        if any(series.histograms for series in decoded(request).timeseries):
            return respond(500, b"native histograms are disabled", "text/plain")
        return super().take(request)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_receiver_without_native_histograms_gets_everything_else_at_once(version, caplog):
    receiver = NotNative()
    point = {"scale": 0, "count": 4, "sum": 9.0, "positive": {"offset": 0, "bucket_counts": [4]}}
    native = make_metrics(*({"name": f"h{i}", "kind": "exponential_histogram", "points": [point]} for i in range(200)))

    collector = await write(
        receiver, Batch.join([native, gauges(*names(200))]), protobuf_message=version, max_batch_request_parallelism=1
    )

    assert (2, 200, 200) == (len(receiver.requests), len(receiver.samples), collector.sent)
    assert ({DropReason.UNSUPPORTED: 200}, True, []) == (
        collector.dropped,
        collector.is_balanced,
        collector.clock.slept,
    )
    assert "--enable-feature=native-histograms" in caplog.text


async def test_what_sounds_like_that_without_any_native_histogram_is_sent_again():
    receiver = Receiver([respond(500, b"native histograms are disabled", "text/plain")])

    collector = await write(receiver, gauges("up"))

    assert (1, {}, 1) == (collector.sent, collector.dropped, len(collector.clock.slept))
