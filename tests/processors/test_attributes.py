import dataclasses
import hashlib
import struct

import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from pydantic import ValidationError

from collector.batch import Batch, Signal
from collector.errors import ConfigError
from collector.testing import make_batch, make_log, make_logs, make_metrics, make_spans, run_processor, settings
from processors.attributes import AttributesConfig, factory


def changed(attributes, *actions, metadata=None, **rest):
    """
    The attributes of one span that had these.
    """
    batch = make_spans({"attributes": attributes})
    batch.metadata = metadata or {}
    return dict(one(processor(actions=actions, **rest).process(batch)))


def processor(id_="attributes", **config):
    return factory.build(AttributesConfig.model_validate(config), settings(id_))


def one(batch):
    (record,) = run_processor("{}", batch).records
    return record


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("action", "there", "not_there"),
    [("insert", {"k": "old"}, {"k": "new"}), ("update", {"k": "new"}, {}), ("upsert", {"k": "new"}, {"k": "new"})],
)
def test_insert_update_and_upsert_differ_in_whether_the_key_has_to_be_there(action, there, not_there):
    assert there == changed({"k": "old"}, {"key": "k", "value": "new", "action": action})
    assert not_there == changed({}, {"key": "k", "value": "new", "action": action})


@pytest.mark.parametrize("value", ["text", "", 7, -1, 1.5, True, False, ["a", 1], {"a": {"b": None}}])
def test_a_value_has_the_type_it_has_in_yaml(value):
    (result,) = changed({}, {"key": "k", "value": value, "action": "insert"}).values()

    assert (type(value), value) == (type(result), result)


def test_the_name_of_an_action_may_be_upper_case():
    assert {} == changed({"k": 1}, {"key": "k", "action": "DELETE"})


@pytest.mark.parametrize(("pattern", "left"), [("id$", [b""]), ("^$", [b"\n\x02id"]), (".*", [])])
def test_an_attribute_that_has_no_bytes_goes_only_if_it_is_meant(pattern, left):
    batch = make_spans({})
    (span,) = (span for r in batch.request.resource_spans for s in r.scope_spans for span in s.spans)
    del span.attributes[:]
    span.attributes.extend([KeyValue(), KeyValue(key="id")])
    wire = batch.request.SerializeToString()

    result = processor(actions=[{"pattern": pattern, "action": "delete"}]).process(Batch(Signal.TRACES, wire=wire))

    (span,) = (span for r in result.request.resource_spans for s in r.scope_spans for span in s.spans)
    assert left == [attribute.SerializeToString() for attribute in span.attributes]


def test_actions_are_done_in_their_order():
    assert {"b": "x", "c": "x"} == changed(
        {"a": "x"},
        {"key": "b", "from_attribute": "a", "action": "insert"},
        {"key": "c", "from_attribute": "b", "action": "insert"},
        {"key": "a", "action": "delete"},
    )


@pytest.mark.parametrize("value", ["x", 7, [1, {"a": b"b"}], "y" * 500])
def test_from_attribute_copies_a_value_of_any_type(value):
    assert {"a": value, "b": value} == changed(
        {"a": value, "b": "old"}, {"key": "b", "from_attribute": "a", "action": "upsert"}
    )


def test_from_attribute_without_its_source_does_nothing():
    assert {"b": 1} == changed({"b": 1}, {"key": "b", "from_attribute": "a", "action": "upsert"})


def test_default_value_is_for_a_source_that_is_not_there():
    action = {"key": "b", "from_attribute": "a", "default_value": "none", "action": "insert"}

    assert {"b": "none"} == changed({}, action)
    assert {"a": 1, "b": 1} == changed({"a": 1}, action)


def test_from_context_is_a_header_whatever_its_case():
    action = {"key": "tenant", "from_context": "metadata.X-Tenant", "action": "upsert"}

    assert {"tenant": "shop"} == changed({}, action, metadata={"x-tenant": "shop"})
    assert {} == changed({}, action)
    assert {"tenant": 0} == changed({}, {**action, "default_value": 0})


def test_from_context_may_leave_out_the_prefix():
    assert {"t": "shop"} == changed(
        {}, {"key": "t", "from_context": "x-t", "action": "insert"}, metadata={"x-t": "shop"}
    )


def test_a_header_that_is_no_text_costs_no_batch():
    """
    Headers are bytes, and what is no UTF-8 in them is kept as surrogates.
    """
    action = {"key": "t", "from_context": "metadata.t", "action": "insert"}

    assert {"t": "a\ufffd"} == changed({}, action, metadata={"t": b"a\xff".decode(errors="surrogateescape")})


def test_delete_takes_a_key_and_a_pattern():
    attributes = {"a": 1, "secret.b": 2, "c.secret": 3, "d": 4}

    assert {"d": 4} == changed(attributes, {"key": "a", "pattern": "secret", "action": "delete"})
    assert {"a": 1, "c.secret": 3, "d": 4} == changed(attributes, {"pattern": "^secret", "action": "delete"})


@pytest.mark.parametrize(
    ("value", "hashed"),
    [
        ("alice", sha(b"alice")),
        ("é" * 300, sha("é".encode() * 300)),
        ("", ""),
        (True, sha(b"\x01")),
        (False, sha(b"\x00")),
        (7, sha(struct.pack("<q", 7))),
        (-1, sha(b"\xff" * 8)),
        (1.5, sha(struct.pack("<d", 1.5))),
        (b"bytes", ""),
        (["alice"], ""),
        ({"a": "alice"}, ""),
    ],
)
def test_hash_is_the_sha_256_of_the_bytes_of_a_value(value, hashed):
    assert {"k": hashed} == changed({"k": value}, {"key": "k", "action": "hash"})


def test_hash_takes_a_pattern():
    assert {"user.id": sha(b"a"), "user.name": sha(b"b"), "x": "c"} == changed(
        {"user.id": "a", "user.name": "b", "x": "c"}, {"pattern": "^user\\.", "action": "hash"}
    )


def test_extract_makes_attributes_of_groups_and_overwrites():
    action = {"key": "url", "pattern": "^(?P<scheme>[a-z]+)://(?P<host>[^/]+)(?P<path>/.*)?", "action": "extract"}

    assert {"url": "http://x.org", "scheme": "http", "host": "x.org", "path": ""} == changed(
        {"url": "http://x.org", "host": "old"}, action
    )


@pytest.mark.parametrize("value", ["no match", 7, b"http://x", ["http://x"]])
def test_extract_does_nothing_without_a_match_in_a_text(value):
    action = {"key": "url", "pattern": "^(?P<scheme>[a-z]+)://", "action": "extract"}

    assert {"url": value} == changed({"url": value}, action)


@pytest.mark.parametrize(
    ("value", "type_", "converted"),
    [
        ("42", "int", 42),
        ("+042", "int", 42),
        ("-7", "int", -7),
        ("0" * 5000 + "1", "int", 1),
        ("9223372036854775807", "int", 2**63 - 1),
        ("9223372036854775808", "int", "9223372036854775808"),
        ("9" * 5000, "int", "9" * 5000),
        ("1.5", "int", "1.5"),
        (" 1", "int", " 1"),
        ("1_0", "int", "1_0"),
        ("\u0663", "int", "\u0663"),
        ("", "int", ""),
        (2.9, "int", 2),
        (-2.9, "int", -2),
        (1e300, "int", 1e300),
        (True, "int", 1),
        ([1], "int", [1]),
        ("1.5", "double", 1.5),
        ("1e3", "double", 1000.0),
        ("1e999", "double", "1e999"),
        ("-Inf", "double", float("-inf")),
        ("one", "double", "one"),
        (3, "double", 3.0),
        (False, "double", 0.0),
        (b"1", "double", b"1"),
        (42, "string", "42"),
        (1.0, "string", "1"),
        (True, "string", "true"),
        ([1, "a"], "string", '[1,"a"]'),
        ({"a": 1.5}, "string", '{"a":1.5}'),
        (b"\x00\xff", "string", "AP8="),
        ("x", "string", "x"),
    ],
)
def test_convert_leaves_what_it_cannot_convert(value, type_, converted):
    (result,) = changed({"k": value}, {"key": "k", "converted_type": type_, "action": "convert"}).values()

    assert (type(converted), converted) == (type(result), result)


def test_convert_of_nan_to_an_integer_leaves_it():
    (result,) = changed({"k": float("nan")}, {"key": "k", "converted_type": "int", "action": "convert"}).values()

    assert isinstance(result, float)


def test_an_allow_list_deletes_all_other_keys_after_the_actions():
    attributes = {"a": 1, "http.route": 2, "http.method": 3, "x": 4}
    action = {"key": "new", "value": 5, "action": "insert"}

    assert {"a": 1, "http.route": 2, "http.method": 3} == changed(
        attributes, action, keep_keys=["a"], keep_key_patterns=["^http\\."]
    )
    assert {"a": 1, "new": 5} == changed(attributes, action, keep_keys=["a", "new"])


def passed(limited, values, key="route"):
    return [dict(one(limited.process(make_spans({"attributes": {key: value, "x": value}}))))[key] for value in values]


def test_a_limit_keeps_the_first_values_of_a_key_and_makes_one_of_the_others():
    limited = processor(limit={"max_values_per_key": 2, "keys": ["route"]})

    assert ["a", "b", "_OTHER", "a", "_OTHER", "b"] == passed(limited, ["a", "b", "c", "a", "d", "b"])
    assert "q" == dict(one(limited.process(make_spans({"attributes": {"other": "q"}}))))["other"]


def test_values_of_different_types_are_different_values():
    limited = processor(limit={"max_values_per_key": 2, "keys": ["route"], "overflow_value": "rest"})

    assert [1, "1", "rest", 1] == passed(limited, [1, "1", True, 1])


def test_long_values_are_told_apart_too():
    limited = processor(limit={"max_values_per_key": 1, "keys": ["route"]})

    assert ["x" * 500, "_OTHER", "x" * 500] == passed(limited, ["x" * 500, "x" * 499 + "y", "x" * 500])


def test_the_overflow_value_itself_does_not_count():
    limited = processor(limit={"max_values_per_key": 1, "keys": ["route"]})

    assert ["_OTHER", "a", "_OTHER"] == passed(limited, ["_OTHER", "a", "b"])


def test_a_limit_without_keys_is_for_all_of_them():
    limited = processor(limit={"max_values_per_key": 1})
    first, second = (make_spans({"attributes": {"a": value, "b": value}}) for value in (1, 2))

    assert {"a": 1, "b": 1} == dict(one(limited.process(first)))
    assert {"a": "_OTHER", "b": "_OTHER"} == dict(one(limited.process(second)))


def test_a_sender_of_many_keys_does_not_fill_the_memory():
    limited = processor(limit={"max_values_per_key": 5})
    attributes = {f"key{number}": "v" for number in range(1200)} | {"k" * 300: "v"}

    result = dict(one(limited.process(make_spans({"attributes": attributes}))))

    assert 1000 == list(result.values()).count("v")
    assert "_OTHER" == result["k" * 300]


def test_overflowing_values_are_counted_by_key():
    yaml = "attributes: {limit: {max_values_per_key: 1, keys: [route]}}"

    outcome = run_processor(yaml, *(make_batch(Signal.LOGS, 2, route=value) for value in "abc"))

    assert [("route", 4)] == [
        (dict(labels)["key"], value)
        for metric, labels, value in outcome.telemetry.samples()
        if metric.name == "pyotelcol_processor_attributes_overflowed_values"
    ]


def test_the_pipelines_of_one_component_share_what_they_have_seen():
    yaml = "attributes: {limit: {max_values_per_key: 1, keys: [route]}}"

    outcome = run_processor(yaml, make_batch(Signal.LOGS, 1, route="a"), make_batch(Signal.TRACES, 1, route="b"))

    assert ["a", "_OTHER"] == [record["route"] for record in outcome.records]


@pytest.mark.parametrize("kind", ["gauge", "sum", "histogram", "exponential_histogram", "summary"])
def test_points_of_all_kinds_are_changed_and_exemplars_are_not(kind):
    point = {"attributes": {"user.id": "a", "x": 1}}
    if kind != "summary":
        point["exemplars"] = [{"filtered_attributes": [{"key": "user.id", "value": {"string_value": "e"}}]}]
    batch = make_metrics({"kind": kind, "points": [point, point]})

    metric = one(processor(actions=[{"key": "user.id", "action": "delete"}]).process(batch))

    assert [{"x": 1}, {"x": 1}] == [dict(point) for point in metric.points]
    if kind != "summary":
        assert [[{"user.id": "e"}]] * 2 == [[dict(exemplar) for exemplar in point.exemplars] for point in metric.points]


def test_only_the_attributes_of_the_records_are_changed():
    everywhere = {"k": "v"}
    batch = make_spans(
        {"attributes": everywhere, "events": [{"attributes": everywhere}], "links": [{"attributes": everywhere}]},
        resource=everywhere,
    )

    span = one(processor(actions=[{"key": "k", "action": "delete"}]).process(batch))

    assert {} == dict(span)
    assert [everywhere] * 3 == [dict(each) for each in (span.resource, *span.events, *span.links)]


@pytest.mark.parametrize(
    ("include", "exclude", "names"),
    [
        ({"span_names": ["a", "b"]}, None, "ab"),
        (None, {"span_names": ["a", "b"]}, "c"),
        ({"span_names": ["a", "b"]}, {"attributes": [{"key": "n", "value": 2}]}, "a"),
        ({"span_kinds": ["SPAN_KIND_SERVER"]}, None, "c"),
        ({"services": ["shop"]}, None, "abc"),
        ({"services": ["other"]}, None, ""),
        ({"libraries": [{"name": "lib"}], "attributes": [{"key": "n", "value": 1}]}, None, "a"),
        ({"resources": [{"key": "service.name"}]}, {"span_kinds": ["SPAN_KIND_SERVER"]}, "ab"),
    ],
)
def test_include_and_exclude_say_which_spans_are_changed(include, exclude, names):
    batch = make_spans(
        {"name": "a", "attributes": {"n": 1, "k": "v"}},
        {"name": "b", "attributes": {"n": 2, "k": "v"}},
        {"name": "c", "attributes": {"n": 3, "k": "v"}, "kind": "server"},
        resource={"service.name": "shop"},
        scope="lib",
    )
    blocks = {
        name: {"match_type": "strict", **block} for name, block in (("include", include), ("exclude", exclude)) if block
    }

    for actions in ([{"key": "k", "action": "delete"}], [{"pattern": "^k$", "action": "delete"}]):
        result = processor(actions=actions, **blocks).process(batch)

        assert names == "".join(span.name for span in run_processor("{}", result).records if "k" not in span)


def test_include_says_which_log_records_are_changed():
    batch = make_logs(
        {"body": "AUTH failed", "severity_number": 17}, {"body": "AUTH done", "severity_number": 9}, {"body": "other"}
    )
    include = {"match_type": "regexp", "log_bodies": ["^AUTH"], "log_severity_number": {"min": 13}}

    result = processor(include=include, actions=[{"key": "k", "value": 1, "action": "insert"}]).process(batch)

    assert [{"k": 1}, {}, {}] == [dict(log) for log in run_processor("{}", result).records]


def test_include_says_which_metrics_are_changed():
    batch = make_metrics({"name": "a"}, {"name": "b", "kind": "sum"})
    include = {"match_type": "strict", "metric_names": ["b"]}

    result = processor(include=include, actions=[{"key": "k", "value": 1, "action": "insert"}]).process(batch)

    assert [{}, {"k": 1}] == [dict(metric.points[0]) for metric in run_processor("{}", result).records]


@pytest.mark.parametrize(
    ("key", "batch"),
    [
        ("span_names: [a]", make_batch(Signal.LOGS)),
        ("services: [a]", make_batch(Signal.METRICS)),
        ("log_bodies: [a]", make_batch(Signal.TRACES)),
        ("attributes: [{key: a}]", make_batch(Signal.METRICS)),
    ],
)
def test_a_condition_on_another_signal_is_a_mistake_in_the_configuration(key, batch):
    yaml = f"attributes: {{include: {{match_type: strict, {key}}}, actions: [{{key: a, action: delete}}]}}"

    with pytest.raises(ConfigError, match=f"include::{key.split(':')[0]}: is not about {batch.signal}"):
        run_processor(yaml, batch)


def test_built_for_no_signal_in_particular_it_takes_all():
    include = {"match_type": "strict", "span_names": ["span-0"]}
    config = AttributesConfig.model_validate({"include": include, "actions": [{"key": "a", "action": "delete"}]})

    assert factory.build(config, settings("attributes")).process(make_batch(Signal.TRACES, 1, a=1))
    with pytest.raises(ConfigError):
        factory.build(config, dataclasses.replace(settings("attributes"), signal=Signal.LOGS))


@pytest.mark.parametrize(
    ("action", "mistake"),
    [
        ({"action": "insert", "value": 1}, "the action insert needs a key"),
        ({"action": "delete"}, "needs a key or a pattern"),
        ({"action": "upsert", "key": "a"}, "needs one of value, from_attribute, from_context, default_value"),
        ({"action": "upsert", "key": "a", "value": 1, "from_attribute": "b"}, "only one of value, from_attribute"),
        ({"action": "upsert", "key": "a", "value": "", "from_context": "b"}, "only one of value, from_context"),
        ({"action": "delete", "key": "a", "value": 1}, "value has no meaning for the action delete"),
        ({"action": "hash", "key": "a", "value": ""}, "value has no meaning for the action hash"),
        ({"action": "insert", "key": "a", "value": 1, "pattern": "x"}, "pattern has no meaning for the action insert"),
        ({"action": "extract", "key": "a"}, "extract needs a pattern"),
        ({"action": "extract", "key": "a", "pattern": "x"}, "needs a group with a name"),
        ({"action": "extract", "key": "a", "pattern": "(?P<b>x)(y)"}, "every group in the pattern"),
        ({"action": "extract", "pattern": "(?P<b>x)"}, "the action extract needs a key"),
        ({"action": "delete", "pattern": "("}, "RE2 cannot run"),
        ({"action": "convert", "key": "a"}, "needs a converted_type: int, double, string"),
        ({"action": "convert", "key": "a", "converted_type": "bool"}, "'int', 'double' or 'string'"),
        ({"action": "rename", "key": "a"}, "'insert', 'update'"),
        ({"action": "insert", "key": "a", "from_context": "client.address"}, "client.address is not known here"),
        ({"action": "insert", "key": "a", "from_context": "auth.subject"}, "auth.subject is not known here"),
        ({"action": "insert", "key": "a", "from_context": "metadata."}, "needs the name of a header"),
        ({"action": "insert", "key": "a", "value": 2**64}, "[Oo]ut of range|out of range|64"),
    ],
)
def test_an_action_that_makes_no_sense_is_refused(action, mistake):
    with pytest.raises(ValidationError, match=mistake):
        AttributesConfig.model_validate({"actions": [action]})


@pytest.mark.parametrize(
    ("config", "mistake"),
    [
        ({}, "needs at least one of actions, keep_keys, keep_key_patterns, limit"),
        ({"keep_keys": []}, "at least 1 item"),
        ({"limit": {}}, "max_values_per_key"),
        ({"limit": {"max_values_per_key": 0}}, "greater than or equal to 1"),
        ({"limit": {"max_values_per_key": 1, "keys": []}}, "at least 1 item"),
    ],
)
def test_a_configuration_that_does_nothing_is_refused(config, mistake):
    with pytest.raises(ValidationError, match=mistake):
        AttributesConfig.model_validate(config)


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS, Signal.METRICS])
@pytest.mark.parametrize("actions", [[{"key": "k", "action": "delete"}], [{"pattern": "^k$", "action": "delete"}]])
def test_a_batch_in_which_nothing_changes_is_the_very_one_that_came(signal, actions):
    batch = make_batch(signal, 3, other="k")

    assert batch is processor(actions=actions).process(batch)


def test_metadata_and_count_go_on():
    batch = make_batch(Signal.TRACES, 3, k="v")
    batch.metadata = {"x-tenant": "shop"}

    result = processor(actions=[{"key": "k", "action": "delete"}]).process(batch)

    assert ({"x-tenant": "shop"}, 3) == (result.metadata, len(result))
    assert 3 == len(Batch(Signal.TRACES, wire=result.wire))


def test_many_keys_are_deleted_at_once():
    """
    More than are looked for one by one.
    """
    keys = [f"key{number}" for number in range(9)]

    assert {"x": 1} == changed(dict.fromkeys(keys, "v") | {"x": 1}, *({"key": key, "action": "delete"} for key in keys))


def test_keys_and_values_may_be_long():
    key, value = "k" * 200, "v" * 20_000

    assert {"x": 1} == changed({key: value, "x": 1}, {"key": key, "action": "delete"})
    assert {key: sha(value.encode())} == changed({key: value}, {"key": key, "action": "hash"})
    assert {"a": sha(value.encode())} == changed({"a": value}, {"key": "a", "action": "hash"})


def test_a_log_body_is_left_alone():
    log = make_log(body={"k": "v"}, attributes={"k": "v"})
    batch = make_logs({"body": {"k": "v"}, "attributes": {"k": "v"}})

    result = one(processor(actions=[{"key": "k", "action": "delete"}]).process(batch))

    assert (log.body, {}) == (result.body, dict(result))


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS, Signal.METRICS])
def test_many_records_with_keys_in_any_order_are_all_changed(signal):
    """
    Records are changed in portions, and keys are looked for in the order in which they came last.
    """
    orders = ["abc", "cab", "ba", "c", "bxa", ""]
    records = [{"attributes": dict.fromkeys(orders[index % 6], "v")} for index in range(200)]
    batch = {
        Signal.TRACES: lambda: make_spans(*records),
        Signal.LOGS: lambda: make_logs(*records),
        Signal.METRICS: lambda: make_metrics({"points": [{"value": 1, **record} for record in records]}),
    }[signal]()
    actions = [
        {"key": "a", "action": "delete"},
        {"key": "b", "value": "w", "action": "upsert"},
        {"key": "c", "action": "hash"},
        {"key": "b", "from_context": "metadata.x", "action": "insert"},
    ]

    result = run_processor("{}", processor(actions=actions).process(batch)).records

    points = result[0].points if signal is Signal.METRICS else result
    hashed = {"c": sha(b"v")}
    expected = [
        {**hashed, "b": "w"},
        {**hashed, "b": "w"},
        {"b": "w"},
        {**hashed, "b": "w"},
        {"b": "w", "x": "v"},
        {"b": "w"},
    ]
    assert [expected[index % 6] for index in range(200)] == [dict(point) for point in points]
