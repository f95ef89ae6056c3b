import pytest

from collector.api import ComponentID
from collector.errors import ConfigError
from collector.mistakes import validate
from collector.yaml_tree import load
from exporters.prometheus_remote_write.config import ProtobufMessage, RemoteWriteConfig
from exporters.prometheus_remote_write.rules import Delta, Rules, Strategy

PLACE = "endpoint: http://localhost:9090/api/v1/write\n"


def config(text="", place=PLACE):
    node = load(place + text, "config.yaml")
    return validate(RemoteWriteConfig, node, node, ())


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("max_batch_size_bytes: 0", "max_batch_size_bytes: must be greater than or equal to 1"),
        ("max_batch_request_parallelism: 0", "max_batch_request_parallelism: must be greater than or equal to 1"),
        ("protobuf_message: v2", "protobuf_message: must be 'prometheus.WriteRequest' or"),
        ("translation_strategy: None", "translation_strategy: must be 'UnderscoreEscapingWithSuffixes',"),
        ("headers: {User-Agent: me}", "headers: User-Agent is for the exporter to say"),
        ("headers: {Content-Encoding: gzip}", "headers: Content-Encoding is for the exporter to say"),
        ("headers: {content-type: text/plain}", "headers: content-type is for the exporter to say"),
        ("headers: {X-Prometheus-Remote-Write-Version: '1'}", "X-Prometheus-Remote-Write-Version is for the exporter"),
        ("headers: {retry-attempt: '1'}", "headers: retry-attempt is for the exporter to say"),
        ("external_labels: {a: ''}", "external_labels: neither a name nor a value can be empty"),
        ("external_labels: {a.b: c}", "external_labels: 'a.b' is not the name of a label"),
        ("external_labels: {__name__: c}", "external_labels: '__name__' is not the name of a label"),
        ("translation_strategy: NoTranslation\nexternal_labels: {__name__: c}", "'__name__' is not the name"),
        ("delta: {max_stale: 0}", "delta::max_stale: must be greater than 0"),
        ("delta: {mode: keep}", "delta::mode: must be 'convert' or 'drop'"),
        (
            "promote_all_resource_attributes: true\npromote_resource_attributes: [a]",
            "give promote_resource_attributes or promote_all_resource_attributes, not both",
        ),
        ("ignore_resource_attributes: [a]", "ignore_resource_attributes needs promote_all_resource_attributes"),
        ("targetinfo: {}", "targetinfo: unknown key; did you mean target_info?"),
    ],
)
def test_mistakes_are_found_when_the_configuration_is_checked(text, mistake):
    with pytest.raises(ConfigError) as refusal:
        config(text)

    assert mistake in str(refusal.value)


@pytest.mark.parametrize("place", ["endpoint: ''", "endpoint: localhost:9090", "endpoint: http://a/?b=c", "{}"])
def test_there_is_a_place_to_write_to(place):
    with pytest.raises(ConfigError, match=r"endpoint: (must be a URL|is required)"):
        config(place=place)


def test_what_the_collectors_exporter_has_elsewhere_is_told_in_its_line():
    with pytest.raises(ConfigError) as refusal:
        config("remote_write_queue: {enabled: true}\nwal: {directory: a}\ncompression: gzip\nhttp: {}\n")

    lines = str(refusal.value).splitlines()
    assert 4 == len(lines)
    assert lines[0].startswith("config.yaml:2: remote_write_queue: the queue is sending_queue here")
    assert "max_batch_request_parallelism" in lines[0]
    assert lines[1].startswith("config.yaml:3: wal: there is none; a persistent sending_queue")
    assert lines[2].startswith("config.yaml:4: compression: bodies are always compressed with snappy")
    assert lines[3].startswith("config.yaml:5: http: its keys belong beside endpoint")


def test_the_defaults_are_those_of_the_collectors_exporter():
    given = config()

    assert ProtobufMessage.V1 is given.protobuf_message
    assert (3_000_000, 5) == (given.max_batch_size_bytes, given.max_batch_request_parallelism)
    assert Rules(external_labels={}) == given.rules()
    assert given.rules().resources.target_info
    assert given.rules().scope_labels


@pytest.mark.parametrize(
    ("text", "strategy"),
    [
        ("", Strategy.UNDERSCORES_WITH_SUFFIXES),
        ("add_metric_suffixes: false", Strategy.UNDERSCORES),
        ("add_metric_suffixes: false\ntranslation_strategy: NoTranslation", Strategy.AS_THEY_ARE),
        ("translation_strategy: NoUTF8EscapingWithSuffixes", Strategy.UTF8_WITH_SUFFIXES),
    ],
)
def test_a_strategy_is_asked_before_suffixes(text, strategy):
    assert strategy is config(text).rules().strategy


def test_every_setting_of_the_translation_reaches_it():
    rules = config(
        """
namespace: shop
external_labels: {cluster: eu}
send_metadata: true
label_name_underscore_sanitization: true
label_name_preserve_multiple_underscores: true
resource_to_telemetry_conversion: {enabled: true, exclude_service_attributes: true}
promote_all_resource_attributes: true
ignore_resource_attributes: [host.id]
keep_identifying_resource_attributes: true
target_info: {enabled: false}
disable_scope_info: true
delta: {mode: drop, max_streams: 7, max_stale: 1m}
"""
    ).rules()

    assert ("shop", {"cluster": "eu"}, True, False) == (
        rules.namespace,
        rules.external_labels,
        rules.send_metadata,
        rules.scope_labels,
    )
    assert (True, True) == (rules.labels.prefix_underscore, rules.labels.keep_multiple_underscores)
    resources = rules.resources
    assert (True, True, True) == (resources.copy_all, resources.exclude_service_attributes, resources.promote_all)
    assert (frozenset({"host.id"}), True, False) == (
        resources.ignore,
        resources.keep_identifying,
        resources.target_info,
    )
    assert (Delta.DROP, 7, 60) == (rules.delta.mode, rules.delta.max_streams, rules.delta.max_stale)


def test_dots_may_be_in_labels_where_nothing_is_escaped():
    assert {"a.b": "c"} == config("translation_strategy: NoTranslation\nexternal_labels: {a.b: c}").external_labels


def test_headers_of_a_user_and_authentication_are_taken():
    given = config("headers: {X-Scope-OrgID: tenant}\nauth: {authenticator: bearertokenauth}")

    assert "tenant" == given.headers["X-Scope-OrgID"].get_secret_value()
    assert ComponentID("bearertokenauth") == ComponentID.parse(given.auth.authenticator)
