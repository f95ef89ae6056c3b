from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from bench import processes
from bench.payloads import KINDS
from bench.scenario import EncodingScenario, ProcessingScenario, load_scenarios
from collector.cli import main


def configuration(scenario):
    if not isinstance(scenario, EncodingScenario | ProcessingScenario):
        return scenario.collector
    exporters = getattr(scenario, "exporters", {"debug": {}})
    processors = getattr(scenario, "processors", {})
    pipeline = {"receivers": ["otlp"], "processors": list(processors), "exporters": list(exporters)}
    return {
        "receivers": {"otlp": {"protocols": {"grpc": {}}}},
        "processors": processors,
        "exporters": exporters,
        "service": {"pipelines": {KINDS[load.payload].signal: pipeline for load in scenario.loads}},
    }


def test_every_shipped_configuration_is_valid(tmp_path, monkeypatch):
    for name, value in processes.ports(sink=1).items():
        monkeypatch.setenv(name, value)
    for scenario in load_scenarios():
        path = tmp_path / "collector.yaml"
        path.write_text(yaml.safe_dump(configuration(scenario)))

        assert 0 == main(["validate", "--config", str(path)]), scenario.name


def test_a_scenario_is_found_by_its_file_name():
    (scenario,) = load_scenarios(["idle"])

    assert "idle" == scenario.name


def test_an_unknown_name_is_answered_with_those_that_exist():
    with pytest.raises(SystemExit, match=r"no scenario fast; there are: .*grpc, .*idle"):
        load_scenarios(["fast"])


def test_a_key_that_means_nothing_is_an_error(tmp_path: Path):
    (tmp_path / "odd.yaml").write_text("{measure: idle, description: x, collector: {}, peer: [], color: red}")

    with pytest.raises(ValidationError, match="color"):
        load_scenarios(folder=tmp_path)
