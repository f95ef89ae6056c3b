"""Batches in, plain samples out."""

import logging
import struct

from collector.batch import Batch
from collector.testing import FakeClock, make_metrics
from exporters.prometheus_remote_write.rules import ResourceRules, Rules
from exporters.prometheus_remote_write.translation import Translator

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
"""When points of `make_metrics` are, in nanoseconds."""
QUIET = Rules(scope_labels=False, resources=ResourceRules(target_info=False))
LOGGER = logging.getLogger("remote write")


def translator(rules=QUIET, clock=None):
    return Translator(rules, clock or FakeClock(), LOGGER)


def translate(*metrics, its=None, resource=None, scope="", rules=QUIET):
    return (its or translator(rules)).translate(make_metrics(*metrics, resource=resource, scope=scope))


def merged(*batches):
    return Batch.join(batches)


def text(labels):
    """
    Labels as PromQL writes them.
    """
    pairs = dict(labels.pairs)
    name = pairs.pop("__name__")
    inner = ",".join(f'{key}="{value}"' for key, value in pairs.items())
    return f"{name}{{{inner}}}" if inner else name


def series_of(translation):
    return [series for stream in translation.streams for series in stream.series.values()]


def values(translation, *, times=False):
    """
    The last value of each series, or all by milliseconds since NOW.
    """
    answer = {}
    for series in series_of(translation):
        every = {time - NOW // 1_000_000: number(sample[0]) for time, sample in series.samples.items()}
        if every:
            answer[text(series.labels)] = every if times else list(every.values())[-1]
    return answer


def number(value):
    return struct.unpack("<d", value)[0]


def items(translation):
    return sum(stream.items for stream in translation.streams)
