import sys
import textwrap

import pytest

from collector.api import ProcessorFactory
from collector.errors import ConfigError
from collector.plugins import load_plugin
from collector.registry import Kind, load_factory

FUNCTION = """\
from collector.api import span_processor

@span_processor
def {name}(span):
    return span
"""
FACTORY = """\
from collector.api import ComponentConfig, ProcessorFactory

class Pass:
    def __init__(self, config, settings):
        pass

    def process(self, batch):
        return batch

{name} = ProcessorFactory(config=ComponentConfig, build=Pass)
"""


@pytest.fixture
def plugin(tmp_path):
    """
    Writes a plugin and returns its path.
    """

    def write(text, name="plugin.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return write


def mistake(path, kind=Kind.PROCESSOR, type_="drop_noise"):
    with pytest.raises(ConfigError) as caught:
        load_factory(kind, type_, plugin=path)
    return str(caught.value)


@pytest.mark.parametrize("text", [FUNCTION.format(name="anything"), FACTORY.format(name="factory")])
def test_a_file_with_one_processor_needs_no_more(plugin, text):
    assert isinstance(load_factory(Kind.PROCESSOR, "drop_noise", plugin=plugin(text)), ProcessorFactory)


def test_a_factory_may_have_any_name_if_it_is_the_only_one(plugin):
    assert load_factory(Kind.PROCESSOR, "x", plugin=plugin(FACTORY.format(name="mine"))).build.__name__ == "Pass"


def test_of_several_processors_the_component_is_called_like_the_one_it_is(plugin):
    """
    So that one file can mask spans and log records.
    """
    path = plugin(FUNCTION.format(name="mask_spans") + FACTORY.format(name="mask_logs"))

    factory = load_factory(Kind.PROCESSOR, "mask_logs", plugin=path)

    assert "Pass" == factory.build.__name__


def test_of_several_processors_the_one_called_factory_is_meant(plugin):
    path = plugin(FUNCTION.format(name="a") + FACTORY.format(name="b") + "factory = b")

    assert "Pass" == load_factory(Kind.PROCESSOR, "a", plugin=path).build.__name__


def test_a_decorated_function_may_be_called_factory(plugin):
    path = plugin(FUNCTION.format(name="a") + FUNCTION.format(name="b") + "factory = b")

    assert isinstance(load_factory(Kind.PROCESSOR, "x", plugin=path), ProcessorFactory)


def test_several_processors_and_no_choice_is_a_mistake(plugin):
    path = plugin(FUNCTION.format(name="one") + FUNCTION.format(name="two"))

    assert f"{path}: has several: one, two. Call one of them `factory`, or the component like one of them" == mistake(
        path
    )


def test_no_processor_is_a_mistake_that_says_what_one_looks_like(plugin):
    path = plugin("x = 1")

    assert (
        f"{path}: has nothing for processors: it needs factory = ProcessorFactory or BufferingProcessorFactory(...), "
        "or a function with @span_processor or the like"
    ) == mistake(path)


def test_the_factory_of_something_else_is_a_mistake(plugin):
    path = plugin(FACTORY.format(name="factory"))

    assert f"{path}: `factory` is a ProcessorFactory; for exporters it has to be ExporterFactory" == mistake(
        path, Kind.EXPORTER
    )


def test_a_factory_that_is_none_is_a_mistake(plugin):
    path = plugin("factory = 'drop_noise'")

    assert "`factory` is a str; for processors it has to be ProcessorFactory or" in mistake(path)


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("x = 1\ndef broken(:\n", 2, "SyntaxError: invalid syntax"),
        ("import nowhere", 1, "ModuleNotFoundError: No module named 'nowhere'"),
        ("\n\nraise ValueError('no')", 3, "ValueError: no"),
        ("def f():\n    1 / 0\nf()", 2, "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('bye')", 2, "SystemExit: bye"),
        ("raise GeneratorExit", 1, "GeneratorExit: "),
        ("x = 1\nx = 'a\x00b'", None, "null bytes"),
        (
            "from collector.api import span_processor\n@span_processor\ndef f(span): span['x'] = 1",
            2,
            "TypeError: f() never returns its record: return it to keep it, or None to drop it",
        ),
        ("raise ValueError('two\\nlines \\x1b[31m')", 1, "ValueError: two lines ?[31m"),
        (
            "class Mute(Exception):\n    def __str__(self): raise KeyError\nraise Mute",
            3,
            "Mute: (its text cannot be had: KeyError)",
        ),
        (
            "from collector.api import span_processor\n@span_processor\ndef f(span, *, n: object()): return span",
            2,
            "PydanticSchemaGenerationError: Unable to generate pydantic-core schema",
        ),
    ],
)
def test_a_plugin_that_does_not_load_names_file_line_and_cause(plugin, text, line, cause):
    path = plugin(text)

    said = mistake(path)

    assert said.startswith(f"{path}:{line}: " if line else str(path))
    assert cause in said


def test_an_interrupt_while_a_plugin_loads_is_nobodys_mistake(plugin):
    with pytest.raises(KeyboardInterrupt):
        load_plugin(plugin("raise KeyboardInterrupt"))


def test_a_plugin_that_did_not_load_leaves_nothing_behind(plugin):
    before = set(sys.modules)

    mistake(plugin("raise ValueError"))

    assert [] == [name for name in set(sys.modules) - before if name.startswith("pyotelcol_plugin")]


def test_a_file_that_is_not_there_is_a_mistake(tmp_path):
    assert f"{tmp_path}/x.py: No such file or directory" == mistake(tmp_path / "x.py")


def test_a_folder_is_no_plugin(tmp_path):
    assert f"{tmp_path}: is not a Python file" == mistake(tmp_path)


def test_only_python_is_a_plugin(plugin):
    path = plugin(FUNCTION.format(name="f"), "plugin.txt")

    assert f"{path}: is not a Python file" == mistake(path)


def test_a_plugin_imports_its_neighbours_with_a_dot(plugin):
    plugin("ROUTES = ['/health']", "rules.py")
    path = plugin("from .rules import ROUTES\n" + FUNCTION.format(name="f"))

    assert ["/health"] == load_plugin(path).ROUTES


def test_neighbours_of_the_same_name_in_two_folders_do_not_meet(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rules.py").write_text(f"ROUTES = '{folder}'")
        (tmp_path / folder / "plugin.py").write_text("from .rules import ROUTES")

    assert ["a", "b"] == [load_plugin(tmp_path / folder / "plugin.py").ROUTES for folder in "ab"]


def test_a_neighbour_that_does_not_load_is_named_with_its_line(plugin):
    rules = plugin("\n1 / 0", "rules.py")
    path = plugin("from .rules import ROUTES")

    assert f"{rules}:2: ZeroDivisionError: division by zero" == mistake(path)


def test_a_neighbour_that_is_imported_without_a_dot_gets_a_hint(plugin):
    plugin("ROUTES = []", "rules.py")
    path = plugin("from rules import ROUTES")

    assert (
        f"{path}:1: ModuleNotFoundError: No module named 'rules'; "
        "a file next to the plugin is imported with a leading dot: from .rules import ..."
    ) == mistake(path)


WITHOUT_METHOD = """\
from collector.api import ComponentConfig, ProcessorFactory
class Mask:
    def proces(self, batch): return batch
factory = ProcessorFactory(config=ComponentConfig, build=Mask)
"""
TAKES_ANYTHING = """\
from pydantic import BaseModel
from collector.api import ProcessorFactory
class MaskConfig(BaseModel):
    keys: list[str] = []
factory = ProcessorFactory(config=MaskConfig, build=lambda *_: None)
"""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (WITHOUT_METHOD, "Mask has no method process()"),
        (WITHOUT_METHOD.replace("def proces(", "async def process("), "process() has to return its batch at once"),
        (TAKES_ANYTHING, "its config MaskConfig has to be a ComponentConfig, which refuses unknown keys"),
        (TAKES_ANYTHING.replace("config=MaskConfig", "config={}"), "its config {} has to be a ComponentConfig"),
    ],
)
def test_a_class_that_could_not_work_is_a_mistake_before_anything_starts(plugin, text, complaint):
    path = plugin(text)

    with pytest.raises(ConfigError) as error:
        load_factory(Kind.PROCESSOR, "mask", plugin=path)

    assert str(error.value).startswith(f"{path}: `factory`: {complaint}")


def test_an_imported_processor_is_not_the_plugins_own(plugin):
    plugin(FUNCTION.format(name="shared"), "rules.py")
    path = plugin("from .rules import shared\n" + FUNCTION.format(name="mine"))

    assert "mine" == load_factory(Kind.PROCESSOR, "x", plugin=path).config.__name__.removesuffix("_config")


def test_a_file_runs_once_until_it_is_changed(plugin):
    path = plugin("n = 1")
    first, second = load_plugin(path), load_plugin(path)
    path.write_text("n = 22")

    assert first is second
    assert 22 == load_plugin(path).n


def test_what_is_written_in_the_configuration_is_what_errors_show(plugin, monkeypatch, tmp_path):
    """
    A relative path stays relative.
    """
    path = plugin("1 / 0")
    monkeypatch.chdir(tmp_path)

    assert "plugin.py:1: ZeroDivisionError: division by zero" == mistake(path.relative_to(tmp_path))


@pytest.mark.parametrize("name", ["drop-noise.py", "drop.noise.py", "0.py", "lärm.py", "queue.py", "batch.py"])
def test_a_file_may_have_any_name(plugin, name):
    path = plugin("ROUTES = 1\n" + FUNCTION.format(name="f"), name)

    assert 1 == load_plugin(path).ROUTES
