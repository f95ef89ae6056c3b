"""Thresholds and randomness."""

from __future__ import annotations

import pytest

from collector.sampling import ALWAYS, NEVER, decode, encode, probability, randomness, threshold


@pytest.mark.parametrize(
    ("part", "written"), [(1.0, "0"), (0.5, "8"), (0.25, "c"), (0.1, "e6666666666666"), (1 / 3, "aaaaaaaaaaaaac")]
)
def test_probabilities_are_written_as_thresholds(part: float, written: str) -> None:
    assert encode(threshold(part)) == written
    assert probability(decode(written)) == pytest.approx(part)


def test_what_is_no_probability_counts_as_the_nearest() -> None:
    assert (threshold(2.0), threshold(-1.0)) == (ALWAYS, NEVER)


def test_randomness_is_the_last_seven_bytes_of_the_id() -> None:
    assert randomness(bytes(range(16))) == 0x090A0B0C0D0E0F


@pytest.mark.parametrize("text", ["", "g", "0" * 15, "A", " 8"])
def test_what_is_no_threshold_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="is not a threshold"):
        decode(text)
