import base64
import subprocess
import sys

import pytest
from pydantic import ValidationError

from collector.mistakes import validate
from collector.yaml_tree import load
from exporters.elasticsearch.config import ElasticsearchConfig
from tests.exporters.elasticsearch.hand_made import config_of


def cloud_id(text, name="shop:"):
    return name + base64.b64encode(text.encode()).decode()


BASIC = "Basic "


def encoded(pair):
    return base64.b64encode(pair.encode()).decode()


def check(text):
    node = load(text, "config.yaml")
    return validate(ElasticsearchConfig, node, node, ("exporters", "elasticsearch"))


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv("ELASTICSEARCH_URL", raising=False)


def test_the_defaults_are_the_collectors():
    config = config_of()

    assert 5_000_000 == config.flush.bytes
    assert ("gzip", 1) == (config.client().compression, config.client().compression_params.level)
    assert {408, 429, 502, 503, 504} == config.retry.retry_on_status
    assert {429, 502, 503, 504} == config.retry.retry_on_document_status
    assert (False, 0) == (config.discover.on_start, config.discover.interval)
    assert config.dead_letter is None
    assert not config.writes_templates


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("endpoint: https://a:9200/", ("https://a:9200",)),
        ("endpoint: https://proxy/search/", ("https://proxy/search",)),
        ("endpoints: ['http://a:9200', 'http://b:9200']", ("http://a:9200", "http://b:9200")),
        (f"cloudid: {cloud_id('cloud.es.io$abc123$def')}", ("https://abc123.cloud.es.io",)),
        (f"cloudid: {cloud_id('cloud.es.io:9243$abc$def')}", ("https://abc.cloud.es.io:9243",)),
        (f"cloudid: {cloud_id('cloud.es.io$abc:9244$def')}", ("https://abc.cloud.es.io:9244",)),
        (f"cloudid: {cloud_id('cloud.es.io$abc$', 'a:b:')}", ("https://abc.cloud.es.io",)),
    ],
)
def test_a_cluster_is_named_in_one_of_three_ways(text, addresses):
    assert addresses == check(text).addresses()


def test_the_environment_names_the_nodes_if_nothing_else_does(monkeypatch):
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://a:9200, http://b:9200/")

    assert ("http://a:9200", "http://b:9200") == check("{}").addresses()
    assert ("http://c",) == check("endpoint: http://c").addresses()


def test_a_mistake_in_the_environment_is_named(monkeypatch):
    monkeypatch.setenv("ELASTICSEARCH_URL", "a:9200")

    with pytest.raises(Exception, match="ELASTICSEARCH_URL: must be a URL"):
        check("{}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "endpoint, endpoints or cloudid is required"),
        ("{endpoint: 'http://a', endpoints: ['http://b']}", "not endpoint and endpoints"),
        ("endpoints: ['']", "endpoints must not be empty"),
        ("endpoint: a:9200", "must be a URL"),
        ("endpoint: 'http://a..b:9200'", "has a host that cannot be"),
        (f"endpoints: ['http://{'a' * 64}:9200']", "has a host that cannot be"),
        ("cloudid: nothing", "cloudid is not a cloud id"),
        (f"cloudid: {cloud_id('cloud.es.io')}", "cloudid is not a cloud id"),
        (f"cloudid: {cloud_id('cloud.es.io$')}", "cloudid names no Elasticsearch"),
        (f"cloudid: {cloud_id('cloud.es.io:x$a')}", "cloudid: "),
        ("{endpoint: 'http://a', user: b}", "user needs password"),
        ("{endpoint: 'http://a', password: b}", "password user"),
        ("{endpoint: 'http://a', user: b, password: c, api_key: d}", "not by user and password and by api_key"),
        ("{endpoint: 'http://b:c@a', api_key: d}", "not by api_key and by user and password in an endpoint"),
        ("{endpoint: 'http://a', headers: {authorization: b}, api_key: d}", "headers::Authorization"),
        ("{endpoint: 'http://a', auth: {authenticator: b}, api_key: d}", "not by api_key and by auth"),
        ("{endpoints: ['http://b:c@a', 'http://d']}", "endpoints have different users"),
        ("{endpoint: 'http://b%3Ac:d@a'}", "a user cannot have a colon in its name"),
        ("{endpoint: 'http://a', user: 'b:c', password: d}", "a user cannot have a colon in its name"),
        ("{endpoint: 'http://a', api_key: \"b\\nc\"}", "no header can have"),
        ("{endpoint: 'http://a', compression: zstd}", "gzip"),
        ("{endpoint: 'http://a', compression: none, compression_params: {level: 1}}", "level 1 is none of none"),
        ("{endpoint: 'http://a', flush: {bytes: 0}}", "greater than or equal to 1"),
        ("{endpoint: 'http://a', dead_letter: {}}", "give index or file"),
        ("{endpoint: 'http://a', dead_letter: {index: a, file: b}}", "give index or file"),
        ("{endpoint: 'http://a', dead_letter: {index: A}}", "must be lower case"),
        ("{endpoint: 'http://a', retry: {retry_on_status: [200]}}", "greater than or equal to 400"),
        ("{endpoint: 'http://a', manage_templates: true}", "Elasticsearch has its own for these modes"),
        ("{endpoint: 'http://a', flavor: opensearch, include_source_on_error: true}", "OpenSearch does not know it"),
    ],
)
def test_mistakes_are_found_when_the_configuration_is_checked(text, message):
    with pytest.raises(Exception, match=r"^config.yaml:1: exporters::elasticsearch") as mistake:
        check(text)

    assert message in str(mistake.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_workers: 4", "num_workers: use sending_queue::num_consumers"),
        ("index: a", "index: use logs_index"),
        ("metadata_keys: [a]", "use sending_queue::batch::partition::metadata_keys"),
        ("batcher: {}", "batcher: use sending_queue::batch"),
        ("bulk_response_filter_path: errors", "bulk_response_filter_path: leave it out"),
        ("logs_dynamic_index: {enabled: true}", "logs_dynamic_index: leave it out"),
        ("flush: {interval: 10s}", "interval: use sending_queue::batch::flush_timeout"),
        ("retry: {enabled: true}", "enabled: use retry_on_failure::enabled"),
        ("retry: {max_retries: 2, max_interval: 1m}", "max_retries: use retry_on_failure::max_elapsed_time"),
        ("retry: {max_retries: 2, max_interval: 1m}", "max_interval: use retry_on_failure::max_interval"),
        ("telemetry: {log_request_body: true}", "log_request_body: leave it out"),
    ],
)
def test_what_is_called_otherwise_here_is_refused_with_what_to_write_instead(text, message):
    with pytest.raises(Exception, match=r"exporters::elasticsearch") as mistake:
        check(f"endpoint: http://a\n{text}")

    assert message in str(mistake.value)


@pytest.mark.parametrize(
    ("text", "credentials"),
    [
        ("{user: elastic, password: 'hü:sh'}", BASIC + encoded("elastic:hü:sh")),
        ("{endpoint: 'http://elastic:h%C3%BC:s%2Fh%E2%82%AC@a'}", BASIC + encoded("elastic:hü:s/h€")),
        (
            "{endpoint: '', endpoints: ['http://elastic:hü€@a', 'http://elastic:h%c3%bc€@b']}",
            BASIC + encoded("elastic:hü€"),
        ),
        ("{endpoint: 'http://elastic@a'}", BASIC + encoded("elastic:")),
        ("api_key: aWQ6a2V5", "ApiKey aWQ6a2V5"),
    ],
)
def test_credentials_become_a_header(text, credentials):
    headers = config_of(text).client().headers

    assert credentials == headers["authorization"].get_secret_value()


def test_the_user_in_a_url_is_not_in_the_address():
    config = config_of("{endpoint: 'http://elastic:hush@a:9200/path/', discover: {on_start: true}}")

    assert ("http://a:9200/path",) == config.addresses()


def test_secrets_are_not_shown():
    for text in ("{user: elastic, password: hush}", "api_key: hush"):
        config = config_of(text)

        assert "hush" not in f"{config!r} {config.model_dump()} {config.client()!r}"


@pytest.mark.parametrize(
    "dates", ["logstash_format: {enabled: true, date_format: DATE}", "jaeger: {date_format: DATE}"]
)
@pytest.mark.parametrize(
    ("date_format", "message"),
    [
        ("'%Y/%m'", "cannot contain '/'"),
        ("'%Y %m'", "cannot contain ' '"),
        ("'%d%b%Y'", "must be lower case"),
        ("'%I%p'", "must be lower case"),
        (f"'{'%Y' * 70}'", "is longer than 255 bytes"),
    ],
)
def test_dates_that_no_index_name_can_have_are_found_in_any_month(dates, date_format, message):
    with pytest.raises(ValidationError, match=message):
        config_of(dates.replace("DATE", date_format))


@pytest.mark.parametrize(
    "text",
    [
        "endpoint: 'https://elastic:hush/h@a:9200'",
        "endpoints: ['https://elastic:hush/h@a:9200', 'http://b']",
        "endpoint: 'https://elastic:hush#h@a:9200'",
        "endpoint: 'https://elastic:hush?h@a:9200'",
        "endpoint: 'https://elastic:hush[h@a:9200'",
        "endpoint: 'https://elastic:hush@a:99999'",
        "endpoint: 'https://elastic:hush@'",
        "{endpoint: 'https://elastic:hush@a', api_key: hush}",
        "{endpoint: 'http://a', api_key: [hush]}",
        "{endpoint: 'http://a', api_key: \"hush\\n\"}",
        "{endpoint: 'http://a', password: hush}",
        "cloudid: 'shop:hush'",
    ],
)
def test_a_mistake_does_not_tell_the_secret_that_it_is_about(text):
    with pytest.raises(Exception, match=r"exporters::elasticsearch") as mistake:
        check(text)

    assert "hush" not in str(mistake.value)


def test_compression_may_be_off():
    assert config_of("compression: none").client().compression_params.level is None


def test_another_level_of_compression_is_used():
    assert 9 == config_of("compression_params: {level: 9}").client().compression_params.level


@pytest.mark.parametrize(
    ("text", "writes"),
    [
        ("{}", False),
        ("mapping: {mode: jaeger}", True),
        ("{mapping: {mode: jaeger}, manage_templates: false}", False),
        ("{mapping: {allowed_modes: [otel, jaeger]}}", True),
        ("flavor: opensearch", True),
        ("{flavor: opensearch, manage_templates: false}", False),
    ],
)
def test_templates_are_written_where_nothing_works_without_them(text, writes):
    assert writes is config_of(text).writes_templates


def test_a_key_without_a_value_means_the_defaults():
    text = "{flush: null, retry: null, discover: null, telemetry: null, mapping: null, dead_letter: null}"

    assert config_of() == config_of(text)


def test_unknown_keys_are_errors():
    with pytest.raises(ValidationError, match="Extra inputs"):
        config_of("flsh: {}")


def test_checking_a_configuration_imports_no_client_library():
    code = (
        "import sys; from collector.registry import Kind, load_factory;"
        "load_factory(Kind.EXPORTER, 'elasticsearch').config(endpoint='http://a'); print('aiohttp' in sys.modules)"
    )

    assert "False\n" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
