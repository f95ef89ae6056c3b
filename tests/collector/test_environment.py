import logging

import pytest

from collector.environment import Substitution
from collector.errors import ConfigError
from collector.yaml_tree import Folders, load


def expand(text, tmp_path, **environ):
    substitution = Substitution(environ, Folders(tmp_path))
    tree = substitution.expand(load(text, "c.yaml"))
    if substitution.mistakes:
        raise ConfigError("\n".join(substitution.mistakes))
    return tree


def value(text, tmp_path, **environ):
    return expand(f"a: {text}", tmp_path, **environ).plain()["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${env:PORT}", 4317),
        ("${PORT}", 4317),
        ("localhost:${env:PORT}", "localhost:4317"),
        ("${env:NOT:-8080}", 8080),
        ("${env:NOT:-}", None),
        ("${env:EMPTY:-x}", None),
        ("x${env:EMPTY:-y}z", "xz"),
        ("${env:NOT:-${env:PORT}}", 4317),
        ("${env:${env:WHICH}}", 4317),
        ("$$", "$"),
        ("$${env:PORT}", "${env:PORT}"),
        ("a$b", "a$b"),
        ("'${env:FLAG}'", True),
        ("${env:LIST}", [1, 2]),
        ("[x, '${env:PORT}']", ["x", 4317]),
    ],
)
def test_substitutions(text, expected, tmp_path):
    environ = {"PORT": "4317", "EMPTY": "", "WHICH": "PORT", "FLAG": "true", "LIST": "[1, 2]"}

    assert expected == value(text, tmp_path, **environ)


def test_a_whole_value_keeps_its_text_for_fields_that_want_text(tmp_path):
    node = expand("a: ${env:ID}", tmp_path, ID="0123").at(("a",))[0]

    assert (123, "0123") == (node.value, node.text)


def test_a_password_that_looks_like_broken_yaml_is_text(tmp_path):
    assert "{[x: &" == value("${env:PASSWORD}", tmp_path, PASSWORD="{[x: &")


def test_a_file_is_read_beside_the_configuration(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "more.yaml").write_text("b: 1\nc: [2]\n")

    assert ["s3cret", {"b": 1, "c": [2]}] == value("['${file:token}', '${file:more.yaml}']", tmp_path)


def test_what_is_read_stands_where_the_reference_stood(tmp_path):
    (tmp_path / "more.yaml").write_text("x:\n  y: 1\n")

    node, _ = expand("z: 1\na: ${file:more.yaml}", tmp_path).at(("a", "x", "y"))

    assert "c.yaml:2" == node.where


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("${env:1X}", "is not the name of an environment variable"),
        ("${env:LOOP}", "too many recursive expansions"),
        ("${env:PORT", "a reference has no closing brace"),
        ("${file:nowhere}", "cannot read nowhere"),
    ],
)
def test_mistakes_have_their_line(text, complaint, tmp_path):
    with pytest.raises(ConfigError, match=f"c.yaml:1: .*{complaint}"):
        value(f"'{text}'", tmp_path, LOOP="${env:LOOP}")


def test_all_mistakes_are_collected(tmp_path):
    with pytest.raises(ConfigError) as refused:
        expand("a: ${env:1}\nb: ${file:nowhere}\n", tmp_path)

    assert 2 == len(str(refused.value).splitlines())


def test_a_variable_that_is_not_set_is_empty_and_warned_about(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        found = value("x${env:NOT}y", tmp_path)

    assert ("xy", True) == (found, "NOT, which is not set" in caplog.text)


@pytest.mark.parametrize("text", ["s3cret${x", "${vault:s3cret}", "a${s3:s3cret}b"])
def test_a_mistake_does_not_repeat_what_may_be_a_password(text, tmp_path):
    with pytest.raises(ConfigError) as mistake:
        value(f"'{text}'", tmp_path)

    assert "s3cret" not in str(mistake.value)
