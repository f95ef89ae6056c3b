import pytest

from collector.clock import SystemClock
from collector.config import CollectorConfig, load_config
from collector.errors import ConfigError
from collector.graph import build
from collector.telemetry import Telemetry

RUNS = """
receivers: {otlp: {protocols: {grpc: }}}
processors: {batch: }
exporters: {debug: }
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [debug]}
"""


def mistakes(text, **environ):
    """
    Everything that is wrong with a configuration, one line each.
    """
    try:
        build(CollectorConfig.from_yaml(text, path="c.yaml", environ=environ), Telemetry(), SystemClock())
    except ConfigError as error:
        return str(error).splitlines()
    return []


def test_a_configuration_that_runs_has_no_mistakes():
    assert [] == mistakes(RUNS)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("{batch: }", "{batch: {timeot: 1s}}", "3: processors::batch::timeot: unknown key; did you mean timeout?"),
        ("{batch: }", "{batch: {timeout: soon}}", "3: processors::batch::timeout: 'soon' is not a duration: write 200"),
        ("{batch: }", "{batch: {timeout: -1}}", "3: processors::batch::timeout: must be greater than or equal to 0"),
        ("{batch: }", "{batch: 5}", "3: processors::batch: must be a mapping of keys to values"),
        ("{batch: }", "{batch: , bath: }", "3: processors::bath: unknown type 'bath'"),
        ("{batch: }", "{batch: , a b: }", "3: processors::a b: 'a b' is not a component id: write type or type/name"),
        ("{batch: }", "[batch]", "3: processors: must be a mapping of keys to values"),
        ("{debug: }", "{debug: {timeout: x}}", "4: exporters::debug::timeout: 'x' is not a duration"),
        ("{debug: }", "{debug: {sending_queue: {sizer: x}}}", "4: exporters::debug::sending_queue::sizer: must be 'r"),
        ("receivers: [otlp]", "receivers: [x]", '7: service::pipelines::traces::receivers: references receiver "x" wh'),
        ("exporters: [debug]", "exporters: []", "7: service::pipelines::traces::exporters: must have at least 1"),
        ("[batch]", "[batch, batch]", '7: service::pipelines::traces::processors: references processor "batch" 2 t'),
        ("traces:", "spans:", "7: service::pipelines::spans: must be a signal or signal/name, with one of the signals"),
        ("service:", "service:\n  drain_timeout: x\n", "6: service::drain_timeout: 'x' is not a duration"),
        ("service:", "service:\n  extensions: [x]\n", '6: service::extensions: references extension "x" which is not'),
        ("service:", "foo: 1\nservice:", "5: foo: unknown key"),
        ("grpc: ", "", "2: receivers::otlp::protocols: must specify at least one protocol"),
    ],
)
def test_a_mistake_has_its_line_and_its_path(old, new, line):
    (only,) = mistakes(RUNS.replace(old, new))

    assert only.startswith(f"c.yaml:{line}")


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines():
    text = RUNS.replace("{batch: }", "{batch: {timeout: x, foo: 1}}").replace("{debug: }", "{debug: {a: 1}, nope: }")
    text = text.replace("receivers: [otlp]", "receivers: [otlp, zipkin]").replace("grpc: ", 'grpc: {a: "${env:1}"}')

    assert [
        "c.yaml:2: '1' is not the name of an environment variable",
        "c.yaml:2: receivers::otlp::protocols::grpc::a",
        "c.yaml:3: processors::batch::foo",
        "c.yaml:3: processors::batch::timeout",
        "c.yaml:4: exporters::debug::a",
        "c.yaml:4: exporters::nope",
        "c.yaml:7: service::pipelines::traces::receivers",
    ] == [line.partition(": unknown")[0].partition(": 'x'")[0].partition(": references")[0] for line in mistakes(text)]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "[]", "5"])
def test_an_empty_configuration_is_refused(text):
    assert 1 == len(mistakes(text))


def test_a_part_with_a_mistake_is_not_reported_as_missing_too():
    text = RUNS.replace("{otlp: {protocols: {grpc: }}}", "{otlp: 5}")

    assert ["c.yaml:2: receivers::otlp: must be a mapping of keys to values"] == mistakes(text)


def test_what_no_pipeline_uses_is_checked_but_not_built():
    assert 1 == len(mistakes(RUNS.replace("{debug: }", "{debug: , debug/unused: {a: 1}}")))


def test_a_former_name_of_a_type_is_understood():
    text = RUNS.replace("{debug: }", "{debug: , otlp: {endpoint: 'localhost:1'}}")

    assert [] == mistakes(text)


class TestConnectors:
    CHAIN = """
receivers: {otlp: {protocols: {grpc: }}}
exporters: {debug: }
connectors: {forward: , forward/2: }
service:
  pipelines:
    traces/a: {receivers: [otlp], exporters: [forward]}
    traces/b: {receivers: [forward], exporters: [debug, forward/2]}
    traces/c: {receivers: [forward/2], exporters: [debug]}
"""

    def test_pipelines_can_be_chained(self):
        assert [] == mistakes(self.CHAIN)

    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            ("exporters: [forward]", "exporters: [debug]", "forward: is a receiver of traces/b but an exporter of no"),
            ("[debug, forward/2]", "[debug]", "forward/2: is a receiver of traces/c but an exporter of no pipeline"),
            ("[forward/2]", "[otlp]", "forward/2: is an exporter of traces/b but a receiver of no pipeline"),
            ("traces/c: ", "logs/c: ", "forward/2 makes no logs of what it is given"),
            ("{debug: }", "{debug: , forward: }", "is the name of one of the exporters too"),
            ("exporters: [debug]}", "exporters: [forward]}", "in a circle: traces/b -> traces/c -> traces/b"),
        ],
    )
    def test_chains_that_lead_nowhere_or_in_circles_are_refused(self, old, new, complaint):
        assert any(complaint in line for line in mistakes(self.CHAIN.replace(old, new)))


class TestSources:
    @pytest.fixture
    def write(self, tmp_path):
        def write_one(name, text):
            (tmp_path / name).write_text(text)
            return str(tmp_path / name)

        return write_one

    def test_later_files_win_key_by_key_and_lists_are_replaced(self, write):
        base = write("base.yaml", RUNS)
        over = write("over.yaml", "exporters: {debug: {verbosity: normal}, debug/2: }\n"
                                  "service: {pipelines: {traces: {exporters: [debug/2]}}}\n")  # fmt: skip

        config = load_config([base, over])

        assert {"debug", "debug/2"} == set(map(str, config.exporters))
        assert ["debug/2"] == list(map(str, config.service.pipelines["traces"].exporters))
        assert ["otlp"] == list(map(str, config.service.pipelines["traces"].receivers))

    def test_set_overrides_one_value(self, write):
        config = load_config([write("c.yaml", RUNS)], ["processors.batch.timeout=2s", "service::drain_timeout=1m"])

        assert ("2s", 60.0) == (
            next(iter(config.processors.values()))["timeout"],
            config.service.drain_timeout,
        )

    def test_yaml_can_be_given_in_place_of_a_file(self, write):
        config = load_config([write("c.yaml", RUNS), "yaml:service::drain_timeout: 5s"])

        assert 5.0 == config.service.drain_timeout

    def test_a_mistake_names_the_file_it_stands_in(self, write):
        config = load_config([write("base.yaml", RUNS), write("over.yaml", "\nexporters: {debug: {a: 1}}")])

        with pytest.raises(ConfigError, match=r"over.yaml:2: exporters::debug::a: unknown key"):
            build(config, Telemetry(), SystemClock())

    def test_a_mistake_on_the_command_line_names_it(self, write):
        config = load_config([write("c.yaml", RUNS)], ["processors.batch.timeout=x"])

        with pytest.raises(ConfigError, match=r"--set processors.batch.timeout:1: processors::batch::timeout: 'x'"):
            build(config, Telemetry(), SystemClock())

    @pytest.mark.parametrize(("name", "complaint"), [("nowhere.yaml", "No such file"), ("", "Is a directory")])
    def test_a_file_that_cannot_be_read_is_named(self, tmp_path, name, complaint):
        with pytest.raises(ConfigError, match=f"{tmp_path / name}: {complaint}"):
            load_config([str(tmp_path / name)])

    def test_a_file_that_is_not_text_is_named(self, tmp_path):
        (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00")

        with pytest.raises(ConfigError, match=r"c.yaml: "):
            load_config([str(tmp_path / "c.yaml")])


class TestOwnTelemetry:
    @pytest.mark.parametrize(
        ("written", "address"),
        [
            ("{address: 'localhost:1234'}", "localhost:1234"),
            ("{readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 99}}}}]}", "0.0.0.0:99"),
            ("{level: none}", "localhost:8888"),
        ],
    )
    def test_the_metrics_address_is_written_either_way(self, written, address):
        config = CollectorConfig.from_yaml(f"{RUNS}  telemetry: {{metrics: {written}}}")

        assert address == config.service.telemetry.metrics.address

    @pytest.mark.parametrize("written", ["{address: nowhere}", "{readers: [{periodic: {}}]}"])
    def test_what_is_no_address_is_refused(self, written):
        assert 1 == len(mistakes(f"{RUNS}  telemetry: {{metrics: {written}}}"))


def test_levels_have_no_case():
    config = CollectorConfig.from_yaml(RUNS + "  telemetry: {logs: {level: INFO}, metrics: {level: None}}\n")

    assert ("info", "none") == (config.service.telemetry.logs.level, config.service.telemetry.metrics.level)


def test_files_are_looked_for_beside_the_file_that_names_them(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "level").write_text({"one": "debug", "two": "error"}[folder])
    (tmp_path / "one" / "c.yaml").write_text(RUNS + "  telemetry: {logs: {level: '${file:level}'}}\n")
    (tmp_path / "two" / "c.yaml").write_text("processors: {mine: {plugin: mine.py}}\n")
    sources = [str(tmp_path / "one" / "c.yaml"), str(tmp_path / "two" / "c.yaml")]

    config = load_config(sources, ["processors.other.plugin=other.py"], environ={})

    assert "debug" == config.service.telemetry.logs.level
    assert tmp_path / "two" == config.directory_of(("processors", "mine", "plugin"))
    assert tmp_path / "one" == config.directory_of(("processors", "other", "plugin"))


def test_a_configuration_may_be_an_environment_variable():
    config = load_config(["env:WHOLE"], environ={"WHOLE": RUNS})

    assert ["traces"] == list(config.service.pipelines)


def test_a_mistake_in_an_environment_variable_has_its_line():
    with pytest.raises(ConfigError, match="--config env:WHOLE:2: "):
        load_config(["env:WHOLE"], environ={"WHOLE": "a:\n\tb"})


def test_an_environment_variable_that_is_not_set_is_an_empty_configuration():
    with pytest.raises(ConfigError, match="empty configuration"):
        load_config(["env:WHOLE"], environ={})
