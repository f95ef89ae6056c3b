import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.prometheus_remote_write.names import Ending, NamelessError, metric_name, unit_name
from exporters.prometheus_remote_write.rules import Strategy

ESCAPED, PLAIN, UTF8, AS_IS = Strategy


@pytest.mark.parametrize(
    ("name", "unit", "ending", "expected"),
    [
        ("metric@with#special$chars", "", "", "metric_with_special_chars"),
        ("123metric", "", "", "_123metric"),
        ("requests", "", "total", "requests_total"),
        ("requests_total", "", "total", "requests_total"),
        ("total_requests", "", "total", "requests_total"),
        ("cpu_usage", "1", "ratio", "cpu_usage_ratio"),
        ("items", "1", "total", "items_total"),
        ("response_time", "ms", "", "response_time_milliseconds"),
        ("response_time_seconds", "s", "", "response_time_seconds"),
        ("memory_usage", "By", "", "memory_usage_bytes"),
        ("requests", "1/s", "", "requests_per_second"),
        ("throughput", "By/s", "", "throughput_bytes_per_second"),
        ("custom_metric", "custom_unit", "", "custom_metric_custom_unit"),
        ("custom_metric", "{custom}", "", "custom_metric"),
        ("custom_metric", "By/{custom}", "", "custom_metric_bytes"),
        ("custom_metric", "unit@with#special/chars", "", "custom_metric_unit_with_special_per_chars"),
        (
            "metric__with__multiple__underscores",
            "unit__multiple__underscores",
            "",
            "metric_with_multiple_underscores_unit_multiple_underscores",
        ),
        ("otelcol_process_cpu_seconds", "s", "total", "otelcol_process_cpu_seconds_total"),
        ("request_duration", "s", "", "request_duration_seconds"),
        ("request_size", "By", "", "request_size_bytes"),
        ("active_connections", "", "", "active_connections"),
        ("http.server.request.duration", "s", "", "http_server_request_duration_seconds"),
        ("disk", "kBy / h", "", "disk_kilobytes_per_hour"),
        ("a:b", "TiBy", "", "a:b_tibibytes"),
    ],
)
def test_names_are_escaped_and_given_suffixes(name, unit, ending, expected):
    assert expected == metric_name(name, unit, Ending(ending), ESCAPED)


@pytest.mark.parametrize(
    ("name", "unit", "ending", "strategy", "expected"),
    [
        ("requests", "1/s", "total", ESCAPED, "app_requests_per_second_total"),
        ("123_requests", "", "total", ESCAPED, "app_123_requests_total"),
        ("123.requests", "s", "total", PLAIN, "app_123_requests"),
        ("requests", "1/s", "total", UTF8, "app_requests_per_second_total"),
        ("requests", "1/s", "total", AS_IS, "app_requests"),
    ],
)
def test_names_are_put_into_the_namespace(name, unit, ending, strategy, expected):
    assert expected == metric_name(name, unit, Ending(ending), strategy, "app")


@pytest.mark.parametrize(
    ("namespace", "strategy", "expected"),
    [
        ("my-app", ESCAPED, "my_app_up"),
        ("my-app", PLAIN, "my_app_up"),
        ("1st", ESCAPED, "_1st_up"),
        ("1st", PLAIN, "_1st_up"),
        ("my-app", UTF8, "my-app_up"),
        ("my-app", AS_IS, "my-app_up"),
    ],
)
def test_a_namespace_is_escaped_where_names_are(namespace, strategy, expected):
    assert expected == metric_name("up", "", Ending.NONE, strategy, namespace)


@pytest.mark.parametrize(
    ("name", "unit", "ending", "expected"),
    [
        ("cpu_seconds_total", "s", "total", "cpu_seconds_total"),
        ("requêsts", "", "total", "requêsts_total"),
        ("@#$%", "", "total", "@#$%_total"),
        ("http.server.duration", "s", "", "http.server.duration_seconds"),
        ("io.bytes_per_second", "By/s", "", "io.bytes_per_second"),
        ("load", "1", "ratio", "load_ratio"),
        ("subtotal", "", "total", "subtotal_total"),
        ("total", "", "total", "total_total"),
    ],
)
def test_names_in_utf_8_keep_their_characters(name, unit, ending, expected):
    assert expected == metric_name(name, unit, Ending(ending), UTF8)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("http.server.duration", "http_server_duration"),
        ("..a..b__c..", "a_b__c"),
        ("123metric", "_123metric"),
        ("_", "_"),
    ],
)
def test_names_without_suffixes_keep_their_underscores(name, expected):
    assert expected == metric_name(name, "s", Ending.TOTAL, PLAIN)


def test_names_as_they_are():
    assert "http.server.duration" == metric_name("http.server.duration", "s", Ending.TOTAL, AS_IS)


@pytest.mark.parametrize("strategy", [ESCAPED, PLAIN])
@pytest.mark.parametrize("name", ["@#$%", "", "ようこそ"])
def test_a_name_of_which_nothing_is_left_is_an_error(name, strategy):
    with pytest.raises(NamelessError, match="nothing is left"):
        metric_name(name, "", Ending.NONE, strategy)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("s", "seconds"),
        ("By/s", "bytes_per_second"),
        ("1", ""),
        ("1/m", "per_minute"),
        ("{request}", ""),
        ("{request}/s", "per_second"),
        ("", ""),
        ("°C", "C"),
    ],
)
def test_units_are_words(unit, expected):
    assert expected == unit_name(unit, escapes=True)


@given(
    st.text(max_size=12), st.text(max_size=6), st.sampled_from(Ending), st.sampled_from(["", "app", "my-app", "1", "é"])
)
def test_whatever_was_escaped_is_a_name_that_prometheus_took_from_the_beginning(name, unit, ending, namespace):
    for strategy in (ESCAPED, PLAIN):
        try:
            answer = metric_name(name, unit, ending, strategy, namespace)
        except NamelessError:
            continue
        assert answer.isascii()
        assert answer.replace(":", "_").isidentifier()
