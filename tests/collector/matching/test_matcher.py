"""
Which records are meant.
"""

import pytest

from collector.batch import Signal
from collector.errors import ConfigError
from collector.matching.config import MatchProperties
from collector.matching.matcher import matcher
from collector.records.views import Resource
from collector.testing import make_log, make_metric, make_span


def strict(**properties):
    return MatchProperties(match_type="strict", **properties)


def regexp(**properties):
    return MatchProperties(match_type="regexp", **properties)


def spans(include=None, exclude=None):
    return matcher(include, exclude, Signal.TRACES)


def logs(include=None, exclude=None):
    return matcher(include, exclude, Signal.LOGS)


def test_without_include_and_exclude_everything_is_meant():
    assert spans() is None


@pytest.mark.parametrize(("name", "meant"), [("GET /", True), ("POST /", True), ("GET", False), ("GET /cart", False)])
def test_strict_names_are_compared_as_they_are_and_one_is_enough(name, meant):
    assert meant is spans(strict(span_names=["GET /", "POST /"]))(make_span(name=name))


@pytest.mark.parametrize(("name", "meant"), [("GET /cart", True), ("a GET /", True), ("POST /", False)])
def test_patterns_are_found_anywhere(name, meant):
    assert meant is spans(regexp(span_names=["GET", "^PUT"]))(make_span(name=name))


def test_a_long_text_is_looked_at_as_well():
    assert spans(regexp(span_names=["end$"]))(make_span(name="x" * 1000 + "end"))


def test_keys_are_met_all_together():
    match = spans(strict(span_names=["a"], span_kinds=["SPAN_KIND_SERVER"]))

    meant = [match(make_span(name=name, kind=kind)) for name in "ab" for kind in ("server", "client")]

    assert [True, False, False, False] == meant


def test_what_is_included_may_be_excluded_again():
    match = spans(strict(services=["shop"]), strict(span_names=["health"]))

    meant = [
        match(make_span(name=name, resource={"service.name": service}))
        for service in ("shop", "bank")
        for name in ("health", "cart")
    ]

    assert [False, True, False, False] == meant


def test_without_include_all_but_the_excluded_are_meant():
    match = spans(exclude=strict(span_names=["health"]))

    assert [False, True] == [match(make_span(name=name)) for name in ("health", "cart")]


def test_a_service_without_a_name_has_one_that_can_be_asked_for():
    assert spans(strict(services=["<nil-service-name>"]))(make_span())


@pytest.mark.parametrize(
    ("value", "meant"),
    [(1, True), (True, False), ("1", False), (1.0, False), (2, False), (None, False)],
)
def test_strict_values_have_the_same_type(value, meant):
    assert meant is spans(strict(attributes=[{"key": "n", "value": 1}]))(make_span(attributes={"n": value}))


@pytest.mark.parametrize(
    ("wanted", "found", "meant"),
    [
        (["a", 1], ["a", 1], True),
        (["a", 1], ["a", True], False),
        (["a"], ["a", "b"], False),
        ({"x": 1}, {"x": 1}, True),
        ({"x": 1}, {"x": 1.0}, False),
        ({"x": 1}, {"y": 1}, False),
    ],
)
def test_lists_and_maps_are_compared_with_all_they_hold(wanted, found, meant):
    match = spans(strict(attributes=[{"key": "k", "value": wanted}]))

    assert meant is match(make_span(attributes={"k": found}))


@pytest.mark.parametrize(
    ("pattern", "value", "meant"),
    [
        ("^2", 200, True),
        ("^t", True, True),
        ("^1.5$", 1.5, True),
        ("^1$", 1.0, True),
        ("o", "foo", True),
        ("o", b"foo", False),
        ("o", ["foo"], False),
        ("", None, False),
    ],
)
def test_patterns_see_numbers_and_booleans_as_text(pattern, value, meant):
    match = spans(regexp(attributes=[{"key": "k", "value": pattern}]))

    assert meant is match(make_span(attributes={"k": value}))


def test_an_attribute_without_a_value_has_only_to_be_there():
    match = spans(regexp(attributes=[{"key": "k"}]))

    assert [True, False] == [match(make_span(attributes={key: 1})) for key in ("k", "kk")]


def test_a_record_has_to_have_all_attributes():
    match = spans(strict(attributes=[{"key": "a"}, {"key": "b", "value": "x"}]))
    found = [{"a": 1, "b": "x"}, {"a": 1}, {"b": "x"}, {}]

    assert [True, False, False, False] == [match(make_span(attributes=attributes)) for attributes in found]


def test_a_resource_has_to_have_all_of_its_attributes():
    match = spans(strict(resources=[{"key": "env", "value": "dev"}, {"key": "zone"}]))
    found = [{"env": "dev", "zone": "a"}, {"env": "dev"}, {"zone": "a"}, {"env": "prod", "zone": "a"}, {}]

    assert [True, False, False, False, False] == [match(make_span(resource=resource)) for resource in found]


def test_a_resource_is_looked_at_once_for_all_its_scopes():
    looks = []

    class Counted(Resource):
        def get(self, key, default=None):
            looks.append(key)
            return super().get(key, default)

    match, scope = spans(strict(services=["a"])), make_span().scope
    resources = [Counted(), Counted()]

    assert [False] * 6 == [match.within(resource, scope) for resource in resources for _ in range(3)]
    assert ["service.name"] * 2 == looks


def test_two_values_of_one_resource_attribute_are_a_pattern():
    match = spans(regexp(resources=[{"key": "env", "value": "^(dev|test)$"}]))

    assert [True, True, False] == [match(make_span(resource={"env": env})) for env in ("dev", "test", "prod")]


@pytest.mark.parametrize(
    ("library", "meant"),
    [
        ({"name": "django"}, True),
        ({"name": "django", "version": ""}, True),
        ({"name": "django", "version": "1"}, False),
        ({"name": "flask"}, False),
    ],
)
def test_the_version_of_a_library_counts_if_it_is_given(library, meant):
    assert meant is spans(strict(libraries=[library]))(make_span(scope="django"))


def test_a_scope_has_to_match_all_libraries_as_in_the_collector():
    match = spans(regexp(libraries=[{"name": "django"}, {"name": "^io", "version": ""}, {"name": "."}]))

    assert [True, False, False] == [match(make_span(scope=scope)) for scope in ("io.django", "django", "io.flask")]


@pytest.mark.parametrize(
    ("number", "undefined", "meant"),
    [(9, False, False), (13, False, True), (17, False, True), (0, False, False), (0, True, True)],
)
def test_logs_have_a_least_severity(number, undefined, meant):
    match = logs(strict(log_severity_number={"min": 13, "match_undefined": undefined}))

    assert meant is match(make_log(severity_number=number))


def test_logs_are_told_by_body_and_severity_text():
    match = logs(regexp(log_bodies=["^GET"], log_severity_texts=["INFO"]))
    found = [("GET /", "INFO"), ("GET /", "WARN"), ("PUT /", "INFO"), (["GET"], "INFO")]

    meant = [match(make_log(body=body, severity_text=text)) for body, text in found]

    assert [True, False, False, False] == meant


def test_metrics_are_told_by_name_and_resource():
    match = matcher(strict(metric_names=["a"], resources=[{"key": "r"}]), None, Signal.METRICS)

    meant = [match(make_metric(name=name, resource=resource)) for name in "ab" for resource in ({"r": 1}, {})]

    assert [True, False, False, False] == meant


@pytest.mark.parametrize(
    ("include", "exclude", "service", "answer"),
    [
        (strict(services=["a"]), None, "b", False),
        (strict(services=["a"]), None, "a", True),
        (None, strict(services=["a"]), "a", False),
        (None, strict(services=["a"], span_names=["x"]), "b", True),
        (strict(services=["a"]), strict(services=["b"], span_names=["x"]), "a", True),
    ],
)
def test_what_the_resource_decides_is_decided_once(include, exclude, service, answer):
    span = make_span(resource={"service.name": service})

    assert answer is spans(include, exclude).within(span.resource, span.scope)


@pytest.mark.parametrize(
    ("signal", "properties", "key"),
    [
        (Signal.LOGS, {"services": ["a"]}, "services"),
        (Signal.LOGS, {"span_names": ["a"]}, "span_names"),
        (Signal.LOGS, {"span_kinds": ["SPAN_KIND_SERVER"]}, "span_kinds"),
        (Signal.TRACES, {"log_bodies": ["a"]}, "log_bodies"),
        (Signal.TRACES, {"log_severity_number": {"min": 9}}, "log_severity_number"),
        (Signal.TRACES, {"metric_names": ["a"]}, "metric_names"),
        (Signal.METRICS, {"attributes": [{"key": "a"}]}, "attributes"),
        (Signal.METRICS, {"libraries": [{"name": "a"}]}, "libraries"),
    ],
)
def test_keys_about_other_signals_are_mistakes(signal, properties, key):
    with pytest.raises(ConfigError, match=f"exclude::{key}: is not about {signal}"):
        matcher(None, strict(**properties), signal)
