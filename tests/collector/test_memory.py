import sys

import pytest

from collector.memory import available_bytes, resident_bytes


@pytest.fixture
def cgroups(tmp_path):
    """
    Writes what a process is in and what the limits are; returns what may be used.
    """

    def write(membership, limits):
        (tmp_path / "cgroup").write_text(membership)
        for path, text in limits.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return available_bytes(tmp_path / "cgroup", tmp_path)

    return write


def test_this_process_uses_something_and_less_than_it_may():
    assert 1 << 20 < resident_bytes() < available_bytes()


@pytest.mark.parametrize(
    ("membership", "limits"),
    [
        ("0::/pod/app\n", {"pod/app/memory.max": "1000000\n"}),
        ("0::/pod/app\n", {"pod/memory.max": "1000000", "pod/app/memory.max": "max"}),
        ("0::/\n", {"memory.max": "1000000"}),
        ("5:cpu:/x\n4:memory:/pod\n", {"memory/pod/memory.limit_in_bytes": "1000000"}),
        ("4:memory:/of/the/host\n0::/\n", {"memory/memory.limit_in_bytes": "1000000"}),
    ],
)
def test_the_smallest_limit_of_the_cgroups_counts(cgroups, membership, limits):
    assert 1_000_000 == cgroups(membership, limits)


def test_without_a_limit_the_machine_is_the_limit(cgroups):
    assert available_bytes() <= cgroups("0::/pod\n", {"pod/memory.max": "max"})


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_can_be_measured_when_no_more_files_can_be_opened():
    import resource

    resident_bytes()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        used = resident_bytes()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert used > 1 << 20
