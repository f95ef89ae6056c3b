"""Which web pages may send from a browser: Fetch standard, "CORS protocol"."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import Field

from collector.api import ComponentConfig

_ALWAYS_ALLOWED = ("accept", "content-type", "origin", "x-requested-with")
_METHODS = frozenset({"GET", "HEAD", "POST"})
_ANY = "[!-~]*"
_NAME = re.compile("[!-~]+")


class CorsConfig(ComponentConfig):
    allowed_origins: list[str] = Field(
        default=[], description="Origins that may send; `*` stands for any part, or alone for all."
    )
    allowed_headers: list[str] = Field(
        default=[],
        description="Headers a page may send beside Accept, Content-Type, Origin and X-Requested-With; `*` for all.",
    )
    exposed_headers: list[str] = Field(default=[], description="Headers of the answer that a page may read.")
    max_age: int = Field(default=0, ge=0, description="Seconds for which a browser need not ask again; 0 says nothing.")


class Cors:
    """Decides by the headers of a request (lower-case names) which headers its answer has."""

    def __init__(self, config: CorsConfig) -> None:
        self._config = config
        self._origins = [_pattern(origin) for origin in config.allowed_origins]
        self._all_origins = "*" in config.allowed_origins
        self._headers = frozenset(name.lower() for name in config.allowed_headers).union(_ALWAYS_ALLOWED)

    def is_preflight(self, method: str, headers: Mapping[str, str]) -> bool:
        """A browser asks first whether it may send."""
        return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers

    def preflight(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return what the answer to the question says; without the permission, the browser does not send."""
        answer = {"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
        method = headers["access-control-request-method"]
        wanted = headers.get("access-control-request-headers", "")
        if not self._allows(headers["origin"]) or method not in _METHODS or not self._allows_headers(wanted):
            return answer
        answer |= self._permission(headers["origin"]) | {"Access-Control-Allow-Methods": method}
        if wanted:
            answer["Access-Control-Allow-Headers"] = wanted
        if self._config.max_age:
            answer["Access-Control-Max-Age"] = str(self._config.max_age)
        return answer

    def actual(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return what the answer to a request says beside its own headers."""
        answer = {"Vary": "Origin"}
        if self._allows(headers.get("origin", "")):
            answer |= self._permission(headers["origin"])
            if self._config.exposed_headers:
                answer["Access-Control-Expose-Headers"] = ", ".join(self._config.exposed_headers)
        return answer

    def _permission(self, origin: str) -> dict[str, str]:
        allowed = "*" if self._all_origins else origin
        return {"Access-Control-Allow-Origin": allowed, "Access-Control-Allow-Credentials": "true"}

    def _allows(self, origin: str) -> bool:
        return bool(origin) and any(pattern.fullmatch(origin.lower()) for pattern in self._origins)

    def _allows_headers(self, wanted: str) -> bool:
        names = {name.strip().lower() for name in wanted.split(",")} - {""}
        return ("*" in self._headers and all(_NAME.fullmatch(name) for name in names)) or names <= self._headers


def _pattern(origin: str) -> re.Pattern[str]:
    """Origins have no case, and are ASCII without white space."""
    return re.compile(_ANY.join(map(re.escape, origin.lower().split("*"))))
