import pytest
import yaml
from pydantic import ValidationError

from collector.api import Exporter, PreparingExporter
from collector.batch import Signal
from collector.net.grpc_client import Compression as GrpcCompression
from collector.net.http_client import Compression
from collector.registry import Kind, load_factory
from exporters.jaeger.settings import JaegerConfig
from tests.exporters.servers import exporter


def config(text):
    return JaegerConfig.model_validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("protocol", "target", "compression"),
    [
        ("otlp_grpc", "localhost:4317", GrpcCompression.GZIP),
        ("grpc", "localhost:14250", GrpcCompression.NONE),
    ],
)
def test_a_protocol_over_grpc_has_its_usual_endpoint_in_plain_text(protocol, target, compression):
    client = config(f"protocol: {protocol}").grpc()

    assert (target, compression, False) == (client.endpoint, client.compression, client.is_secured)


@pytest.mark.parametrize(
    ("protocol", "url", "compression"),
    [
        ("otlp_http", "http://localhost:4318/v1/traces", Compression.GZIP),
        ("thrift_http", "http://localhost:14268/api/traces", Compression.NONE),
    ],
)
def test_a_protocol_over_http_has_its_usual_url(protocol, url, compression):
    given = config(f"protocol: {protocol}")

    assert (url, compression) == (given.url, given.compression)


def test_otlp_over_grpc_is_what_is_meant_if_nothing_is_said():
    assert config("{}") == config("protocol: otlp_grpc")


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://jaeger:4318", "http://jaeger:4318/v1/traces"),
        ("http://jaeger:4318/", "http://jaeger:4318/v1/traces"),
        ("jaeger:4318", "http://jaeger:4318/v1/traces"),
        ("https://jaeger.example/jaeger/v1/traces", "https://jaeger.example/jaeger/v1/traces"),
    ],
)
def test_a_url_without_a_path_gets_that_of_its_protocol(endpoint, url):
    assert url == config(f"{{protocol: otlp_http, endpoint: '{endpoint}'}}").url


@pytest.mark.parametrize(
    ("given", "secured"),
    [
        ("{}", False),
        ("{tls: {insecure: true}}", False),
        ("{tls: {}}", True),
        ("{tls: {server_name_override: jaeger}}", True),
        ("{endpoint: 'https://jaeger:4317'}", True),
    ],
)
def test_tls_is_used_where_it_is_spoken_of(given, secured):
    assert secured == config(given).grpc().is_secured


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{protocol: zipkin}", "'otlp_grpc', 'otlp_http', 'grpc' or 'thrift_http'"),
        ("{protocol: [grpc]}", "'otlp_grpc', 'otlp_http', 'grpc' or 'thrift_http'"),
        ("{endpoint: 'http://localhost:4317/v1/traces'}", "endpoint: must be host:port"),
        ("{endpoint: ''}", "endpoint: must be host:port"),
        ("{protocol: otlp_http, endpoint: 'ftp://localhost'}", "must be a URL that starts with http"),
        ("{protocol: thrift_http, endpoint: 'http://localhost:14268/api/traces?x=y'}", "without ? and #"),
        ("{protocol: otlp_http, endpoint: ''}", "must be a URL"),
        ("{compression: zstd}", "grpc's core has no zstd"),
        ("{protocol: otlp_http, keepalive: {}, authority: x}", "authority, keepalive: means nothing with protocol"),
        ("{protocol: grpc, proxy_url: 'http://proxy:80'}", "proxy_url: means nothing with protocol grpc"),
        ("{headers: {grpc-timeout: 1s}}", "grpc-timeout is for grpc to say"),
        ("{tls: {insecure_skip_verify: true}}", "grpc always verifies"),
        ("{protocol: otlp_http, compression_params: {level: 44}}", "level 44 is none of gzip"),
    ],
)
def test_a_mistake_says_what_is_wrong(given, message):
    with pytest.raises(ValidationError) as error:
        config(given)

    assert message in str(error.value)


@pytest.mark.parametrize("protocol", ["otlp_grpc", "otlp_http", "grpc", "thrift_http"])
def test_otlp_goes_as_it_is_and_the_others_are_translated(protocol):
    built = exporter("jaeger", f"protocol: {protocol}")

    assert protocol.startswith("otlp") != isinstance(built, PreparingExporter)
    assert protocol.startswith("otlp") == hasattr(built, Exporter.export.__name__)


@pytest.mark.parametrize("protocol", ["otlp_grpc", "otlp_http", "grpc", "thrift_http"])
def test_settings_that_were_printed_with_all_defaults_are_taken_again(protocol):
    given = config(f"protocol: {protocol}")

    assert given == JaegerConfig.model_validate(given.model_dump(mode="json", exclude_none=True))


def test_it_takes_traces_only():
    assert {Signal.TRACES} == load_factory(Kind.EXPORTER, "jaeger").signals
