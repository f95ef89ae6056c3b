"""Conditions: parsed once, when the configuration is read; asked of every record."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, TypeAlias

Condition: TypeAlias = Callable[[Any], bool]
"""Says whether a record has what a condition asks for.

Raises:
    ValueError: the record holds something that the condition cannot be asked of.
"""


class Context(enum.StrEnum):
    """What kind of record a condition is about, by the prefix of its paths."""

    RESOURCE = "resource"
    SCOPE = "scope"
    SPAN = "span"
    SPANEVENT = "spanevent"
    METRIC = "metric"
    DATAPOINT = "datapoint"
    LOG = "log"
