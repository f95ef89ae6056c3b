"""Where a cluster is: what a cloud id and the environment say."""

from __future__ import annotations

import base64
import binascii
import os
from urllib.parse import unquote, urlsplit

from pydantic import TypeAdapter, ValidationError

from collector.net.http_client import URL

FROM_ENVIRONMENT = "ELASTICSEARCH_URL"
_url: TypeAdapter[str] = TypeAdapter(URL)


def address_of_cloud(cloud_id: str) -> str:
    """Return the URL of the deployment's Elasticsearch.

    Elastic documentation, "Cloud ID": `NAME:BASE64(HOST[:PORT]$ELASTICSEARCH[:PORT]$KIBANA)`.

    Raises:
        ValueError: it is not that.
    """
    _, _, text = cloud_id.rpartition(":")
    try:
        host, elasticsearch, *_ = base64.b64decode(text, validate=True).decode().split("$")
    except (binascii.Error, ValueError):
        raise ValueError("cloudid is not a cloud id: copy it from the deployment's page") from None
    host, _, port = host.partition(":")
    name, _, own_port = elasticsearch.partition(":")
    if not (host and name):
        raise ValueError("cloudid names no Elasticsearch")
    port = own_port or port
    return _checked(f"https://{name}.{host}" + (f":{port}" if port else ""), "cloudid")


def addresses_of_environment() -> tuple[str, ...]:
    """Return the URLs in ELASTICSEARCH_URL, which are separated by commas.

    Raises:
        ValueError: one of them is none.
    """
    parts = [part.strip() for part in os.environ.get(FROM_ENVIRONMENT, "").split(",")]
    return tuple(_checked(part, FROM_ENVIRONMENT) for part in parts if part)


def user_in(url: str) -> str:
    """Return USER:PASSWORD of a URL, decoded; empty if there is none.

    Raises:
        ValueError: a colon is a part of the name.
    """
    name, _, password = urlsplit(url).netloc.rpartition("@")[0].partition(":")
    if ":" in (name := unquote(name)):
        raise ValueError("a user cannot have a colon in its name")
    return f"{name}:{unquote(password)}" if name or password else ""


def without_user(url: str) -> str:
    """Return where a URL leads."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def is_url(text: str) -> bool:
    """Whether requests can be sent there: its host can be a host, its port a port."""
    try:
        _url.validate_python(text)
    except ValidationError:
        return False
    return True


def _checked(url: str, where: str) -> str:
    try:
        return _url.validate_python(url)
    except ValidationError as error:
        text = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"{where}: {text}") from None
