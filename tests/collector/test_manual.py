from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from collector.catalogue import catalogue
from collector.config_types import parse_duration
from collector.delivery.settings import DeliveryConfig
from collector.manual import _duration, keys, pages, write

COMPONENTS = Path(__file__).parents[2] / "docs" / "components"


@pytest.fixture(scope="module")
def made():
    return pages()


def test_the_pages_are_what_the_code_says(made):
    """
    `make docs` writes them again.
    """
    kept = {str(path.relative_to(COMPONENTS)): path.read_text() for path in COMPONENTS.glob("**/*.md")}

    assert made == kept


def test_every_component_has_a_page_that_shows_an_example(made):
    for entry in catalogue():
        assert f"```yaml\n{entry.kind}:\n" in made[f"{entry.kind}/{entry.type}.md"]


def test_nested_settings_have_a_row_each_with_type_default_and_description():
    rows = {key.path: key for key in keys(DeliveryConfig)}

    assert ("true or false", "`true`") == rows["sending_queue.enabled"][1:3]
    assert ("`requests`, `items`, `bytes`", '`"requests"`') == rows["sending_queue.sizer"][1:3]
    assert ("duration", "`5s`") == rows["retry_on_failure.initial_interval"][1:3]
    assert all(key.description for key in rows.values())


class Leaf(BaseModel):
    text: str = Field(description="A text.")


class Branch(BaseModel):
    leaves: list[Leaf] = Field(default=[], description="Leaves.")
    maybe: list[Leaf] | None = Field(default=None, description="Leaves, or none.")
    short: list[str | Leaf] = Field(default=[], description="Leaves, or their texts.")
    one: Annotated[Branch | None, Field(description="A branch of the branch.")] = None
    many: list[Branch] = Field(default=[], description="Branches of the branch.")


class Tree(BaseModel):
    branches: list[Branch] = Field(description="Branches.")


def test_settings_of_what_is_in_a_list_have_a_row_each_too():
    rows = {key.path: key for key in keys(Tree)}

    assert ("list of settings", "required", "Branches.") == rows["branches"][1:]
    assert ("list of settings", "`[]`", "Leaves.") == rows["branches[].leaves"][1:]
    assert "list of text or settings" == rows["branches[].short"].type
    assert ("text", "required", "A text.") == rows["branches[].leaves[].text"][1:]
    assert ("text", "required", "A text.") == rows["branches[].maybe[].text"][1:]


def test_what_is_inside_of_itself_is_not_told_again_but_where_it_was_told():
    rows = {key.path: key.type for key in keys(Tree)}

    assert "settings as of `branches[]`" == rows["branches[].one"]
    assert "list of settings as of `branches[]`" == rows["branches[].many"]
    assert [path for path in rows if path.startswith(("branches[].one.", "branches[].many["))] == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.2, "200ms"), (1.5, "1.5s"), (60, "1m"), (90, "90s"), (7200, "2h")]
)
def test_durations_are_written_as_in_a_configuration(seconds, text):
    assert (text, seconds) == (_duration(seconds), parse_duration(text))


def test_pages_of_components_that_are_gone_are_removed(tmp_path, made):
    (tmp_path / "processors").mkdir()
    (tmp_path / "processors" / "gone.md").write_text("old")

    write(tmp_path)

    assert set(made) == {str(path.relative_to(tmp_path)) for path in tmp_path.glob("**/*.md")}
