"""Regular expressions that users write.

RE2 runs them in time that grows no faster than the text, so no pattern and no text can stall the loop.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema


def compile_pattern(text: str) -> Any:
    """Return an RE2 expression of `text`, to be used on UTF-8 bytes: `search`, `fullmatch`, `finditer`, `sub`.

    `search` finds it anywhere, as in the Collector: who wants all of a text to match writes `^(?:...)$`.

    Raises:
        ValueError: RE2 cannot run it; says why.
    """
    import re2  # noqa: PLC0415  what most configurations do not need costs them nothing

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text.encode(), options)
    except (re2.error, UnicodeEncodeError) as error:
        why = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise ValueError(f"RE2 cannot run the pattern {text!r}: {why}") from None


def _runs(text: str) -> str:
    compile_pattern(text)
    return text


PatternText = Annotated[str, AfterValidator(_runs), WithJsonSchema({"type": "string", "format": "regex"})]
"""A setting that is a pattern."""
