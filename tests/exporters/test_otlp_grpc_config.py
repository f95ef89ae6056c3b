import pytest
from pydantic import ValidationError

from collector.api import ComponentID
from collector.errors import ConfigError
from collector.registry import Kind, load_factory
from tests.exporters.servers import exporter


@pytest.mark.parametrize(
    "endpoint",
    [
        "localhost:4317",
        "http://localhost:4317",
        "http://localhost:4317/",
        "https://host.example:443",
        "[::1]:4317",
        "dns:///host:4317",
        "unix:///tmp/socket",
        "unix:socket",
        "ipv4:127.0.0.1:4317,127.0.0.2:4317",
    ],
)
def test_endpoints_as_the_collector_writes_them(endpoint):
    assert load_factory(Kind.EXPORTER, "otlp").config(endpoint=endpoint)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{}", "Field required"),
        ("endpoint: ''", "must be host:port"),
        ("endpoint: localhost", "must be host:port"),
        ("endpoint: http://localhost:4317/v1/traces", "must be host:port"),
        ("endpoint: ftp://localhost:4317", "must be host:port"),
        ("{endpoint: 'a:1', compression: zstd}", "grpc's core has no zstd: it compresses with gzip or deflate"),
        ("{endpoint: 'a:1', compression: snappy}", "grpc's core has no snappy"),
        ("{endpoint: 'a:1', compression: brotli}", "'gzip', 'deflate' or 'none'"),
        ("{endpoint: 'a:1', tls: {insecure_skip_verify: true}}", "grpc always verifies"),
        ("{endpoint: 'a:1', tls: {min_version: 1.3}}", "min_version and max_version cannot be set"),
        ("{endpoint: 'a:1', headers: {grpc-timeout: 1S}}", "grpc-timeout is for grpc to say"),
        ("{endpoint: 'a:1', headers: {'a b': c}}", "'a b' has characters"),
        ("{endpoint: 'a:1', headers: {a: \"c\\nd\"}}", "'a' has characters"),
        ("{endpoint: 'a:1', headers: {a: b, A: c}}", "twice"),
        ("{endpoint: 'a:1', balancer_name: random}", "'round_robin' or 'pick_first'"),
        ("{endpoint: 'a:1', keepalive: {time: 0}}", "greater than 0"),
        ("{endpoint: 'a:1', auth: {authenticator: /}}", "not a component id"),
        ("{endpoint: 'a:1', sending_queu: {}}", "Extra inputs"),
    ],
)
def test_mistakes_are_found_when_the_configuration_is_checked(config, message):
    with pytest.raises(ValidationError) as report:
        exporter("otlp_grpc", config)

    assert message in str(report.value)


@pytest.mark.parametrize("extensions", [{}, {ComponentID("tokens"): object()}])
def test_an_authenticator_that_cannot_be_used_is_a_mistake(extensions):
    with pytest.raises(ConfigError, match="auth::authenticator: tokens"):
        exporter("otlp_grpc", "{endpoint: 'a:1', auth: {authenticator: tokens}}", extensions=extensions)


@pytest.mark.parametrize("time", ["1ns", "1000000h"])
async def test_any_time_may_be_configured(time):
    config = f"{{endpoint: 'a:1', tls: {{insecure: true}}, keepalive: {{time: {time}, timeout: {time}}}}}"
    exporting = exporter("otlp_grpc", config)

    async with exporting.lifespan():
        times = {value for name, value in exporting._client._config.channel_options() if "keepalive_time" in name}

    assert {1 if time == "1ns" else 2**31 - 1} == times


def test_keepalive_and_balancing_reach_grpc():
    config = load_factory(Kind.EXPORTER, "otlp_grpc").config(
        endpoint="a:1",
        keepalive={"time": "20s", "timeout": "5s", "permit_without_stream": True},
        balancer_name="pick_first",
        tls={"server_name_override": "b"},
    )

    options = dict(config.channel_options())

    assert (20_000, 5_000, 1) == tuple(
        options[f"grpc.{name}"]
        for name in ("keepalive_time_ms", "keepalive_timeout_ms", "keepalive_permit_without_calls")
    )
    assert ("pick_first", "b") == (options["grpc.lb_policy_name"], options["grpc.ssl_target_name_override"])


def test_values_of_headers_are_not_shown():
    config = load_factory(Kind.EXPORTER, "otlp_grpc").config(endpoint="a:1", headers={"api-key": "hush"})

    assert "hush" not in f"{config!r} {config.model_dump()} {config.model_dump_json()}"
