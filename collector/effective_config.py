"""The configuration as the collector understands it: every default filled in, and secrets left out."""

from __future__ import annotations

import re
from typing import Any

import yaml
from pydantic import BaseModel

from collector.config import CollectorConfig
from collector.registry import Kind
from collector.resolution import PLUGIN, resolve

# RFC 3986, 3.2.1: user:password@ before the host of a URL
_PASSWORD = re.compile(r"(://[^/\s:@\"']*:)[^/\s@]+(@)")


def effective(config: CollectorConfig) -> str:
    """Write a configuration as YAML, with the keys in the order of the documentation.

    Raises:
        ConfigError: one line for each mistake.
    """
    sections: dict[str, Any] = {}
    for (kind, id_), component in resolve(config).items():
        written = getattr(config, kind)[id_]
        body = {PLUGIN: written[PLUGIN]} if PLUGIN in written else {}
        for model in filter(None, (component.config, component.delivery)):
            body |= _plain(model)
        sections.setdefault(kind, {})[str(id_)] = body
    ordered = {str(kind): sections[kind] for kind in Kind if kind in sections}
    text = yaml.safe_dump({**ordered, "service": _plain(config.service)}, sort_keys=False, allow_unicode=True)
    return _PASSWORD.sub(r"\1**********\2", text)


def _plain(model: BaseModel) -> dict[str, Any]:
    """Return a model as YAML can hold it; pydantic writes secrets as asterisks.

    What is None is left out: an empty body would turn on what is off.
    """
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
