"""What a held span takes, seen from outside."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_a_million_held_spans_take_less_than_750_bytes_each_of_which_549_are_their_own():
    """
    In a process of its own, whose memory nobody else has used; half a minute on a slow machine, and 700 MB.
    """
    command = [sys.executable, "-m", "tests.processors.tail_sampling.hold_a_million"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=True)
    traces, spans, bytes_of_each = done.stdout.split()

    assert (125_440, 1_000_960) == (int(traces), int(spans))
    assert 549 < float(bytes_of_each) <= 750
