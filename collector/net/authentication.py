"""From `auth: {authenticator: ID}` to the extension that is meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from collector.api import ClientAuthenticator, ComponentConfig, ComponentID, ServerAuthenticator, Settings
from collector.errors import ConfigError


def _an_id(text: str) -> str:
    ComponentID.parse(text)
    return text


class AuthConfig(ComponentConfig):
    """The keys under `auth:`."""

    authenticator: Annotated[str, AfterValidator(_an_id)] = Field(
        description="Id of the extension that decides; it has to be in service::extensions too."
    )


def server_authenticator(auth: AuthConfig | None, settings: Settings, where: str) -> ServerAuthenticator | None:
    """Return what checks requests; None if everybody may come in.

    Raises:
        ConfigError: there is no such extension, it does not run, or it cannot check requests.
    """
    found: ServerAuthenticator | None = _named(auth, settings, where, ServerAuthenticator, "check requests")
    return found


def client_authenticator(auth: AuthConfig | None, settings: Settings, where: str) -> ClientAuthenticator | None:
    """Return what gives requests their credentials; None if they need none.

    Raises:
        ConfigError: there is no such extension, it does not run, or it has no credentials.
    """
    found: ClientAuthenticator | None = _named(auth, settings, where, ClientAuthenticator, "give credentials")
    return found


def headers_of(pairs: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Return headers by lower-case name; several of one name are joined as in RFC 9110, 5.3.

    So no header can hide behind another one that a proxy may have looked at.  Bytes that are no text are kept as
    surrogates.
    """
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        text = value if isinstance(value, str) else bytes(value).decode(errors="surrogateescape")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _named(auth: AuthConfig | None, settings: Settings, where: str, kind: Any, ability: str) -> Any:
    if auth is None:
        return None
    extension = settings.extensions.get(ComponentID.parse(auth.authenticator))
    path = f"{where}::auth::authenticator"
    if extension is None:
        raise ConfigError(f"{path}: {auth.authenticator} is not one of service::extensions")
    if not isinstance(extension, kind):
        raise ConfigError(f"{path}: {auth.authenticator} cannot {ability}")
    return extension
