import asyncio
import copy

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collector.clock import SystemClock
from collector.config import CollectorConfig
from collector.errors import ConfigError, StartError
from collector.graph import build
from collector.service import Service
from collector.telemetry import Telemetry

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
BASE = {
    "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "localhost:0"}, "http": {"endpoint": "localhost:0"}}}},
    "processors": {
        "batch": {"timeout": "1s", "send_batch_size": 10, "metadata_keys": ["tenant"]},
        "memory_limiter": {"limit_mib": 4000, "check_interval": "1s"},
    },
    "exporters": {
        "debug": {"verbosity": "basic"},
        "otlp_grpc": {
            "endpoint": "localhost:1",
            "tls": {"insecure": True},
            "sending_queue": {"queue_size": 10, "sizer": "items"},
            "retry_on_failure": {"enabled": True, "initial_interval": "1s"},
        },
    },
    "connectors": {"forward": {}},
    "extensions": {"health_check": {"endpoint": "localhost:0"}},
    "service": {
        "extensions": ["health_check"],
        "drain_timeout": "1s",
        "telemetry": {"logs": {"level": "info"}, "metrics": {"level": "none"}},
        "pipelines": {
            "traces": {"receivers": ["otlp"], "processors": ["memory_limiter", "batch"], "exporters": ["debug"]},
            "logs": {"receivers": ["otlp"], "exporters": ["forward"]},
            "logs/out": {"receivers": ["forward"], "exporters": ["debug"]},
        },
    },
}


def paths(tree, path=()):
    yield path
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in children:
        yield from paths(inner, (*path, key))


def changed(path, change):
    tree = copy.deepcopy(BASE)
    if not path:
        return {} if change is ... else change
    inner = tree
    for key in path[:-1]:
        inner = inner[key]
    if change is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = change
    return tree


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(
        ["", "x", "1s", "-1", "${env:NOT}", "${env:", "$$", "otlp", "batch/2", "traces", "\x00", "localhost:0"]
    ),
    st.text(max_size=10),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.sampled_from(["batch", "debug", "otlp", "plugin", "endpoint", "tls"]), st.text(max_size=5)),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=5,
)
CHANGED = st.builds(changed, st.sampled_from(list(paths(BASE))), st.one_of(st.just(...), VALUES))


def outcome(text):
    """
    Build and run a configuration, and stop it at once.
    """
    try:
        config = CollectorConfig.from_yaml(text, environ={})
        graph = build(config, Telemetry(), SystemClock())
    except ConfigError as error:
        return error

    async def run():
        stop = asyncio.Event()
        try:
            await Service(graph, drain_timeout=5).run(stop, started=stop.set)
        except StartError as error:
            return error
        return graph

    return asyncio.run(run())


def test_what_is_changed_is_a_configuration_that_runs():
    assert "Graph" == type(outcome(yaml.safe_dump(BASE))).__name__


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(CHANGED)
@example(None)
@example({"processors": {"batch": {"plugin": "\0"}}})
@example({"service": None})
@example({"service": {"pipelines": {"traces": None}}})
@example({"receivers": {"otlp": {"protocols": None}}, "service": {}})
def test_any_yaml_gives_a_running_graph_or_a_config_error(tree):
    found = outcome(yaml.dump(tree, Dumper=DUMPER, allow_unicode=True))

    assert type(found).__name__ in {"Graph", "ConfigError", "StartError"}
    assert str(found)
    assert getattr(found, "__cause__", None) is None, "a bug"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_a_config_error(text):
    assert isinstance(outcome(text), ConfigError)


def test_components_start_downstream_first_and_extensions_before_all():
    graph = build(CollectorConfig.from_yaml(yaml.safe_dump(BASE)), Telemetry(), SystemClock())
    ids = list(dict.fromkeys(str(built.id) for built in graph.components))

    assert ("health_check", "otlp") == (ids[0], ids[-1])
    assert ids.index("debug") < ids.index("batch") < ids.index("memory_limiter")
    assert ids.index("debug") < ids.index("forward")


async def test_two_pipelines_of_one_signal_share_a_receiver_and_an_exporter():
    telemetry = Telemetry()
    text = yaml.safe_dump(
        {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "localhost:0"}}}},
            "exporters": {"debug": {}},
            "service": {
                "pipelines": {
                    name: {"receivers": ["otlp"], "exporters": ["debug"]} for name in ("traces/a", "traces/b")
                }
            },
        }
    )
    graph = build(CollectorConfig.from_yaml(text), telemetry, SystemClock())

    assert ["debug", "debug", "otlp"] == [str(built.id) for built in graph.components]


def test_a_component_whose_code_breaks_when_it_is_built_is_named_with_its_line(tmp_path):
    (tmp_path / "broken.py").write_text(
        "from collector.api import ComponentConfig, ProcessorFactory\n"
        "def build(config, settings):\n    return 1 / 0\n"
        "factory = ProcessorFactory(config=ComponentConfig, build=build)\n"
    )
    text = yaml.safe_dump(BASE).replace("  batch:\n", "  broken:\n    plugin: broken.py\n  batch:\n")
    text = text.replace("      - memory_limiter\n", "      - broken\n")

    with pytest.raises(ConfigError, match=r"c.yaml:\d+: processors::broken: could not be built: ZeroDivisionError"):
        build(CollectorConfig.from_yaml(text, path=str(tmp_path / "c.yaml")), Telemetry(), SystemClock())
