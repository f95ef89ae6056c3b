"""What the suite demands of its tests, shown on a suite of one test."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")


def run(folder, tests):
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(tests)
    (folder / "pyproject.toml").write_text((CONFTEST.parents[1] / "pyproject.toml").read_text())
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", folder, "test_it.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bodies", "silent"),
    [
        (["assert True", "pytest.skip('only where there is a moon')"], []),
        (["pytest.skip('')", "assert True", "pytest.skip()"], [0, 2]),
    ],
)
def test_a_skipped_test_says_why(tmp_path, bodies, silent):
    tests = [f"def test_{place}():\n    {body}\n" for place, body in enumerate(bodies)]

    done = run(tmp_path, "\n\n".join(["import pytest", *tests]))

    told = [line for line in done.stdout.splitlines() if "does not say why" in line]
    assert [f"test_it.py::test_{place} is skipped and does not say why" for place in silent] == told
    assert bool(silent) == done.returncode


LEAKING = """
import asyncio

from hypothesis import given, strategies as st

async def test_leaks():
    asyncio.current_task().left = asyncio.create_task(asyncio.sleep(60), name="left behind")

@given(st.just(1))
async def test_leaks_with_an_example(number):
    asyncio.current_task().left = asyncio.create_task(asyncio.sleep(60), name="left behind")

async def test_does_not_leak():
    await asyncio.create_task(asyncio.sleep(0))

def test_has_no_tasks():
    pass
"""


@pytest.mark.slow
def test_a_task_that_is_left_running_fails_its_own_test(tmp_path):
    done = run(tmp_path, LEAKING)

    assert "4 passed, 2 errors" in done.stdout
    assert "left running: {<Task pending name='left behind'" in done.stdout
