import pytest

from tests.end_to_end.child import Child


@pytest.fixture
def start(request, tmp_path):
    """
    Starts collectors as child processes; what still runs when the test ends is killed and fails the test.

    A module whose tests are not about the start has `COLLECTOR = Prepared`.
    """
    make = getattr(request.module, "COLLECTOR", Child)
    children = []

    def start_one(config, **options):
        child = make(config, tmp_path, **options)
        children.append(child)
        child.wait_until_ready()
        return child

    yield start_one
    left = [child for child in children if child.is_running()]
    for child in left:
        child.kill()
    assert not left, "a collector was left running"
