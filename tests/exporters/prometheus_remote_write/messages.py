"""Both requests of remote write as ordinary message classes, declared from the specifications' field tables.

They share nothing with the writers, so that what one writes is read by another.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_SPAN = {"offset": (1, "sint32"), "length": (2, "uint32")}
_HISTOGRAM = {
    "count_int": (1, "uint64"),
    "count_float": (2, "double"),
    "sum": (3, "double"),
    "schema": (4, "sint32"),
    "zero_threshold": (5, "double"),
    "zero_count_int": (6, "uint64"),
    "zero_count_float": (7, "double"),
    "negative_spans": (8, "*BucketSpan"),
    "negative_deltas": (9, "*sint64"),
    "negative_counts": (10, "*double"),
    "positive_spans": (11, "*BucketSpan"),
    "positive_deltas": (12, "*sint64"),
    "positive_counts": (13, "*double"),
    "reset_hint": (14, "int32"),
    "timestamp": (15, "int64"),
}
_V1 = {
    "WriteRequest": {"timeseries": (1, "*TimeSeries"), "metadata": (3, "*MetricMetadata")},
    "TimeSeries": {
        "labels": (1, "*Label"),
        "samples": (2, "*Sample"),
        "exemplars": (3, "*Exemplar"),
        "histograms": (4, "*Histogram"),
    },
    "Label": {"name": (1, "string"), "value": (2, "string")},
    "Sample": {"value": (1, "double"), "timestamp": (2, "int64")},
    "Exemplar": {"labels": (1, "*Label"), "value": (2, "double"), "timestamp": (3, "int64")},
    "MetricMetadata": {
        "type": (1, "int32"),
        "metric_family_name": (2, "string"),
        "help": (4, "string"),
        "unit": (5, "string"),
    },
    "Histogram": _HISTOGRAM,
    "BucketSpan": _SPAN,
}
_V2 = {
    "Request": {"symbols": (4, "*string"), "timeseries": (5, "*TimeSeries")},
    "TimeSeries": {
        "labels_refs": (1, "*uint32"),
        "samples": (2, "*Sample"),
        "histograms": (3, "*Histogram"),
        "exemplars": (4, "*Exemplar"),
        "metadata": (5, "Metadata"),
    },
    "Sample": {"value": (1, "double"), "timestamp": (2, "int64"), "start_timestamp": (3, "int64")},
    "Exemplar": {"labels_refs": (1, "*uint32"), "value": (2, "double"), "timestamp": (3, "int64")},
    "Metadata": {"type": (1, "int32"), "help_ref": (3, "uint32"), "unit_ref": (4, "uint32")},
    "Histogram": _HISTOGRAM | {"custom_values": (16, "*double"), "start_timestamp": (17, "int64")},
    "BucketSpan": _SPAN,
}


def _class(package, root, messages):
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        target = file.message_type.add(name=name)
        for field, (number, declaration) in fields.items():
            label = _Field.LABEL_REPEATED if declaration.startswith("*") else _Field.LABEL_OPTIONAL
            type_ = declaration.removeprefix("*")
            declared = target.field.add(name=field, number=number, label=label)
            if type_ in messages:
                declared.type, declared.type_name = _Field.TYPE_MESSAGE, f".{package}.{type_}"
            else:
                declared.type = getattr(_Field, f"TYPE_{type_.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{root}"))


WriteRequest = _class("v1", "WriteRequest", _V1)
Request = _class("v2", "Request", _V2)


def is_known(message):
    """
    Whether every field of a message, and of those in it, was declared.
    """
    copy = type(message)()
    copy.CopyFrom(message)
    copy.DiscardUnknownFields()
    return copy.ByteSize() == message.ByteSize()


def labels_v1(pairs):
    return {label.name: label.value for label in pairs}


def labels_v2(request, refs):
    texts = [request.symbols[ref] for ref in refs]
    return dict(zip(texts[::2], texts[1::2], strict=True))
