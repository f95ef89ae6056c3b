import dataclasses

import pytest

from collector.batch import Signal
from collector.errors import ConfigError
from collector.testing import make_batch, make_logs, make_metrics, make_spans, run_processor, settings
from processors.attributes import AttributesConfig, factory
from tests.processors.attributes.changing import processor


@pytest.mark.parametrize(
    ("include", "exclude", "names"),
    [
        ({"span_names": ["a", "b"]}, None, "ab"),
        (None, {"span_names": ["a", "b"]}, "c"),
        ({"span_names": ["a", "b"]}, {"attributes": [{"key": "n", "value": 2}]}, "a"),
        ({"span_kinds": ["SPAN_KIND_SERVER"]}, None, "c"),
        ({"services": ["shop"]}, None, "abc"),
        ({"services": ["other"]}, None, ""),
        ({"libraries": [{"name": "lib"}], "attributes": [{"key": "n", "value": 1}]}, None, "a"),
        ({"resources": [{"key": "service.name"}]}, {"span_kinds": ["SPAN_KIND_SERVER"]}, "ab"),
    ],
)
def test_include_and_exclude_say_which_spans_are_changed(include, exclude, names):
    batch = make_spans(
        {"name": "a", "attributes": {"n": 1, "k": "v"}},
        {"name": "b", "attributes": {"n": 2, "k": "v"}},
        {"name": "c", "attributes": {"n": 3, "k": "v"}, "kind": "server"},
        resource={"service.name": "shop"},
        scope="lib",
    )
    blocks = {
        name: {"match_type": "strict", **block} for name, block in (("include", include), ("exclude", exclude)) if block
    }

    for actions in ([{"key": "k", "action": "delete"}], [{"pattern": "^k$", "action": "delete"}]):
        result = processor(actions=actions, **blocks).process(batch)

        assert names == "".join(span.name for span in run_processor("{}", result).records if "k" not in span)


def test_include_says_which_log_records_are_changed():
    batch = make_logs(
        {"body": "AUTH failed", "severity_number": 17}, {"body": "AUTH done", "severity_number": 9}, {"body": "other"}
    )
    include = {"match_type": "regexp", "log_bodies": ["^AUTH"], "log_severity_number": {"min": 13}}

    result = processor(include=include, actions=[{"key": "k", "value": 1, "action": "insert"}]).process(batch)

    assert [{"k": 1}, {}, {}] == [dict(log) for log in run_processor("{}", result).records]


def test_include_says_which_metrics_are_changed():
    batch = make_metrics({"name": "a"}, {"name": "b", "kind": "sum"})
    include = {"match_type": "strict", "metric_names": ["b"]}

    result = processor(include=include, actions=[{"key": "k", "value": 1, "action": "insert"}]).process(batch)

    assert [{}, {"k": 1}] == [dict(metric.points[0]) for metric in run_processor("{}", result).records]


@pytest.mark.parametrize(
    ("key", "batch"),
    [
        ("span_names: [a]", make_batch(Signal.LOGS)),
        ("services: [a]", make_batch(Signal.METRICS)),
        ("log_bodies: [a]", make_batch(Signal.TRACES)),
        ("attributes: [{key: a}]", make_batch(Signal.METRICS)),
    ],
)
def test_a_condition_on_another_signal_is_a_mistake_in_the_configuration(key, batch):
    yaml = f"attributes: {{include: {{match_type: strict, {key}}}, actions: [{{key: a, action: delete}}]}}"

    with pytest.raises(ConfigError, match=f"include::{key.split(':')[0]}: is not about {batch.signal}"):
        run_processor(yaml, batch)


def test_built_for_no_signal_in_particular_it_takes_all():
    include = {"match_type": "strict", "span_names": ["span-0"]}
    config = AttributesConfig.model_validate({"include": include, "actions": [{"key": "a", "action": "delete"}]})

    assert factory.build(config, settings("attributes")).process(make_batch(Signal.TRACES, 1, a=1))
    with pytest.raises(ConfigError):
        factory.build(config, dataclasses.replace(settings("attributes"), signal=Signal.LOGS))
