"""
The filter leaves what a plain one leaves, which goes through official messages one by one.
"""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.batch import SHAPES, Batch, Signal, data_points
from collector.testing import settings
from processors.filter.config import FilterConfig
from processors.filter.processor import Filter

TEXTS = st.sampled_from(["a", "b", "ab", "k"])


PAIRS = [
    KeyValue(key=key, value=AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value))
    for key in ("k", "ak", "a")
    for value in ("a", "b", "ab", "k", 0, 1, 2)
]


def pairs():
    """
    Up to four attributes, made of one number; a key may be there twice, and be a part of another or of a value.
    """
    return st.integers(0, (2 * len(PAIRS)) ** 4 - 1).map(_pairs)


def _pairs(number):
    made = []
    while number:
        number, digit = divmod(number, 2 * len(PAIRS))
        made += PAIRS[digit - 1 : digit] if digit else []  # half of the digits stand for none
    return made


@st.composite
def spans(draw):
    span = Span(name=draw(TEXTS), kind=draw(st.integers(0, 3)), attributes=draw(pairs()), trace_id=b"t" * 16)
    for _ in range(draw(st.integers(0, 3))):
        span.events.add(name=draw(TEXTS), attributes=draw(pairs()))
    return span


@st.composite
def metrics(draw):
    metric = Metric(name=draw(TEXTS), unit="1")
    kind = draw(st.sampled_from(["gauge", "sum", "summary", None]))
    if kind == "summary":
        metric.summary.data_points.add(count=draw(st.integers(0, 2)), attributes=draw(pairs()))
    elif kind:
        getattr(metric, kind).SetInParent()
        for _ in range(draw(st.integers(0, 3))):
            point = NumberDataPoint(as_int=draw(st.integers(0, 2)), attributes=draw(pairs()))
            getattr(metric, kind).data_points.append(point)
    return metric


@st.composite
def logs(draw):
    log = LogRecord(severity_number=draw(st.integers(0, 24)), attributes=draw(pairs()))
    log.body.string_value = draw(TEXTS)
    return log


RECORDS = {Signal.TRACES: spans(), Signal.METRICS: metrics(), Signal.LOGS: logs()}


@st.composite
def requests(draw, signal):
    resources, scopes, records = SHAPES[signal].path[:3]
    request = SHAPES[signal].request()
    for _ in range(draw(st.integers(0, 3))):
        resource = resources(request).add()
        resource.resource.attributes.extend(draw(pairs()))
        resource.schema_url = draw(TEXTS)
        for _ in range(draw(st.integers(0, 2))):
            scope = scopes(resource).add()
            scope.scope.name = draw(TEXTS)
            records(scope).extend(draw(st.lists(RECORDS[signal], max_size=5)))
    return request


def attribute(holder, key):
    """
    Of an attribute that is there twice the last one counts.
    """
    values = [pair.value for pair in holder.attributes if pair.key == key]
    return getattr(values[-1], values[-1].WhichOneof("value")) if values else None


# Of each signal: a condition as the user writes it, what it is about, and the same in Python, which is asked of the
# resource, the scope, the record and the event or data point, as far as there are such
CONDITIONS = {
    Signal.TRACES: [
        ('resource.attributes["k"] == "a"', 1, lambda r: attribute(r, "k") == "a"),
        (
            'scope.name == "b" and resource.attributes["a"] == 1',
            2,
            lambda r, s: s.name == "b" and attribute(r, "a") == 1,
        ),
        ('span.attributes["k"] == "ab"', 3, lambda r, s, x: attribute(x, "k") == "ab"),
        ('span.name == "k" or span.attributes["a"] == 2', 3, lambda r, s, x: x.name == "k" or attribute(x, "a") == 2),
        ("span.kind == SPAN_KIND_CLIENT", 3, lambda r, s, x: x.kind == 3),
        ('span.attributes["a"] == nil and scope.name == "a"', 3, lambda r, s, x: s.name == "a" and no(x, "a")),
        ('spanevent.name == "a"', 4, lambda r, s, x, e: e.name == "a"),
        ('span.name == "a" and spanevent.attributes["k"] == "b"', 4, lambda r, s, x, e: x.name == "a" and kb(e)),
    ],
    Signal.METRICS: [
        ('resource.attributes["k"] == "a"', 1, lambda r: attribute(r, "k") == "a"),
        ('scope.name == "b"', 2, lambda r, s: s.name == "b"),
        ('metric.name == "ab"', 3, lambda r, s, x: x.name == "ab"),
        ("metric.type == METRIC_DATA_TYPE_SUM", 3, lambda r, s, x: x.WhichOneof("data") == "sum"),
        ('datapoint.attributes["k"] == "b"', 4, lambda r, s, x, p: kb(p)),
        ("datapoint.value_int == 1", 4, lambda r, s, x, p: getattr(p, "as_int", None) == 1),
        ('metric.name == "a" and datapoint.attributes["a"] == nil', 4, lambda r, s, x, p: x.name == "a" and no(p, "a")),
    ],
    Signal.LOGS: [
        ('resource.attributes["k"] == "a"', 1, lambda r: attribute(r, "k") == "a"),
        ('scope.name == "b"', 2, lambda r, s: s.name == "b"),
        ('log.body == "k"', 3, lambda r, s, x: x.body.string_value == "k"),
        ("log.severity_number < 5", 3, lambda r, s, x: x.severity_number < 5),
        ('IsMatch(log.attributes["ak"], "^a")', 3, lambda r, s, x: str(attribute(x, "ak")).startswith("a")),
    ],
}
RESOURCE, SCOPE, RECORD, PART = 1, 2, 3, 4
PARTS = {Signal.TRACES: lambda span: span.events, Signal.METRICS: data_points, Signal.LOGS: lambda log: []}


def no(holder, key):
    return attribute(holder, key) is None


def kb(holder):
    return attribute(holder, "k") == "b"


def drop(field, unwanted):
    """
    Returns how many items of a field were dropped.
    """
    before = len(field)
    left = [type(item).FromString(item.SerializeToString()) for item in field if not unwanted(item)]
    if before:
        del field[:]
        field.extend(left)
    return before - len(left)


def plain(signal, request, conditions):
    """
    Drops from a request what meets a condition, and returns how much.
    """
    resources, scopes, records = SHAPES[signal].path[:3]

    def meets(level, *asked):
        return any(holds(*asked) for _, about, holds in conditions if about == level)

    def emptied(metric, r, s):
        dropped = drop(PARTS[signal](metric), lambda part: meets(PART, r, s, metric, part))
        counts.append(dropped)
        return signal is Signal.METRICS and dropped and not PARTS[signal](metric)

    counts = [drop(resources(request), lambda node: meets(RESOURCE, node.resource))]
    for resource in resources(request):
        r = resource.resource
        counts.append(drop(scopes(resource), lambda node, r=r: meets(SCOPE, r, node.scope)))
        for scope in scopes(resource):
            s = scope.scope
            counts.append(drop(records(scope), lambda record, r=r, s=s: meets(RECORD, r, s, record)))
            drop(records(scope), lambda record, r=r, s=s: emptied(record, r, s))
        drop(scopes(resource), lambda scope: not records(scope))
    drop(resources(request), lambda resource: not scopes(resource))
    return sum(counts)


@st.composite
def cases(draw):
    signal = draw(st.sampled_from(list(CONDITIONS)))
    conditions = draw(st.lists(st.sampled_from(CONDITIONS[signal]), min_size=1, max_size=4, unique_by=lambda c: c[0]))
    return signal, conditions, draw(requests(signal))


@given(cases())
def test_it_leaves_what_a_plain_filter_leaves(case):
    """
    Nothing else is changed, the order stays, and if nothing is dropped it is the very batch that came.
    """
    signal, conditions, request = case
    batch = Batch(signal, wire=request.SerializeToString())
    key = {Signal.TRACES: "trace", Signal.METRICS: "metric", Signal.LOGS: "log"}[signal] + "_conditions"
    config = FilterConfig.model_validate({key: [text for text, _, _ in conditions]})
    result = Filter(config, settings("filter")).process(batch)
    dropped = plain(signal, request, conditions)

    if not dropped:
        assert result is batch
    elif result is None:
        assert not request.ByteSize()
    else:
        assert request == SHAPES[signal].request.FromString(result.wire)
        assert len(result) == result.count_in(request)
