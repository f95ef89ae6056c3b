from pathlib import Path

import pytest

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
