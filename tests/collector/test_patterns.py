"""Patterns that users write."""

from __future__ import annotations

import pytest

from collector.patterns import compile_pattern


@pytest.mark.parametrize("text", ["(", r"(a)\1", "a(?=b)", "\udc80"])
def test_what_re2_cannot_run_is_a_mistake_that_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="RE2 cannot run the pattern"):
        compile_pattern(text)


def test_a_pattern_is_found_anywhere_in_utf_8() -> None:
    assert compile_pattern("ü.$").search("grüß".encode())
