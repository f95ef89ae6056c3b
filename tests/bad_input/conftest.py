import pytest

from tests.bad_input.victim import Victim


@pytest.fixture(scope="session")
def shared_victim(tmp_path_factory):
    """
    One collector with its defaults for all tests: what one of them does to it, the others would see.
    """
    victim = Victim(tmp_path_factory.mktemp("victim"))
    yield victim
    victim.end()


@pytest.fixture
def victim(shared_victim):
    yield shared_victim
    shared_victim.check()
