"""
What the documentation says is true: its snippets are written to files, run, and compared with what it says comes out.

A block may name its file behind its language.  Commands of a console block run in the folder of those files.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from collector.clock import SystemClock
from collector.config import CollectorConfig, load_config
from collector.graph import build
from collector.registry import Kind
from collector.resolution import resolve
from collector.telemetry import Telemetry
from collector.yaml_tree import load, merge

ROOT = Path(__file__).parents[1]
WALKTHROUGHS = [ROOT / "docs" / "writing-a-processor.md"]
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    language: str
    file: str
    text: str


def blocks(path, *languages):
    found = [Block(*match) for match in _BLOCK.findall(path.read_text())]
    return [block for block in found if not languages or block.language in languages]


def pages():
    return sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("**/*.md")])


def snippets(*languages):
    return [
        pytest.param(page, block, id=f"{page.relative_to(ROOT)}-{n}")
        for page in pages()
        if page not in WALKTHROUGHS
        for n, block in enumerate(blocks(page, *languages), 1)
    ]


class Reader:
    """
    Does what a page says, in an empty folder.
    """

    def __init__(self, folder):
        self.folder = folder
        self.installed = folder / "site"
        self.unchecked = {}
        self.validation = ((), {}, "")

    def follow(self, block):
        if block.file:
            self.write(block)
        elif block.language == "python":
            exec(compile(block.text, "snippet", "exec"), {"__name__": "snippet"})
        elif block.language == "console":
            for command in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                line, _, expected = command.partition("\n")
                self.run(shlex.split(line), expected)

    def write(self, block):
        path = self.folder / block.file
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text)
        if block.language == "yaml":
            self.unchecked[block.file] = path

    def run(self, command, expected):
        match command:
            case ["pyotelcol", *arguments]:
                # what runs for ever is only looked at
                arguments = arguments if arguments[0] == "validate" else ["validate", *arguments]
                self.unchecked.pop(arguments[-1], None)
                said = self.validated(*arguments)
            case ["pytest", *arguments]:
                said = re.sub(r" in [\d.]+s$", "", self.python("-m", "pytest", *arguments), flags=re.MULTILINE)
                if not expected:  # how many tests there are is not the point
                    assert " passed" in said
                    assert " failed" not in said
                    return
            case ["cp", source, target]:
                said = str(shutil.copy(self.folder / source, self.folder / target) and "")
            case ["pip", "install", project]:
                said = self.install(self.folder / project)
            case _:
                raise AssertionError(f"the documentation has a command that nobody tries: {command}")
        assert expected == said

    def validated(self, *arguments):
        """
        What runs and was validated just before, with the same files, need not be again.
        """
        files = {path: path.read_bytes() for path in self.folder.rglob("*") if path.suffix in {".py", ".yaml", ".txt"}}
        if self.validation[:2] != (arguments, files):
            self.validation = arguments, files, self.python("-m", "collector", *arguments)
        return self.validation[2]

    def python(self, *arguments):
        path = os.pathsep.join(map(str, (ROOT, self.installed)))
        environment = {**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_COLOR": "1"}
        environment.pop("PYTEST_ADDOPTS", None)
        result = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        return result.stdout + result.stderr

    def install(self, project):
        """
        What pip makes of a project of one module, without asking an index for a build backend.
        """
        metadata = tomllib.loads((project / "pyproject.toml").read_text())
        info = self.installed / f"{metadata['project']['name'].replace('-', '_')}-1.0.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {metadata['project']['name']}\nVersion: 1.0.0\n")
        points = metadata["project"]["entry-points"].items()
        text = "\n".join(
            f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in claims.items()) for group, claims in points
        )
        (info / "entry_points.txt").write_text(text)
        for module in metadata["tool"]["setuptools"]["py-modules"]:
            shutil.copy(project / f"{module}.py", self.installed)
        return ""

    def check_the_rest(self):
        """
        A configuration that the page runs no command on has to run, too.
        """
        for name in list(self.unchecked):
            self.run(["pyotelcol", "validate", "--config", name], "")


@pytest.mark.slow
@pytest.mark.parametrize("page", WALKTHROUGHS, ids=lambda page: page.name)
def test_who_does_what_a_page_says_gets_what_it_says(page, tmp_path):
    reader = Reader(tmp_path)

    for block in blocks(page):
        reader.follow(block)

    reader.check_the_rest()


@pytest.mark.parametrize(("page", "block"), snippets("yaml"))
def test_every_configuration_that_is_shown_is_one(page, block, tmp_path, monkeypatch):
    """
    A part of one is completed with what it lacks.
    """
    shown = load(block.text, "shown")
    assert isinstance(shown.value, dict)
    (tmp_path / "config.yaml").write_text(block.text)
    monkeypatch.chdir(tmp_path)

    if "service" in shown.value:
        build(load_config(["config.yaml"], environ={}), Telemetry(), SystemClock())
    elif set(shown.value) <= set(Kind):
        resolve(CollectorConfig.from_tree(merge(load(_REST, "rest"), shown), tmp_path, {}))


_REST = """\
receivers: {otlp/shown: {protocols: {grpc: }}}
exporters: {debug/shown: }
service: {pipelines: {traces/shown: {receivers: [otlp/shown], exporters: [debug/shown]}}}
"""


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_python_that_is_shown_is_python(page):
    assert all(compile(block.text, str(page), "exec") for block in blocks(page, "python"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    files = [target for target in targets if "://" not in target and not target.startswith("mailto:")]

    assert [] == [target for target in files if not (page.parent / target).exists()]


def _examples():
    return sorted(path for path in (ROOT / "examples").glob("**/*.yaml") if path.name != "docker-compose.yaml")


@pytest.mark.parametrize("path", _examples(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_example_is_a_configuration_that_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    build(load_config([str(path)], environ={}), Telemetry(), SystemClock())


def test_the_configuration_to_start_from_runs():
    build(load_config([str(ROOT / "config.yaml")], environ={}), Telemetry(), SystemClock())


def test_every_record_field_is_in_the_table_of_the_page_about_processors():
    """
    And the table has no field that there is not.
    """
    from collector.api import LogRecord, Metric, Point, Span

    rows = dict(re.findall(r"^\| `(\w+)`[^|]*\| (.*) \|$", WALKTHROUGHS[0].read_text(), re.MULTILINE))
    for view in (Span, LogRecord, Metric, Point):
        told = set(re.findall(r"`(\w+)`", rows[view.__name__]))
        public = {name for name in vars(view) if not name.startswith("_") and not name.endswith("_unix_nano")}
        assert public - {"message_type", "message", "changing", "wire", "kind"} == told - {"kind"}


def test_yaml_in_the_documentation_is_also_what_others_call_yaml():
    """
    Anybody's editor reads it as we do.
    """
    for page in pages():
        for block in blocks(page, "yaml"):
            assert yaml.safe_load(block.text)
