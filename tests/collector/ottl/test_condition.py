import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.ottl.condition import ConditionError, Context, EventOf, PointOf, ScopeOf, context_of, parse_condition
from collector.testing.otlp import make_log, make_metric, make_span

SPAN = {
    "name": "GET /users",
    "kind": "server",
    "status": "error",
    "status_message": "no such user",
    "trace_id": "0102030405060708090a0b0c0d0e0f10",
    "span_id": "0102030405060708",
    "trace_state": "ot=th:8, rojo=00f067aa",
    "start_time_unix_nano": 1000,
    "end_time_unix_nano": 3000,
    "attributes": {
        "http.route": "/health",
        "status": 404,
        "load": 0.5,
        "whole": 2.0,
        "cached": True,
        "raw": b"\x01\x02",
        "list": ["a", 1, {"deep": "x"}],
        "map": {"a": {"b": "c"}},
    },
    "events": [{"name": "exception", "attributes": {"exception.type": "KeyError"}}],
    "resource": {"service.name": "shop"},
    "scope": "http-client",
}


def holds(text, record=None, context=Context.SPAN):
    return parse_condition(text, context)(make_span(**SPAN) if record is None else record)


@pytest.mark.parametrize(
    "text",
    [
        'name == "GET /users"',
        'span.name == "GET /users"',
        "kind == SPAN_KIND_SERVER",
        'kind.string == "Server"',
        'kind.deprecated_string == "SPAN_KIND_SERVER"',
        "status.code == STATUS_CODE_ERROR",
        'status.message == "no such user"',
        "trace_id == 0x0102030405060708090a0b0c0d0e0f10",
        "trace_id == TraceID(0x0102030405060708090a0b0c0d0e0f10)",
        'trace_id == TraceID("0102030405060708090a0b0c0d0e0f10")',
        'trace_id.string == "0102030405060708090a0b0c0d0e0f10"',
        'span_id.string == "0102030405060708"',
        "parent_span_id == SpanID(0x0000000000000000)",
        'parent_span_id.string == "0000000000000000"',
        'trace_state == "ot=th:8, rojo=00f067aa"',
        'trace_state["rojo"] == "00f067aa"',
        'trace_state["other"] == ""',
        "start_time_unix_nano == 1000",
        "end_time_unix_nano - start_time_unix_nano == 2000",
        "dropped_attributes_count == 0",
        "dropped_events_count == 0 and dropped_links_count == 0 and flags == 0",
        'attributes["http.route"] == "/health"',
        'span.attributes["http.route"] == "/health"',
        'attributes["missing"] == nil',
        'attributes["list"][0] == "a"',
        'attributes["list"][2]["deep"] == "x"',
        'attributes["map"]["a"]["b"] == "c"',
        'attributes["map"]["no"]["b"] == nil',
        'attributes["missing"]["b"] == nil',
        'attributes["raw"] == 0x0102',
        'resource.attributes["service.name"] == "shop"',
        "resource.dropped_attributes_count == 0",
        'instrumentation_scope.name == "http-client"',
        'scope.name == "http-client" and scope.version == ""',
        "Len(attributes) == 8",
    ],
)
def test_reads_the_paths_of_a_span(text):
    assert holds(text) is True


@pytest.mark.parametrize(
    "text",
    [
        'body == "hello"',
        'log.body == "hello"',
        'body.string == "hello"',
        "severity_number >= SEVERITY_NUMBER_ERROR",
        "severity_number == SEVERITY_NUMBER_ERROR2",
        'severity_text == "ERROR"',
        'event_name == "login"',
        "time_unix_nano == 5 and observed_time_unix_nano == 6",
        "flags == 0 and dropped_attributes_count == 0",
        'trace_id.string == "00000000000000000000000000000000"',
        "span_id == 0x0000000000000000",
        'attributes["k"] == 1',
    ],
)
def test_reads_the_paths_of_a_log_record(text):
    log = make_log(
        body="hello",
        severity_number=18,
        severity_text="ERROR",
        event_name="login",
        time_unix_nano=5,
        observed_time_unix_nano=6,
        attributes={"k": 1},
    )

    assert holds(text, log, Context.LOG) is True


def test_keys_of_a_body_lead_into_it():
    log = make_log(body={"user": {"id": 7}, "tags": ["x"]})

    assert holds('body["user"]["id"] == 7 and body["tags"][0] == "x"', log, Context.LOG)
    assert holds('body.string == "{\\"user\\":{\\"id\\":7},\\"tags\\":[\\"x\\"]}"', log, Context.LOG)


@pytest.mark.parametrize(
    "text",
    [
        'metric.name == "requests"',
        'name == "requests" and unit == "1" and description == "all"',
        "type == METRIC_DATA_TYPE_SUM",
        "is_monotonic",
        "metric.is_monotonic == true",
        "aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA",
        'HasAttrKeyOnDatapoint("host")',
        'HasAttrOnDatapoint("host", "a")',
        'not HasAttrOnDatapoint("host", "b")',
        'resource.attributes["service.name"] == "shop"',
    ],
)
def test_reads_the_paths_of_a_metric(text):
    metric = make_metric(
        name="requests",
        unit="1",
        description="all",
        kind="sum",
        temporality="delta",
        points=[{"value": 1, "attributes": {"host": "a"}}],
        resource={"service.name": "shop"},
    )

    assert holds(text, metric, Context.METRIC) is True


def test_a_gauge_has_no_temporality_and_is_not_monotonic():
    gauge = make_metric(kind="gauge")

    assert holds("aggregation_temporality == nil and is_monotonic == nil and not is_monotonic", gauge, Context.METRIC)


@pytest.mark.parametrize(
    ("kind", "point", "text"),
    [
        ("gauge", {"value": 7}, "value_int == 7 and value_double == 0.0 and count == nil and sum == nil"),
        ("gauge", {"value": 0.5}, "datapoint.value_double == 0.5"),
        ("gauge", {"value": 1, "flags": 1}, "flags == FLAG_NO_RECORDED_VALUE"),
        ("summary", {"count": 2, "sum": 3.0}, "count == 2 and sum == 3 and flags == 0 and value_int == nil"),
        ("histogram", {"count": 2, "bucket_counts": [1, 1], "explicit_bounds": [5.0]}, "bucket_counts == [1, 1]"),
        ("histogram", {"explicit_bounds": [5.0], "bucket_counts": [0, 0]}, "explicit_bounds[0] == 5 and scale == nil"),
        ("exponential_histogram", {"scale": 3, "zero_count": 4}, "scale == 3 and zero_count == 4"),
        ("gauge", {"value": 1, "attributes": {"a": "b"}}, 'attributes["a"] == "b" and metric.name == "metric"'),
        ("gauge", {"value": 1}, 'resource.attributes["r"] == 1 and time_unix_nano > 0 and start_time_unix_nano == 0'),
    ],
)
def test_reads_the_paths_of_a_data_point(kind, point, text):
    metric = make_metric(kind=kind, points=[point], resource={"r": 1})

    assert holds(text, PointOf(metric.points[0], metric), Context.DATAPOINT) is True


@pytest.mark.parametrize(
    "text",
    [
        'name == "exception"',
        'spanevent.name == "exception" and span.name == "GET /users"',
        'attributes["exception.type"] == "KeyError" and span.attributes["status"] == 404',
        'resource.attributes["service.name"] == "shop" and scope.name == "http-client"',
        "time_unix_nano == 0 and dropped_attributes_count == 0",
        "not IsRootSpan() or IsRootSpan()",
    ],
)
def test_a_condition_on_an_event_sees_its_span(text):
    span = make_span(**SPAN)

    assert holds(text, EventOf(span.events[0], span), Context.SPANEVENT) is True


def test_conditions_on_resources_and_scopes():
    span = make_span(**SPAN)
    scope = ScopeOf(span.scope, span.resource)

    assert holds('attributes["service.name"] == "shop"', span.resource, Context.RESOURCE)
    assert holds('name == "http-client" and resource.attributes["service.name"] == "shop"', scope, Context.SCOPE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('attributes["status"] == 404.0', True),
        ('attributes["whole"] == 2', True),
        ('attributes["status"] > 403.5', True),
        ('attributes["status"] >= 404 and attributes["status"] <= 404', True),
        ('attributes["status"] == "404"', False),
        ('attributes["status"] != "404"', True),
        ('attributes["status"] < "500"', False),
        ('attributes["status"] >= "0"', False),
        ('attributes["missing"] == ""', False),
        ('attributes["missing"] != ""', True),
        ('attributes["missing"] < 1', False),
        ('attributes["missing"] >= attributes["other"]', True),
        ('attributes["missing"] < attributes["other"]', False),
        ('attributes["cached"] == true', True),
        ('attributes["cached"] == 1', False),
        ('attributes["cached"] > false', True),
        ('attributes["http.route"] < "/i"', True),
        ('attributes["raw"] < 0x0103', True),
        ('attributes["list"] == ["a", 1, {}]', None),
        ('attributes["list"] == ["a", 1]', False),
        ('attributes["list"] < attributes["list"]', False),
        ('attributes["map"] == attributes["map"]', True),
        ('"GET /users" == name', True),
        ("nil == nil", True),
        ("1 < 2", True),
        ("9007199254740993 == 9007199254740992.0", True),
    ],
)
def test_compares_as_the_language_says(text, expected):
    if expected is None:
        with pytest.raises(ConditionError):
            holds(text)
    else:
        assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("not true", False),
        ("true or false and false", True),
        ("(true or false) and false", False),
        ("not false and false", False),
        ("not (false and true)", True),
        ("false or false or true", True),
        ("true and true and false", False),
        ('attributes["cached"]', True),
        ('attributes["missing"]', False),
        ("1 + 2 * 3 == 7", True),
        ("(1 + 2) * 3 == 9", True),
        ("10 - 2 - 3 == 5", True),
        ("-7 / 2 == -3", True),
        ("7 / 2.0 == 3.5", True),
        (".5 == +0.5", True),
        ("9223372036854775807 + 1 == -9223372036854775808", True),
        ('"a\\tb\\x41\\u00e9\\101\\"\\\\" == "a\tbAéA\\"\\\\"', True),
    ],
)
def test_joins_and_calculates(text, expected):
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('IsMatch(name, "^GET")', True),
        ('IsMatch(name, attributes["http.route"])', False),
        ('IsMatch(attributes["status"], "^4..$")', True),
        ('IsMatch(attributes["load"], "^0[.]5$")', True),
        ('IsMatch(attributes["whole"], "^2$")', True),
        ('IsMatch(attributes["cached"], "true")', True),
        ('IsMatch(attributes["raw"], "^0102$")', True),
        ('IsMatch(attributes["map"], "\\"b\\":\\"c\\"")', True),
        ('IsMatch(attributes["missing"], ".*")', False),
        ('IsMatch(pattern="USERS", target=ToUpperCase(name))', True),
        ('HasPrefix(name, "GET")', True),
        ('HasSuffix(name, "users")', True),
        ('IsString(name) and IsString(attributes["status"])', False),
        ('IsInt(attributes["status"]) and not IsInt(attributes["load"])', True),
        ('IsDouble(attributes["load"])', True),
        ('IsBool(attributes["cached"]) and not IsInt(attributes["cached"])', True),
        ('IsMap(attributes["map"]) and IsMap(attributes)', True),
        ('IsList(attributes["list"])', True),
        ('IsString(attributes["missing"])', False),
        ('Len(name) == 10 and Len("é") == 2', True),
        ('Len(attributes["list"]) == 3', True),
        ('ContainsValue(attributes["list"], "a")', True),
        ('ContainsValue(["x", name], "GET /users")', True),
        ('ContainsValue(attributes["list"], "b")', False),
        ('ToLowerCase(name) == "get /users"', True),
        ('ConvertCase(name, "upper") == "GET /USERS"', True),
        ('Trim(" a ", " ") == "a"', True),
        ('Concat([name, attributes["status"], attributes["missing"]], "|") == "GET /users|404|<nil>"', True),
        ('Split(name, " ")[1] == "/users"', True),
        ('Int("12") == 12 and Int("x") == nil and Int(1.9) == 1 and Int(attributes["cached"]) == 1', True),
        ('Int("-007") == -7 and Int("9223372036854775808") == nil and Int("٣") == nil and Int("") == nil', True),
        ('Double("1.5") == 1.5 and Double("1_0") == nil and Double(2) == 2 and Double(true) == 1', True),
        ('Double("1e999") == nil and Double("-1e999") == nil and Double("1e-999") == 0', True),
        ('Double("Infinity") == Double("+inf") and Double("-inf") < 0 and Double("inf") > 1.0e308', True),
        ('Bool("true") and not Bool("0") and Bool("x") == nil', True),
        ('String(attributes["status"]) == "404" and String(nil) == nil', True),
        ("IsRootSpan()", True),
    ],
)
def test_calls_functions(text, expected):
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('HasPrefix(attributes["status"], "4")', "a string is needed, not int"),
        ('HasPrefix(attributes["missing"], "4")', "a string is needed, not nil"),
        ('Len(attributes["status"]) > 1', "a string, list or map is needed"),
        ('ContainsValue(attributes["status"], 1)', "a list is needed"),
        ('attributes["list"][9] == 1', "has no 9"),
        ('attributes["status"]["a"] == 1', "has no 'a'"),
        ('attributes["status"]', "a condition is true or false"),
        ('attributes["status"] / 0 == 1', "division by zero"),
        ('attributes["missing"] + 1 == 1', "a number is needed to calculate, not nil"),
        ('IsMatch(name, attributes["status"])', "a string is needed"),
        ('TraceID(attributes["raw"]) == trace_id', "an id of 16 bytes"),
    ],
)
def test_what_cannot_be_asked_of_a_record_is_a_value_error(text, why):
    with pytest.raises(ValueError, match=why):
        holds(text)


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ('resource.attributes["a"] == 1', Context.RESOURCE),
        ('scope.name == "a" or resource.attributes["a"] == 1', Context.SCOPE),
        ('instrumentation_scope.name == "a"', Context.SCOPE),
        ('span.name == "resource.attributes" and resource.attributes["a"] == 1', Context.SPAN),
        ('span.status.code == 1 and spanevent.name == "a"', Context.SPANEVENT),
        ('name == "a"', None),
        ("status.code == 2", None),
    ],
)
def test_tells_what_a_condition_is_about(text, context):
    traces = [Context.RESOURCE, Context.SCOPE, Context.SPAN, Context.SPANEVENT]

    assert context_of(text, traces) == context


def test_a_prefix_of_another_signal_is_a_mistake():
    with pytest.raises(ConditionError, match="column 1, at log: paths start with resource, span here"):
        context_of('log.body == "a"', [Context.RESOURCE, Context.SPAN])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=5) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
OPERATORS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
SIDES = st.sampled_from(
    [
        'attributes["a"]',
        'attributes["b"]',
        'attributes["a"]["x"]',
        'attributes["b"][0]',
        "nil",
        "1",
        "1.5",
        '"a"',
        "0x01",
        'Int(attributes["a"])',
        'Double(attributes["b"])',
        'String(attributes["a"])',
        'Len(attributes["b"])',
        'attributes["a"] + attributes["b"]',
        'attributes["a"] / 2',
        'Concat([attributes["a"]], "")',
    ]
)


@given(VALUES, VALUES, SIDES, OPERATORS, SIDES)
def test_whatever_a_record_holds_a_condition_answers_or_raises_a_value_error(a, b, left, operator, right):
    span = make_span(attributes={"a": a, "b": b})
    try:
        condition = parse_condition(f"{left} {operator} {right}", Context.SPAN)
        answer = condition(span)
    except ValueError:
        return

    assert answer in {True, False}
