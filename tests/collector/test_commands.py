"""What the commands print that start nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from collector.catalogue import catalogue
from collector.cli import main
from collector.config import CollectorConfig
from collector.effective_config import effective
from collector.registry import Kind, known_types
from collector.schema import config_schema

ROOT = Path(__file__).parents[2]
EXAMPLES = [ROOT / "config.yaml", *sorted((ROOT / "examples").glob("**/config*.yaml"))]
SECRET = "canary-7f3a"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(config_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_schema_accepts_the_configurations_that_ship(validator, path):
    assert [] == list(validator.iter_errors(yaml.safe_load(path.read_text())))


@pytest.mark.parametrize("entry", list(catalogue()), ids=lambda entry: f"{entry.kind}/{entry.type}")
def test_the_schema_accepts_the_example_of_every_component(validator, entry):
    settings = yaml.safe_load(entry.factory.example)

    assert [] == list(validator.iter_errors({entry.kind: {entry.type: settings}}))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("batch:", "batch: {timeot: 1s}"),
        ("batch:", "batch: {send_batch_size: many}"),
        ("exporters:", "exporters:\n  debug/two: {sending_queue: {sizer: x}}"),
        ("service:", "foo: 1\nservice:"),
        ("batch:", "what_is_this:"),
    ],
)
def test_the_schema_shows_an_editor_what_is_wrong(validator, old, new):
    text = (ROOT / "config.yaml").read_text().replace(old, new, 1)

    assert list(validator.iter_errors(yaml.safe_load(text)))


@pytest.mark.parametrize("value", ["${env:SIZE}", "${env:SIZE:-100}"])
def test_the_schema_lets_a_substitution_stand_for_a_number(validator, value):
    text = (ROOT / "config.yaml").read_text().replace("batch:", f'batch: {{send_batch_size: "{value}"}}', 1)

    assert [] == list(validator.iter_errors(yaml.safe_load(text)))


def test_the_schema_knows_plugins(validator):
    text = (ROOT / "config.yaml").read_text().replace("batch:", "mine: {plugin: ./mine.py, anything: 1}\n  batch:", 1)

    assert [] == list(validator.iter_errors(yaml.safe_load(text)))


def test_the_effective_configuration_can_be_run_itself_and_stays_the_same():
    once = effective(CollectorConfig.from_yaml((ROOT / "config.yaml").read_text()))

    assert once == effective(CollectorConfig.from_yaml(once))
    assert "send_batch_size: 8192" in once


def test_the_effective_configuration_has_no_secrets(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    headers = f"{{endpoint: 'http://me:{SECRET}@localhost:1', headers: {{authorization: '{SECRET}'}}}}"
    path.write_text((ROOT / "config.yaml").read_text().replace("exporters:", f"exporters:\n  otlp_http: {headers}", 1))

    code = main(["print-config", "--config", str(path)])

    printed = capsys.readouterr().out
    assert (0, False) == (code, SECRET in printed)
    assert "endpoint: http://me:**********@localhost:1\n" in printed


def test_components_lists_everything_for_people_and_for_programs(capsys):
    main(["components"])
    table = capsys.readouterr().out
    main(["components", "--json"])
    listed = json.loads(capsys.readouterr().out)

    assert {(kind, type_) for kind in Kind for type_ in known_types(kind)} == {(e["kind"], e["type"]) for e in listed}
    assert all(e["summary"] and e["type"] in table for e in listed)


def test_validate_prints_nothing_when_nothing_is_wrong(capsys):
    assert 0 == main(["validate", "--config", str(ROOT / "config.yaml")])
    assert ("", "") == capsys.readouterr()


def test_validate_tells_mistakes_on_standard_error(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text("exporters: {nope: }\n")

    code = main(["validate", "--config", str(tmp_path / "c.yaml")])

    assert 2 == code
    assert 2 == len(capsys.readouterr().err.splitlines())


@pytest.mark.parametrize("arguments", [[], ["validate"], ["dance", "--config", "x"]])
def test_a_wrong_command_line_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as exited:
        main(arguments)

    assert 2 == exited.value.code
    assert "usage: pyotelcol" in capsys.readouterr().err


@pytest.mark.slow
def test_validate_loads_only_what_the_configuration_uses():
    code = (
        "import sys; from collector.cli import main; main(['validate', '--config', 'config.yaml']);"
        "print([m for m in ('exporters.otlp_grpc', 'exporters.otlp_http', 'exporters.file') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )

    assert "[]\n" == done.stdout


def command(*arguments, shell, **environ):
    program = ["sh", "-c", shell, "sh", sys.executable, "-m", "collector", *arguments]
    return subprocess.run(
        program, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, timeout=30, check=False
    )


@pytest.mark.slow
def test_what_is_printed_is_utf_8_whatever_the_locale(tmp_path):
    (tmp_path / "c.yaml").write_text((ROOT / "config.yaml").read_text().replace("debug", "debug/größe☃"), "utf-8")

    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = command("print-config", "--config", str(tmp_path / "c.yaml"), shell='exec "$@"', **ascii_locale)

    assert (0, b"") == (done.returncode, done.stderr)
    assert "debug/größe☃" in done.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "code", "complaint"),
    [
        ('"$@" | head -1', 0, b""),
        ('exec "$@" >&-', 1, b"cannot write to standard output: it is closed\n"),
        ('exec "$@" >/dev/full', 1, b"cannot write to standard output: No space left on device\n"),
    ],
    ids=["head", "closed", "full"],
)
def test_whoever_does_not_take_what_is_printed_is_told_of_in_one_line(shell, code, complaint):
    done = command("schema", shell=shell)

    assert (code, complaint) == (done.returncode, done.stderr)
