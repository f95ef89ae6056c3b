import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import ConfigError
from collector.yaml_tree import MAX_DEPTH, MAX_SIZE, load, merge


def plain(text):
    return load(text, "c.yaml").plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("22:22", "22:22"),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        ("~", None),
        ("", None),
        ("True", True),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("'1'", "1"),
        ("2026-01-31", "2026-01-31"),
        ("=", "="),
    ],
)
def test_plain_scalars_mean_what_they_mean_in_yaml_1_2(text, value):
    assert {"a": value} == plain(f"a: {text}")


def test_every_value_knows_its_line():
    tree = load("a:\n  b:\n    - 1\n    - c: 2\n", "c.yaml")

    assert ("c.yaml:4", 4) == (tree.at(("a", "b", 1, "c"))[0].where, tree.at(("a", "b", 1, "c"))[1])


def test_a_path_that_leads_nowhere_gives_the_innermost_parent():
    node, taken = load("a:\n  b: 1\n", "c.yaml").at(("a", "x", "y"))

    assert ("c.yaml:1", 1) == (node.where, taken)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "c.yaml:3: "),
        ("a: [1\nb: 2\n", "c.yaml:2: "),
        ("a: !!python/object/apply:os.system [ls]\n", "c.yaml:1: "),
        ("a: !mine 1\n", "c.yaml:1: "),
        ("? [a]\n: 1\n", "c.yaml:1: "),
        ("a: &x\n  b: *x\n", "c.yaml:"),
        ("a: 1\n---\nb: 2\n", "c.yaml:2: "),
        ("a: \0", "c.yaml: "),
    ],
)
def test_what_no_configuration_needs_is_refused_with_its_line(text, line):
    with pytest.raises(ConfigError) as refused:
        load(text, "c.yaml")

    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


def test_every_key_that_stands_twice_is_told_with_both_places():
    with pytest.raises(ConfigError) as refused:
        load("a: 1\nb: {c: 1, c: 2}\na: 3\n", "c.yaml")

    assert [
        'c.yaml:2: the key "c" stands here twice, first in line 2',
        'c.yaml:3: the key "a" stands here twice, first in line 1',
    ] == str(refused.value).splitlines()


def test_merge_keys_fill_in_what_is_not_there():
    assert {"x": {"a": 1, "b": 2}, "y": {"a": 3, "b": 2, "c": 4}, "z": {"a": 1, "b": 5}} == plain(
        "x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3, c: 4}\nz:\n  <<: [{b: 5}, *x]\n"
    )


def test_a_merge_key_takes_mappings_only():
    with pytest.raises(ConfigError, match=r"c.yaml:1: << takes a mapping"):
        load("a: {<<: 1}", "c.yaml")


def test_aliases_that_stand_for_billions_are_refused_quickly():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]

    with pytest.raises(ConfigError, match="counting what aliases stand for"):
        load("\n".join(lines), "c.yaml")


@pytest.mark.parametrize(("depth", "end"), [(MAX_DEPTH + 2, ""), (5_000, "\n"), (200_000, "")])
def test_deep_nesting_is_refused(depth, end):
    with pytest.raises(ConfigError, match="deep"):
        load(f"[{end}" * depth + f"]{end}" * depth, "c.yaml")


def test_a_large_file_is_refused():
    with pytest.raises(ConfigError, match="larger than"):
        load("#" * (MAX_SIZE + 1), "c.yaml")


def test_mappings_merge_and_lists_are_replaced():
    base = load("a: {b: 1, c: [1, 2]}\nd: 1\n", "base")
    over = load("a: {c: [3], e: 4}\nd:\n", "over")

    merged = merge(base, over)

    assert {"a": {"b": 1, "c": [3], "e": 4}, "d": None} == merged.plain()
    assert "over:1" == merged.at(("a", "c"))[0].where


def complaint(text):
    try:
        load(text, "c.yaml").plain()
    except ConfigError as error:
        return str(error)
    return None


@given(st.text(max_size=200))
def test_any_text_is_a_tree_or_a_config_error(text):
    found = complaint(text)

    assert found is None or found.startswith("c.yaml")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: !s3cret x", "c.yaml:1: a value that starts with ! is a tag, which means nothing here; text needs quotes"),
        (
            "a: *s3cret",
            "c.yaml:1: a value that starts with * is an alias, and there is no such anchor; text needs quotes",
        ),
        ("a:\n\ts3cret: x", "c.yaml:2: indented with a tab; YAML takes spaces"),
    ],
)
def test_a_password_without_quotes_is_not_repeated(text, complaint):
    with pytest.raises(ConfigError) as mistake:
        load(text, "c.yaml")

    assert complaint == str(mistake.value)
