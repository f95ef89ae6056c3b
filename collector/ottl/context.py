"""What conditions are about, and what they are asked of."""

from __future__ import annotations

import enum
from typing import NamedTuple

from collector.records.metrics import Metric, Point
from collector.records.views import Event, Resource, Scope, Span


class Context(enum.StrEnum):
    """What kind of record a condition is about, by the prefix of its paths."""

    RESOURCE = "resource"
    SCOPE = "scope"
    SPAN = "span"
    SPANEVENT = "spanevent"
    METRIC = "metric"
    DATAPOINT = "datapoint"
    LOG = "log"


class ScopeOf(NamedTuple):
    """What a condition on a scope is asked of: the scope, and where it stands."""

    scope: Scope
    resource: Resource


class EventOf(NamedTuple):
    """What a condition on a span event is asked of: the event, and where it stands."""

    spanevent: Event
    span: Span


class PointOf(NamedTuple):
    """What a condition on a data point is asked of: the point, and where it stands."""

    datapoint: Point
    metric: Metric
