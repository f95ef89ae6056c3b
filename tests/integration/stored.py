"""What is sent to a receiver of remote write 2.0, and how it stands in its storage."""

import struct

from collector.batch import Signal
from collector.testing import make_metrics
from tests.integration.collectors import configuration, send, settled

T0 = 1_700_000_000
RESOURCE = {"service.namespace": "shop", "service.name": "cart", "service.instance.id": "1", "host.name": "a"}
WHO = {"job": "shop/cart", "instance": "1"}
V1, V2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"


def writing_to(receiver, options="", message=V2):
    """
    The configuration of a collector.
    """
    written = f'endpoint: "{receiver.url}/api/v1/write", protobuf_message: {message}, {options}'
    return configuration(f"prometheus_remote_write: {{{written}}}", "metrics")


def at(second, start=-60, **fields):
    """
    The fields of a point of some seconds after the first, of what began a minute before.
    """
    return {"time_unix_nano": (T0 + second) * 10**9, "start_time_unix_nano": (T0 + start) * 10**9, **fields}


def metrics(*described):
    return make_metrics(*described, resource=RESOURCE)


def exponential(second, counts, **fields):
    """
    A point of scale 0: its buckets end at 2, 4, ...
    """
    positive = {"offset": 0, "bucket_counts": counts}
    return at(second, scale=0, count=sum(counts), sum=sum(counts), positive=positive, **fields)


def delivered(collector, *batches):
    """
    Send batches and return the books when all is settled, which ends the collector.
    """
    send(collector, *batches)
    books = settled(collector, Signal.METRICS)
    collector.stop()
    return books


def milliseconds(second):
    return (T0 + second) * 1000


def bits(value):
    return struct.pack(">d", value).hex()


def sample(second, value, start=-60):
    """
    A sample as it is stored; `start` of None is one that is not known.
    """
    began = 0 if start is None else milliseconds(start)
    return {"time": milliseconds(second), "start": began, "value": bits(value), "histogram": None}


def only(found):
    """
    The one series that was found.
    """
    (series,) = found
    return series


def about(series):
    return tuple(series["metadata"].values())


def statuses(receiver):
    return [(request["content_type"].rpartition("=")[2], request["status"]) for request in receiver.requests()]
