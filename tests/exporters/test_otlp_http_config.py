import subprocess
import sys

import pytest
from pydantic import ValidationError

from collector.registry import Kind, load_factory
from tests.exporters.servers import exporter


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{}", "endpoint is required, or the endpoint of a signal"),
        ("endpoint: localhost:4318", "must be a URL that starts with http:// or https://"),
        ("endpoint: ftp://localhost", "must be a URL that starts with http:// or https://"),
        ("endpoint: http://", "must be a URL that starts with http:// or https://"),
        ("endpoint: http://a:99999", "Port out of range"),
        ("endpoint: http://[::1", "Invalid IPv6 URL"),
        ("endpoint: http://a/?token=b", "without ? and #"),
        ("endpoint: 'http://a/x '", "without blanks"),
        ("endpoint: ' '", "without blanks"),
        ("traces_endpoint: a/v1/traces", "must be a URL"),
        ("{endpoint: 'http://a', compression: br}", "'gzip', 'zstd', 'deflate' or 'none'"),
        ("{endpoint: 'http://a', compression_params: {level: 10}}", "level 10 is none of gzip"),
        ("{endpoint: 'http://a', compression: zstd, compression_params: {level: 12}}", "level 12 is none of zstd"),
        ("{endpoint: 'http://a', compression: none, compression_params: {level: 1}}", "level 1 is none of none"),
        ("{endpoint: 'http://a', encoding: xml}", "'proto' or 'json'"),
        ("{endpoint: 'http://a', headers: {'a b': c}}", "'a b' has characters"),
        ("{endpoint: 'http://a', headers: {a: \"c\\r\\nd: e\"}}", "'a' has characters"),
        ("{endpoint: 'http://a', headers: {Content-Type: c}}", "Content-Type is for the exporter to say"),
        ("{endpoint: 'http://a', headers: {a: b, A: c}}", "twice"),
        ("{endpoint: 'http://a', proxy_url: 'socks5://b'}", "must be a URL"),
        ("{endpoint: 'http://a', max_idle_conns: 1}", "Extra inputs"),
    ],
)
def test_mistakes_are_found_when_the_configuration_is_checked(config, message):
    with pytest.raises(ValidationError) as report:
        exporter("otlp_http", config)

    assert message in str(report.value)


@pytest.mark.parametrize("level", [-1, 0, 9])
def test_levels_of_gzip(level):
    assert load_factory(Kind.EXPORTER, "otlphttp").config(endpoint="http://a", compression_params={"level": level})


def test_secrets_are_not_shown():
    config = load_factory(Kind.EXPORTER, "otlp_http").config(
        endpoint="http://a", headers={"api-key": "hush"}, proxy_url="http://user:hush@b"
    )

    assert "hush" not in f"{config!r} {config.model_dump()} {config.model_dump_json()}"


@pytest.mark.parametrize("type_", ["otlp_grpc", "otlp_http"])
def test_checking_a_configuration_imports_no_client_library(type_):
    code = (
        f"import sys; from collector.registry import Kind, load_factory; load_factory(Kind.EXPORTER, '{type_}');"
        "print([m for m in ('grpc', 'aiohttp') if m in sys.modules])"
    )

    assert (
        "[]" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    )
