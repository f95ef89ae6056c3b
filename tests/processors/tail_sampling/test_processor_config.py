"""What may be written under `tail_sampling`: the Collector's keys, and a way out where one of them is not supported."""

import pytest
import yaml

from collector.config import CollectorConfig
from collector.errors import ConfigError
from processors.tail_sampling.config import TailSamplingConfig

POLICIES = [{"name": "all", "type": "always_sample"}]
KEYS_OF_THE_COLLECTOR = """
sampling_strategy: trace-complete
decision_wait: 30s
decision_wait_after_root_received: 1s
num_traces: 50000
expected_new_traces_per_sec: 100
decision_cache: {sampled_cache_size: 100000, non_sampled_cache_size: 500000}
sample_on_first_match: true
drop_pending_traces_on_shutdown: true
block_on_overflow: true
maximum_trace_size_bytes: 1000000
num_shards: 8
tail_storage:
policies: [{name: all, type: always_sample}]
"""


def mistakes_in(**settings):
    body = {"processors": {"tail_sampling": {"policies": POLICIES, **settings}}}
    config = CollectorConfig.from_yaml(yaml.safe_dump(body))
    with pytest.raises(ConfigError) as error:
        config.component(TailSamplingConfig, ("processors", "tail_sampling"))
    return str(error.value)


def test_every_key_of_the_collector_is_known():
    config = TailSamplingConfig.model_validate(yaml.safe_load(KEYS_OF_THE_COLLECTOR))

    assert set(yaml.safe_load(KEYS_OF_THE_COLLECTOR)) == config.model_fields_set


@pytest.mark.parametrize(
    ("key", "value", "way_out"),
    [
        ("sampling_strategy", "span-ingest", "probabilistic_sampler"),
        ("tail_storage", "pebble_tail_storage", "`maximum_held_bytes`"),
    ],
)
def test_what_is_not_supported_is_refused_with_a_way_out(key, value, way_out):
    mistake = mistakes_in(**{key: value})

    assert f"processors::tail_sampling::{key}: " in mistake
    assert way_out in mistake


@pytest.mark.parametrize(
    ("key", "value"),
    [("num_traces", 0), ("num_shards", 257), ("logs", "with traces"), ("maximum_held_log_bytes", 0)],
)
def test_what_makes_no_sense_is_refused(key, value):
    assert f"processors::tail_sampling::{key}: " in mistakes_in(**{key: value})


@pytest.mark.parametrize(
    ("policy", "place", "meant"),
    [
        ({"typ": "latency"}, "typ", "type"),
        ({"type": "latency", "latency": {"treshold_ms": 5}}, "latency::treshold_ms", "threshold_ms"),
        (
            {"type": "and", "and": {"and_sub_policy": [{"name": "b", "type": "latency", "latncy": {}}]}},
            "and::and_sub_policy::0::latncy",
            "latency",
        ),
    ],
)
def test_an_unknown_key_inside_a_list_is_told_what_was_meant(policy, place, meant):
    mistakes = mistakes_in(policies=[{"name": "a", **policy}])

    assert f"policies::0::{place}: unknown key; did you mean {meant}?" in mistakes
