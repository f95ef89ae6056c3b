import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from collector import registry
from collector.api import ProcessorFactory
from collector.errors import ConfigError
from collector.registry import Kind, builtin_types, factory_of, known_types, load_factory
from processors import batch

ROOT = Path(__file__).parents[2]
PROCESSOR = """\
\"\"\"Drops nothing.\"\"\"
from collector.api import span_processor

@span_processor
def keep(span):
    return span
"""


CONFIG = """\
receivers: {none: {plugin: ./none.py}}
processors: {batch: }
exporters: {debug: }
service: {pipelines: {traces: {receivers: [none], processors: [batch], exporters: [debug]}}}
"""
NO_RECEIVER = """\
from contextlib import nullcontext
from collector.api import ComponentConfig, ReceiverFactory

class Nothing:
    def __init__(self, config, settings, next):
        pass

    def lifespan(self):
        return nullcontext()

factory = ReceiverFactory(config=ComponentConfig, build=Nothing)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """
    Installs distributions as pip does: files on the path, and metadata beside them.
    """
    monkeypatch.syspath_prepend(tmp_path)

    def one(name, claims, files=(), group="pyotelcol.processors"):
        metadata = tmp_path / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("\n".join([f"[{group}]", *claims]))
        for file, text in dict(files).items():
            (tmp_path / file).write_text(text)
        forget()
        return tmp_path

    yield one
    monkeypatch.undo()
    forget()


def forget():
    for cached in (registry._entry_points, registry._installed):
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


def mistake(type_, kind=Kind.PROCESSOR):
    with pytest.raises(ConfigError) as caught:
        load_factory(kind, type_)
    return str(caught.value)


def python(*arguments, path=""):
    """
    A process of its own: what is imported here already would hide what is imported there.
    """
    environment = {"PYTHONPATH": f"{ROOT}:{path}", "PATH": ""}
    return subprocess.run(
        [sys.executable, *arguments], check=False, capture_output=True, text=True, env=environment, cwd=path or ROOT
    )


def test_the_file_is_the_registration():
    assert load_factory(Kind.PROCESSOR, "batch") is batch.factory
    assert "batch" in builtin_types(Kind.PROCESSOR)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_built_in_type_can_be_loaded_and_is_of_its_kind(kind):
    for type_ in builtin_types(kind):
        assert factory_of(kind, load_factory(kind, type_)) is not None


def test_a_former_name_means_the_same_component():
    assert load_factory(Kind.EXPORTER, "otlp") is load_factory(Kind.EXPORTER, "otlp_grpc")


@pytest.mark.parametrize(("typo", "meant"), [("bacth", "batch"), ("memorylimiter", "memory_limiter")])
def test_an_unknown_type_gets_the_nearest_one_and_all_there_are(typo, meant):
    known = ", ".join(known_types(Kind.PROCESSOR))

    assert f"unknown type {typo!r}; did you mean {meant}? Known types: {known}" == mistake(typo)


def test_a_former_name_may_be_the_nearest_one():
    assert "did you mean otlp" in mistake("oltp", Kind.EXPORTER)


def test_what_resembles_nothing_gets_no_suggestion():
    assert mistake("zzz").startswith("unknown type 'zzz'. Known types: ")


class TestInstalledDistributions:
    @pytest.mark.parametrize("value", ["acme_keep:keep", "acme_keep"])
    def test_what_they_announce_is_a_type(self, install, value):
        install("acme", [f"keep = {value}"], {"acme_keep.py": PROCESSOR})

        assert isinstance(load_factory(Kind.PROCESSOR, "keep"), ProcessorFactory)
        assert "keep" in known_types(Kind.PROCESSOR)

    def test_the_docstring_of_their_module_describes_them(self, install):
        install("acme", ["keep = acme_keep:keep"], {"acme_keep.py": PROCESSOR})

        build = load_factory(Kind.PROCESSOR, "keep").build

        assert "Drops nothing." == sys.modules[build.__module__].__doc__

    def test_two_that_claim_one_name_are_a_mistake_for_who_uses_it_and_for_nobody_else(self, install):
        install("acme", ["keep = acme_keep:keep"], {"acme_keep.py": PROCESSOR})
        install("other", ["keep = acme_other:keep"])

        assert "'keep' is claimed by acme_keep:keep and by acme_other:keep" == mistake("keep")
        assert load_factory(Kind.PROCESSOR, "batch") is batch.factory

    def test_who_claims_the_name_of_a_built_in_type_is_a_mistake(self, install):
        install("acme", ["batch = acme_keep:keep"])

        assert "'batch' is built in, and also claimed by acme_keep:keep" == mistake("batch")

    def test_one_that_is_found_twice_counts_once(self, install):
        """
        As after an editable install over an ordinary one.
        """
        install("acme", ["keep = acme_keep:keep"], {"acme_keep.py": PROCESSOR})
        install("acme_again", ["keep = acme_keep:keep"])

        assert isinstance(load_factory(Kind.PROCESSOR, "keep"), ProcessorFactory)

    def test_one_that_cannot_be_imported_names_file_line_and_cause(self, install):
        folder = install("acme", ["keep = acme_keep:keep"], {"acme_keep.py": "import sys\nsys.exit(1)"})

        assert f"cannot import acme_keep:keep: {folder}/acme_keep.py:2: SystemExit: 1" == mistake("keep")

    def test_one_that_is_not_there_any_more_is_named(self, install):
        install("acme", ["keep = acme_gone:keep", "lost = collector.api:lost"])

        assert "cannot import acme_gone:keep: ModuleNotFoundError: No module named 'acme_gone'" == mistake("keep")
        assert "cannot import collector.api:lost: AttributeError: module 'collector.api' has no attribute 'lost'" == (
            mistake("lost")
        )

    def test_one_that_is_no_component_is_a_mistake(self, install):
        install("acme", ["keep = acme_keep:span_processor"], {"acme_keep.py": PROCESSOR})

        assert "acme_keep:span_processor is a function; for processors it has to be ProcessorFactory" in mistake("keep")

    def test_they_may_bring_other_kinds_of_components(self, install):
        text = textwrap.dedent("""\
            from collector.api import ComponentConfig, ExporterFactory

            class Void:
                async def export(self, batch):
                    pass

            factory = ExporterFactory(config=ComponentConfig, build=Void)
        """)
        install("acme", ["void = acme_void:factory"], {"acme_void.py": text}, group="pyotelcol.exporters")

        assert "Void" == load_factory(Kind.EXPORTER, "void").build.__name__

    @pytest.mark.slow
    def test_a_collector_finds_them(self, tmp_path, install):
        folder = install("acme", ["keep = acme_keep:keep"], {"acme_keep.py": PROCESSOR})
        (tmp_path / "none.py").write_text(NO_RECEIVER)
        (tmp_path / "config.yaml").write_text(CONFIG.replace("batch", "keep"))

        result = python("-m", "collector", "validate", "--config", "config.yaml", path=folder)

        assert (0, "", "") == (result.returncode, result.stdout, result.stderr)


@pytest.mark.slow
def test_only_what_a_configuration_names_is_imported(tmp_path):
    (tmp_path / "none.py").write_text(NO_RECEIVER)
    (tmp_path / "config.yaml").write_text(CONFIG)
    script = (
        "import sys; from collector.cli import main; code = main(['validate', '--config', 'config.yaml']);"
        "print(code, sorted({n.partition('.')[0] for n in sys.modules} & {'grpc', 'aiohttp', 'cramjam', 'uvloop'}),"
        "sorted({'.'.join(n.split('.')[:2]) for n in sys.modules if n.startswith(('processors.', 'exporters.'))}))"
    )

    result = python("-c", script, path=tmp_path)

    assert ("0 [] ['exporters.debug', 'processors.batch']\n", "") == (result.stdout, result.stderr)
