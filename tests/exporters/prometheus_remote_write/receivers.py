"""Receivers of remote write that keep samples as Prometheus does, and answer from a script first."""

import asyncio
import random
from collections import defaultdict

import cramjam

from tests.exporters.prometheus_remote_write.messages import Request, WriteRequest, is_known, labels_v1, labels_v2
from tests.exporters.servers import HttpBackend, read_request, reset, respond

OUT_OF_ORDER = respond(400, b"out of order sample", "text/plain")
NAMES = ("Samples", "Histograms", "Exemplars")


def written(samples=0, histograms=0, exemplars=0, status=204, body=b""):
    """
    Return an answer of a receiver of 2.0.
    """
    counts = dict(zip(NAMES, (samples, histograms, exemplars), strict=True))
    headers = {f"X_Prometheus_Remote_Write_{name}_Written": count for name, count in counts.items()}
    return respond(status, body, "text/plain", **headers)


def decoded(request):
    """
    Return the message of a request, which must have been written as its headers say.
    """
    assert "snappy" == request.headers["content-encoding"]
    kinds = {
        ("application/x-protobuf", "0.1.0"): WriteRequest,
        ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"): Request,
    }
    kind = kinds[request.headers["content-type"], request.headers["x-prometheus-remote-write-version"]]
    message = kind.FromString(bytes(cramjam.snappy.decompress_raw(request.body)))
    assert is_known(message)
    return message


def is_v2(request):
    return "2.0.0" == request.headers["x-prometheus-remote-write-version"]


def samples_of(request):
    """
    Return (series, timestamp, value) of all samples of a request; a series is its labels, sorted.
    """
    message = decoded(request)
    found = []
    for series in message.timeseries:
        pairs = labels_v2(message, series.labels_refs) if is_v2(request) else labels_v1(series.labels)
        found += [(tuple(sorted(pairs.items())), s.timestamp, s.value) for s in series.samples]
    return found


class Receiver(HttpBackend):
    """
    Takes samples in order, as Prometheus: a request of 1.0 whole or not at all, of one of 2.0 what it can.

    A step of the script is an answer, a function of the connection, or None to do what it always does.
    """

    def __init__(self, script=(), *, speaks_v2=True, newest=None, refuses=lambda sample: False):
        super().__init__(script)
        self.speaks_v2 = speaks_v2
        self.newest = defaultdict(int, newest or {})
        self.refuses = refuses
        self.samples = []
        self.metadata = []

    async def _answer(self, reader, writer):
        self.opened += 1
        while True:
            self.requests.append(await read_request(reader))
            self.asked.set()
            step = next(self.script, None)
            if callable(step):
                await step(reader, writer)
                return
            writer.write(step or self.take(self.requests[-1]))
            await writer.drain()

    def take(self, request):
        if is_v2(request):
            return self._take_v2(request) if self.speaks_v2 else respond(204)
        self.metadata += decoded(request).metadata
        samples = samples_of(request)
        if any(map(self._is_unwanted, samples)):
            return OUT_OF_ORDER
        self._keep(samples)
        return respond(204)

    def _take_v2(self, request):
        samples = samples_of(request)
        wanted = [sample for sample in samples if not self._is_unwanted(sample)]
        self._keep(wanted)
        if len(wanted) == len(samples):
            return written(len(wanted))
        return written(len(wanted), status=400, body=b"out of order sample")

    def _is_unwanted(self, sample):
        series, timestamp, _ = sample
        known = [(when, value) for name, when, value in self.samples if name == series]
        if (timestamp, sample[2]) in known:
            return False  # what it has already is taken once more
        return timestamp <= self.newest[series] or self.refuses(sample)

    def _keep(self, samples):
        for sample in samples:
            if sample not in self.samples:
                self.samples.append(sample)
                self.newest[sample[0]] = max(self.newest[sample[0]], sample[1])


class Whim(Receiver):
    """
    Takes its time, and refuses, resets or loses its answer as it likes; writes down who is under way.
    """

    def __init__(self, seed, trouble=0.4, **its):
        super().__init__(**its)
        self.random, self.trouble = random.Random(seed), trouble
        self.under_way, self.most, self.overlaps, self.arrivals = [], 0, [], []

    async def _answer(self, reader, writer):
        while True:
            request = await read_request(reader)
            self.requests.append(request)
            series = {sample[0] for sample in samples_of(request)}
            self.overlaps += [series & other for other in self.under_way if series & other]
            self.under_way.append(series)
            self.most = max(self.most, len(self.under_way))
            for _ in range(self.random.randrange(30)):
                await asyncio.sleep(0)
            self.under_way.remove(series)
            if not await self._whim(request, writer):
                return

    async def _whim(self, request, writer):
        if self.random.random() > self.trouble:
            self._note(request)
            writer.write(self.take(request))
        else:
            match self.random.randrange(4):
                case 0:
                    writer.write(respond(503))
                case 1:
                    writer.write(respond(429, Retry_After="1"))
                case 2:
                    reset(writer)
                    return False
                case 3:  # it was written, and nobody hears of it
                    self._note(request)
                    self.take(request)
                    reset(writer)
                    return False
        await writer.drain()
        return True

    def _note(self, request):
        self.arrivals += [sample[:2] for sample in samples_of(request)]
