import pytest
import trustme
import yaml
from pydantic import ValidationError

from collector.receivers.otlp import factory


def settings(text):
    return factory.config.model_validate(yaml.safe_load(text)).protocols


def test_an_empty_body_turns_a_protocol_on_with_its_defaults():
    protocols = settings("protocols: {grpc: , http: }")

    assert ("localhost:4317", "localhost:4318") == (protocols.grpc.endpoint, protocols.http.endpoint)
    assert (4 << 20, 20 << 20) == (protocols.grpc.max_message_size, protocols.http.max_request_body_size)


def test_a_protocol_that_is_not_named_is_off():
    assert settings("protocols: {http: }").grpc is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("protocols: ", "at least one protocol"),
        ("protocols: {}", "at least one protocol"),
        ("protocols: {grpc: {endpoint: nowhere}}", "write host:port"),
        ("protocols: {http: {endpoint: x, transport: pigeon}}", "'tcp' or 'unix'"),
        ("protocols: {http: {traces_url_path: traces}}", "starts with /"),
        ("protocols: {http: {traces_url_path: /v1/logs}}", "must differ"),
        ("protocols: {http: {traces_url_path: /v1development/profiles}}", "must differ"),
        ("protocols: {http: {compression_algorithms: [gzip, brotli]}}", "unknown: brotli"),
        ('protocols: {http: {response_headers: {X: "a\\r\\nb"}}}', "cannot be sent as a header"),
        ("protocols: {http: {response_headers: {'X Y': a}}}", "cannot be sent as a header"),
        ("protocols: {http: {auth: {authenticator: 'a b'}}}", "is not a component id"),
        ("protocols: {grpc: {tls: {}}}", "a server needs cert_file"),
        ("protocols: {grpc: {read_timeout: soon}}", "is not a duration"),
        ("protocols: {grpc: {max_concurrent_streams: 0}}", "greater than or equal to 1"),
        ("protocols: {grpc: {max_concurrent_streams: 3000000000}}", "less than or equal to 2147483647"),
        ("protocols: {grpc: {max_recv_msg_size_mib: 2048}}", "less than or equal to 2047"),
        ("protocols: {grpc: {max_recv_msg_size: 3}}", "Extra inputs"),
    ],
)
def test_a_mistake_is_said(text, why):
    with pytest.raises(ValidationError, match=why):
        settings(text)


@pytest.mark.parametrize(("text", "size"), [("0", 20 << 20), ("1", 1)])
def test_a_bound_of_no_bytes_is_the_usual_one(text, size):
    assert size == settings(f"protocols: {{http: {{max_request_body_size: {text}}}}}").http.max_body_size


def test_grpc_cannot_choose_its_version_of_tls(tmp_path):
    certificate = trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.bytes()
    (tmp_path / "both.pem").write_bytes(certificate)
    tls = f"{{cert_file: {tmp_path}/both.pem, key_file: {tmp_path}/both.pem, min_version: '1.3'}}"

    assert settings(f"protocols: {{http: {{tls: {tls}}}}}")
    with pytest.raises(ValidationError, match="min_version and max_version cannot be set"):
        settings(f"protocols: {{grpc: {{tls: {tls}}}}}")


def test_values_of_response_headers_may_be_secrets():
    assert "secret" not in repr(settings("protocols: {http: {response_headers: {X-Key: secret}}}"))
