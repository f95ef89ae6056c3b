import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collector.records.values import write_pair
from exporters.prometheus_remote_write.labels import Labels, ResourceLabels, ScopeLabels, label_name, label_set
from exporters.prometheus_remote_write.names import NamelessError
from exporters.prometheus_remote_write.rules import LabelRules, ResourceRules, Rules, Strategy

LOGGER = logging.getLogger(__name__)
RULES = Rules()
STRICT, PREFIXED, KEPT = LabelRules(), LabelRules(prefix_underscore=True), LabelRules(keep_multiple_underscores=True)


@pytest.mark.parametrize(
    ("key", "rules", "expected"),
    [
        ("label:with:colons", STRICT, "label_with_colons"),
        ("label.with.dots", STRICT, "label_with_dots"),
        ("123label", STRICT, "key_123label"),
        (".foo", STRICT, "_foo"),
        (".foo", PREFIXED, "key_foo"),
        ("__foo", PREFIXED, "key_foo"),
        ("label__with__double__underscores", STRICT, "label_with_double_underscores"),
        ("label__with__double__underscores", KEPT, "label__with__double__underscores"),
        ("__reserved__label__name__", STRICT, "__reserved_label_name__"),
        ("__reserved__", PREFIXED, "__reserved__"),
        ("label!with&special$chars)", STRICT, "label_with_special_chars_"),
        ("a..b", KEPT, "a__b"),
    ],
)
def test_keys_become_names_of_labels(key, rules, expected):
    assert expected == label_name(key, rules, escapes=True)


@pytest.mark.parametrize("key", ["ようこそ", "", "__", "_", "____", "_____"])
@pytest.mark.parametrize("rules", [STRICT, PREFIXED, KEPT])
def test_a_key_of_which_nothing_is_left_is_an_error(key, rules):
    with pytest.raises(NamelessError):
        label_name(key, rules, escapes=True)


def test_keys_stay_what_they_are_in_utf_8_but_for_the_empty_one():
    assert "ようこそ" == label_name("ようこそ", STRICT, escapes=False)
    with pytest.raises(NamelessError):
        label_name("", STRICT, escapes=False)


@given(st.text(max_size=10), st.booleans(), st.booleans())
def test_escaped_names_are_those_that_every_receiver_takes(key, prefix, keep):
    try:
        name = label_name(key, LabelRules(prefix_underscore=prefix, keep_multiple_underscores=keep), escapes=True)
    except NamelessError:
        return

    assert name.isascii()
    assert name.isidentifier()


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"a.b": "1", "a_b": "2"}, {"a_b": "1;2"}),
        ({"a_b": "3", "a.b": "2", "a-b": "1"}, {"a_b": "1;2;3"}),
        ({"a.b": "1", "a_b": "2", "c.d": "3", "c-d": "4", "e": "5"}, {"a_b": "1;2", "c_d": "4;3", "e": "5"}),
        ({"__name__": "x", "e": "5"}, {"e": "5"}),
    ],
)
def test_values_of_attributes_that_become_one_label_stand_side_by_side(attributes, expected):
    assert expected == Labels(Rules(), LOGGER).joined(list(attributes.items()))


def test_joining_is_said_once_with_the_original_keys(caplog):
    labels = Labels(Rules(), LOGGER)

    for _ in range(3):
        labels.joined([("a.b", "1"), ("a_b", "2")])

    assert ["attributes a.b, a_b become one label a_b"] == caplog.messages


def resource(attributes, rules=RULES):
    wire = Resource().SerializeToString() + b"".join(
        b"\x0a" + bytes([len(pair)]) + pair for pair in (write_pair(k, v, 10) for k, v in attributes.items())
    )
    return ResourceLabels(wire, Labels(rules, LOGGER))


def labels_of(attributes, *, of=None, scope=None, rules=RULES, schema_url=""):
    labels = Labels(rules, LOGGER)
    scope_labels = ScopeLabels((scope or InstrumentationScope()).SerializeToString(), schema_url.encode(), labels)
    named = label_set("m", list(attributes.items()), resource(of or {}, rules), scope_labels, labels)
    assert "m" == named.pop("__name__")
    return named


def test_precedence_of_the_point_over_promoted_attributes_and_of_job_and_instance_over_the_point():
    rules = Rules(
        resources=ResourceRules(promote=frozenset({"existent-attr", "metric-attr", "job", "instance", "absent"}))
    )
    of = {
        "service.name": "service name",
        "service.instance.id": "service ID",
        "existent-attr": "resource value",
        "metric-attr": "resource value",
        "job": "resource value",
        "instance": "resource value",
    }

    expected = {
        "existent_attr": "resource value",
        "metric_attr": "metric value",
        "metric_attr_other": "metric value other",
        "job": "service name",
        "instance": "service ID",
    }
    point = {"metric-attr": "metric value", "metric-attr-other": "metric value other"}
    assert expected == labels_of(point, of=of, rules=rules)
    assert expected == labels_of(point | {"job": "mine", "instance": "mine"}, of=of, rules=rules)


def test_external_labels_fill_gaps_and_scope_labels_replace():
    rules = Rules(external_labels={"cluster": "c1", "zone": "z1", "otel_scope_name": "external"})
    scope = InstrumentationScope(name="lib", version="1")

    expected = {"cluster": "mine", "zone": "z1", "otel_scope_name": "lib", "otel_scope_version": "1"}
    assert expected == labels_of({"cluster": "mine", "otel_scope_name": "point"}, scope=scope, rules=rules)


def test_attributes_of_a_scope_are_labels_but_for_those_that_are_called_like_its_fields():
    scope = InstrumentationScope(name="lib")
    for key in ("build.id", "name", "version", "schema_url"):
        scope.attributes.add(key=key).value.string_value = "x"

    expected = {"otel_scope_name": "lib", "otel_scope_build_id": "x", "otel_scope_schema_url": "https://s/1"}
    assert expected == labels_of({}, scope=scope, schema_url="https://s/1")
    assert {} == labels_of({}, scope=scope, rules=Rules(scope_labels=False))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"service.name": "cart", "service.namespace": "shop"}, {"job": "shop/cart"}),
        ({"service.name": "cart", "service.instance.id": "i"}, {"job": "cart", "instance": "i"}),
        ({"service.namespace": "shop"}, {}),
        ({"host.name": "h"}, {}),
    ],
)
def test_job_and_instance(attributes, expected):
    assert expected == labels_of({}, of=attributes)


def test_all_attributes_of_a_resource_may_be_promoted_but_for_some():
    rules = Rules(resources=ResourceRules(promote_all=True, ignore=frozenset({"b"})))

    assert {"a": "1", "job": "s", "service_name": "s"} == labels_of(
        {}, of={"a": 1, "b": 2, "service.name": "s"}, rules=rules
    )


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        (False, {"a_b": "1;2", "host": "point", "job": "s", "service_name": "s"}),
        (True, {"a_b": "1;2", "host": "point", "job": "s"}),
    ],
)
def test_copied_attributes_of_a_resource_are_joined_with_those_of_the_point_but_never_replace_them(exclude, expected):
    rules = Rules(resources=ResourceRules(copy_all=True, exclude_service_attributes=exclude))

    assert expected == labels_of(
        {"a.b": "1", "host": "point"}, of={"a_b": 2, "host": "h", "service.name": "s"}, rules=rules
    )


SERVICE = {"service.name": "cart", "service.namespace": "shop", "service.instance.id": "i"}


@pytest.mark.parametrize(
    "attributes", [{}, SERVICE, {"host.name": "h"}, {"service.namespace": "shop", "host.name": "h"}]
)
def test_there_is_no_target_info_without_job_or_instance_or_anything_else_to_say(attributes):
    assert resource(attributes).target_info is None


@pytest.mark.parametrize(
    ("rules", "name", "more"),
    [
        (Rules(), "target_info", {}),
        (Rules(namespace="app"), "app_target_info", {}),
        (Rules(namespace="app", strategy=Strategy.AS_THEY_ARE), "app_target_info", None),
        (Rules(external_labels={"host_name": "no", "zone": "z"}), "target_info", {"zone": "z"}),
        (
            Rules(resources=ResourceRules(keep_identifying=True)),
            "target_info",
            {"service_name": "cart", "service_namespace": "shop", "service_instance_id": "i"},
        ),
    ],
)
def test_target_info_has_what_job_and_instance_do_not_say(rules, name, more):
    labels = dict(resource(SERVICE | {"host.name": "h", "empty": ""}, rules).target_info.pairs)

    host = {"host.name" if more is None else "host_name": "h"}
    assert {"__name__": name, "job": "shop/cart", "instance": "i", **host, **(more or {})} == labels


def test_target_info_may_be_switched_off():
    assert resource(SERVICE | {"host.name": "h"}, Rules(resources=ResourceRules(target_info=False))).target_info is None


def test_an_attribute_of_a_resource_that_cannot_be_a_label_costs_itself_only(caplog):
    labels = resource(SERVICE | {"host.name": "h", "ようこそ": "x"}).target_info

    assert "h" == dict(labels.pairs)["host_name"]
    assert 1 == len(caplog.messages)
