"""What of the example with Docker can be tried without it."""

import subprocess

import pytest

from tests.integration.servers import INSTALLED, ROOT, Prometheus


@pytest.mark.slow
def test_prometheus_takes_the_configuration_that_is_mounted_for_it(prometheus):
    tool = INSTALLED / Prometheus.name / "usr/bin/promtool"
    config = ROOT / "examples" / "compose" / "prometheus.yml"

    done = subprocess.run([tool, "check", "config", config], capture_output=True, text=True, timeout=60, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    assert "SUCCESS" in done.stdout
