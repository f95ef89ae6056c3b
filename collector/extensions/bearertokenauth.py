"""Let in who has a token, and show one's own where one is asked for."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from collector.api import ComponentConfig, ExtensionFactory, Host, Settings
from collector.errors import ConfigError, UnauthenticatedError
from collector.net.headers import is_name, is_value

LOOK_EVERY = 1.0
"""Seconds between two looks at the file."""


class BearerTokenAuthConfig(ComponentConfig):
    scheme: str = Field(default="Bearer", description="What stands before the token; empty for the token alone.")
    header: str = Field(default="Authorization", min_length=1, description="The header that carries the token.")
    token: SecretStr | None = Field(default=None, description="The token; white space around it is none of it.")
    tokens: list[SecretStr] = Field(
        default=[], description="Tokens that may come in; the first one is shown to others."
    )
    filename: Path | None = Field(
        default=None, description="File with one token a line, read again within a second after it has changed."
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if sum(map(bool, (self.token, self.tokens, self.filename))) != 1:
            raise ValueError("give one of token, tokens and filename")
        if not all(token.get_secret_value().strip() for token in self.given()):
            raise ValueError("a token is empty")
        if not all(is_value(token.get_secret_value().strip()) for token in self.given()):
            raise ValueError("a token has characters that no header can have")
        return self

    @field_validator("scheme", "header")
    @classmethod
    def _can_be_sent(cls, text: str) -> str:
        if text and not is_name(text):
            raise ValueError("has characters that it cannot have in a header, such as a space or a colon")
        return text

    def given(self) -> list[SecretStr]:
        return [self.token] if self.token is not None else self.tokens


class BearerTokenAuth:
    """Implements `api.ServerAuthenticator` and `api.ClientAuthenticator`."""

    def __init__(self, config: BearerTokenAuthConfig, settings: Settings, host: Host) -> None:
        self._config = config
        self._settings = settings
        self._header = config.header.lower()
        self._tokens = [token.get_secret_value().strip().encode() for token in config.given()]
        self._seen: tuple[int, int, int] | None = None
        self._looked = settings.clock.monotonic()
        if config.filename:
            self._tokens = self._read(config.filename)

    def authenticate(self, headers: Mapping[str, str]) -> None:
        challenge = self._config.scheme or "Bearer"
        given = headers.get(self._header)
        if given is None:
            raise UnauthenticatedError(f"the header {self._header} is missing", challenge=challenge)
        scheme, token = self._split(given)
        # RFC 9110, 11.1: the scheme has no case
        known = scheme.lower() == self._config.scheme.lower()
        # every token is compared, on bytes, so that the time tells nothing
        matches = [hmac.compare_digest(token, expected) for expected in self._current()]
        if not known or not any(matches):
            raise UnauthenticatedError("the token is not known", challenge=challenge)

    def credentials(self) -> Mapping[str, str]:
        token = self._current()[0].decode()
        return {self._header: f"{self._config.scheme} {token}" if self._config.scheme else token}

    def _split(self, given: str) -> tuple[str, bytes]:
        scheme, _, token = given.partition(" ") if self._config.scheme else ("", "", given)
        return scheme, token.strip().encode(errors="surrogatepass")

    def _current(self) -> list[bytes]:
        now = self._settings.clock.monotonic()
        if self._config.filename and now - self._looked >= LOOK_EVERY:
            self._looked = now
            try:
                self._tokens = self._read(self._config.filename)
            except ConfigError as error:
                self._settings.logger.error("%s: the former tokens stay: %s", self._settings.id, error)
        return self._tokens

    def _read(self, path: Path) -> list[bytes]:
        try:
            state = path.stat()
            seen = (state.st_mtime_ns, state.st_size, state.st_ino)
            if seen == self._seen:
                return self._tokens
            self._seen = seen
            tokens = [line.strip().encode() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"filename: {path}: {getattr(error, 'strerror', None) or error}") from None
        if not tokens:
            raise ConfigError(f"filename: {path}: has no token")
        if not all(is_value(token.decode()) for token in tokens):
            raise ConfigError(f"filename: {path}: has a token with characters that no header can have")
        return tokens


factory = ExtensionFactory(config=BearerTokenAuthConfig, build=BearerTokenAuth, example="token: ${env:TOKEN:-secret}")
