"""Where a server is not installed: whoever set CI wants to hear of it, others want to go on."""

import pytest

from tests.integration import servers


@pytest.fixture(autouse=True)
def _nothing_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "INSTALLED", tmp_path)


def test_it_is_a_failure_where_ci_is_set(tmp_path, monkeypatch):
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="needs prometheus: run `make backends` to have it"):
        servers.Prometheus(tmp_path)


def test_it_is_a_skip_that_says_what_to_do_elsewhere(tmp_path, monkeypatch):
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="needs opensearch: run `make backends` to have it"):
        servers.OpenSearch(tmp_path)
