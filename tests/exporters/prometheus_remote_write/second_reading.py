"""
What metrics become by the letter of the specification ("Prometheus and OpenMetrics Compatibility"), slow and plain.

Shares nothing with the exporter.  Cumulative metrics, with names escaped and given suffixes, and without target_info.
Samples only: native histograms have a comparison of their own.
"""

import base64
import json
import math
import re
import struct
from collections import defaultdict
from decimal import Decimal

STALE = bytes.fromhex("020000000000f07f")
CUMULATIVE = 2
UNITS = {"": [], "1": [], "By/s": ["bytes", "per_second"], "{x}": [], "/": []}
"""Those that the comparison draws from."""


def expected(request, external_labels, *, has_scope):
    """
    Return the values that a sample may have, by its labels and its time in milliseconds: where several data points are
    about the same, any of them will do.
    """
    answer = defaultdict(set)
    for labels, metric, point in _points(request, external_labels, has_scope=has_scope):
        for name, value, extra in _samples(metric, point):
            pairs = labels | extra | {"__name__": f"{metric_name(metric)}{name}"}
            key = tuple(sorted((label, text) for label, text in pairs.items() if text))
            answer[key, point.time_unix_nano // 1_000_000].add(value)
    return answer


def _points(request, external_labels, *, has_scope):
    """
    Yield all data points that there is something for, with the labels of all their series.
    """
    for resource_metrics in request.resource_metrics:
        own = _own(resource_metrics.resource)
        for scope_metrics in resource_metrics.scope_metrics:
            scope = _scope(scope_metrics) if has_scope else {}
            for metric in scope_metrics.metrics:
                for point in _cumulative(metric):
                    labels = labels_of((each.key, each.value) for each in point.attributes)
                    if labels is not None and point.time_unix_nano:
                        yield external_labels | labels | own | scope, metric, point


def _cumulative(metric):
    kind = metric.WhichOneof("data")
    if kind is None or not metric.name or metric_name(metric) is None:
        return ()
    data = getattr(metric, kind)
    return data.data_points if getattr(data, "aggregation_temporality", CUMULATIVE) == CUMULATIVE else ()


def _own(resource):
    texts = {each.key: text(each.value) for each in resource.attributes}
    service = texts.get("service.name", "")
    job = "/".join(part for part in (texts.get("service.namespace", ""), service) if part) if service else ""
    return {name: value for name, value in (("job", job), ("instance", texts.get("service.instance.id"))) if value}


def _scope(scope_metrics):
    scope = scope_metrics.scope
    others = [each for each in scope.attributes if each.key not in {"name", "version", "schema_url"}]
    labels = labels_of((f"otel_scope_{each.key}", each.value) for each in others)
    labels |= {"otel_scope_name": scope.name, "otel_scope_version": scope.version}
    labels["otel_scope_schema_url"] = scope_metrics.schema_url
    return {name: value for name, value in labels.items() if value}


def _samples(metric, point):
    """
    Yield the suffix, the value and the labels beside those of the point.
    """
    match metric.WhichOneof("data"):
        case "gauge" | "sum" if point.flags & 1:
            yield "", STALE, {}
        case "gauge" | "sum" if kind := point.WhichOneof("value"):
            yield "", bits(getattr(point, kind)), {}
        case "histogram":
            yield from _histogram(point)
        case "summary":
            yield "_sum", bits(point.sum), {}
            yield "_count", bits(point.count), {}
            for each in point.quantile_values:
                yield "", bits(each.value), {"quantile": number(each.quantile)}


def _histogram(point):
    if point.HasField("sum"):
        yield "_sum", bits(point.sum), {}
    yield "_count", bits(point.count), {}
    below = 0
    bounds = list(point.explicit_bounds)[: len(point.bucket_counts)]
    for bound, count in zip(bounds, point.bucket_counts, strict=False):
        below += count
        if not (bound == math.inf and len(bounds) == bounds.index(bound) + 1):
            yield "_bucket", bits(below), {"le": number(bound)}
    yield "_bucket", bits(point.count), {"le": "+Inf"}


def bits(value):
    return struct.pack("<d", float(value))


def number(value):
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    digits = format(Decimal(repr(value)), "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def text(value):
    match value.WhichOneof("value"):
        case None:
            return ""
        case "string_value":
            return value.string_value
        case "int_value":
            return str(value.int_value)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "array_value":
            return json.dumps([text(each) or None for each in value.array_value.values])


def labels_of(attributes):
    """
    Return the labels; None if an attribute has no name that a label could have.
    """
    answer = defaultdict(list)
    for key, value in sorted((key, text(value)) for key, value in attributes):
        if key == "__name__":
            continue
        if (name := label_name(key)) is None:
            return None
        answer[name].append(value)
    return {name: ";".join(values) for name, values in answer.items()}


def label_name(key):
    name = re.sub("[^a-zA-Z0-9_]", "_", key)
    if not name.strip("_"):
        return None
    reserved = re.fullmatch("__(.+)__", name)
    name = f"__{re.sub('_+', '_', reserved[1])}__" if reserved else re.sub("_+", "_", name)
    return f"key_{name}" if name[0].isdigit() else name


def metric_name(metric):
    """
    Return the name without the suffix of one of several series; None if nothing is left of it.
    """
    kind, words = metric.WhichOneof("data"), [word for word in re.split("[^a-zA-Z0-9:]+", metric.name) if word]
    words += [word for word in UNITS[metric.unit] if word not in words]
    last = None
    if kind == "sum" and metric.sum.is_monotonic:
        last = "total"
    elif kind == "gauge" and metric.unit == "1":
        last = "ratio"
    if last:
        words = [word for word in words if word != last] + [last]
    name = "_".join(words)
    return (f"_{name}" if name[0].isdigit() else name) if name else None
