"""Drop the spans of health checks, and cut an attribute that may be longer than anybody reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from collector.api import Span, span_processor

QUERY = "db.query.text"


@span_processor
def drop_noise(
    span: Span,
    *,
    routes: Annotated[tuple[str, ...], Field(description="Spans with one of these http.route are dropped.")] = (
        "/health",
        "/ready",
    ),
    longest: Annotated[int, Field(ge=1, description="Characters that are left of db.query.text.")] = 500,
) -> Span | None:
    if span.get("http.route") in routes:
        return None
    query = span.get(QUERY)
    if isinstance(query, str) and len(query) > longest:
        span[QUERY] = query[:longest] + "..."
    return span
