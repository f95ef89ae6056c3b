"""Inserts, updates, deletes, hashes, extracts, converts, selects and limits attributes of records.

Whoever takes attributes from data points, or makes their values the same, may leave several points of one series at
the same time: they are not added up here.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from collector.actions.config import ActionConfig, KeepKeyPatterns, KeepKeys, Limit, require_something
from collector.actions.program import program
from collector.actions.requests import edit_records
from collector.api import RECORD_SIGNALS, Batch, ComponentConfig, ProcessorFactory, Settings, Signal
from collector.matching.config import MatchProperties
from collector.matching.matcher import Matcher, matcher


class AttributesConfig(ComponentConfig):
    include: MatchProperties | None = Field(
        default=None, description="Which records are changed: those that match; all unless given."
    )
    exclude: MatchProperties | None = Field(
        default=None, description="Which of the included records are left as they are: those that match."
    )
    actions: tuple[ActionConfig, ...] = Field(
        default=(),
        description="What is done to the attributes of each span, log record or data point, in this order. Those of "
        "resources (the processor `resource` is for them), scopes, events, links and exemplars stay as they are.",
    )
    keep_keys: KeepKeys = None
    keep_key_patterns: KeepKeyPatterns = None
    limit: Limit = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        require_something(self.actions, "actions", self.keep_keys, self.keep_key_patterns, self.limit)
        return self


class Attributes:
    """Changes the attributes of the records that are meant."""

    def __init__(self, config: AttributesConfig, settings: Settings) -> None:
        self._config = config
        self._program = program(config.actions, config.keep_keys, config.keep_key_patterns, config.limit, settings)
        self._matchers: dict[Signal, Matcher | None] = {}
        if settings.signal is not None:
            self._matcher(settings.signal)

    def process(self, batch: Batch) -> Batch:
        return edit_records(batch, self._program, self._matcher(batch.signal))

    def _matcher(self, signal: Signal) -> Matcher | None:
        """Return which records are meant.

        Raises:
            ConfigError: a condition is about another signal.
        """
        if signal not in self._matchers:
            self._matchers[signal] = matcher(self._config.include, self._config.exclude, signal)
        return self._matchers[signal]


factory = ProcessorFactory(
    config=AttributesConfig,
    build=Attributes,
    signals=RECORD_SIGNALS,
    example="""\
exclude: {match_type: strict, resources: [{key: deployment.environment.name, value: test}]}
actions:
  - {key: db.query.text, action: delete}
  - {key: user.id, action: hash}
  - {key: region, value: eu-west-1, action: insert}
  - {key: tenant, from_context: metadata.x-tenant, default_value: none, action: upsert}
  - {key: url.path, pattern: '^/api/(?P<api_version>v[0-9]+)/', action: extract}
limit: {max_values_per_key: 100, keys: [http.route]}
""",
)
