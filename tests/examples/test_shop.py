import socket
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = Path(__file__).parents[2] / "examples" / "shop" / "shop.py"


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_where_nobody_listens_it_says_so_at_once_instead_of_what_it_has_sent(protocol):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # without listening
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, SHOP, "--protocol", protocol, "--endpoint", endpoint]

        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"nobody listens on {endpoint} ")
    assert "start the collector first" in done.stderr
