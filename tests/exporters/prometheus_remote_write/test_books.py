"""
Whatever a receiver does: what is called sent is there, and what is not is in the books under some reason.
"""

import random

import pytest

from collector.errors import DropReason
from tests.exporters.prometheus_remote_write.collectors import gauges, names, to
from tests.exporters.prometheus_remote_write.receivers import Whim
from tests.exporters.servers import respond

VERSIONS = ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"]


class Picky(Whim):
    """
    Never takes some series, nor anything that is too large, and once in a while asks who that is.
    """

    def __init__(self, seed, **its):
        some = random.Random(seed)
        unwanted = {f"metric_{i}" for i in range(40) if some.random() < 0.1}
        super().__init__(seed, 0.2, refuses=lambda sample: dict(sample[0])["__name__"] in unwanted, **its)
        self.unwanted, self.rejections, self.most_bytes = unwanted, some.choice([0, 0, 1]), some.choice([400, 1 << 20])

    def take(self, request):
        if len(request.body) > self.most_bytes:
            return respond(413)
        if self.rejections and self.random.random() < 0.05:
            self.rejections -= 1
            return respond(401, b"who is that?", "text/plain")
        return super().take(request)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("speaks_v2", [True, False])
@pytest.mark.parametrize("seed", range(4))
async def test_the_books_are_right_whatever_happens(seed, speaks_v2, version):
    receiver = Picky(seed, speaks_v2=speaks_v2)
    async with receiver.running():
        collector = to(receiver, protobuf_message=version, max_batch_request_parallelism=1 + seed % 3)
        async with collector.running():
            await collector.consume(*(gauges(*names(40), at=at) for at in range(1, 9)))

    there = {sample[:2] for sample in receiver.samples}
    lost = sum(collector.dropped.values())
    assert collector.is_balanced
    assert 320 == collector.sent + lost
    assert 8 * len(receiver.unwanted) <= lost
    assert len(there) >= collector.sent
    assert set(collector.dropped) <= {DropReason.OUT_OF_ORDER, DropReason.REJECTED_PERMANENT, DropReason.LIMIT_ITEM}
    if DropReason.REJECTED_PERMANENT not in collector.dropped:
        assert len(there) == collector.sent == 320 - 8 * len(receiver.unwanted)
