"""What the suite demands of its tests, shown on a suite of one test."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("assert True", 0),
        ("pytest.skip('only where there is a moon')", 0),
        ("pytest.skip('')", 1),
        ("pytest.skip()", 1),
    ],
)
def test_a_skipped_test_says_why(tmp_path, body, code):
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "test_it.py").write_text(f"import pytest\n\ndef test_it():\n    {body}\n")
    (tmp_path / "pyproject.toml").write_text((CONFTEST.parents[1] / "pyproject.toml").read_text())
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path, "test_it.py"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert (code, bool(code)) == (done.returncode, "does not say why" in done.stdout)
