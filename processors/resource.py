"""Inserts, updates, deletes, hashes, extracts, converts, selects and limits attributes of resources."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from collector.actions.config import ActionConfig, KeepKeyPatterns, KeepKeys, Limit, require_something
from collector.actions.program import program
from collector.actions.requests import edit_resources
from collector.api import RECORD_SIGNALS, Batch, ComponentConfig, ProcessorFactory, Settings


class ResourceConfig(ComponentConfig):
    attributes: tuple[ActionConfig, ...] = Field(
        default=(), description="What is done to the attributes of each resource, in this order."
    )
    keep_keys: KeepKeys = None
    keep_key_patterns: KeepKeyPatterns = None
    limit: Limit = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        require_something(self.attributes, "attributes", self.keep_keys, self.keep_key_patterns, self.limit)
        return self


class ResourceAttributes:
    """Changes the attributes of all resources."""

    def __init__(self, config: ResourceConfig, settings: Settings) -> None:
        self._program = program(config.attributes, config.keep_keys, config.keep_key_patterns, config.limit, settings)

    def process(self, batch: Batch) -> Batch:
        if not batch.is_apart:
            return edit_resources(batch, self._program)
        apart = batch.apart()
        around = batch.replace(apart.shell())  # a request of its own, without records
        edited = edit_resources(around, self._program)
        return batch if edited is around else batch.replace(apart.within(edited.wire), len(batch))


factory = ProcessorFactory(
    config=ResourceConfig,
    build=ResourceAttributes,
    signals=RECORD_SIGNALS,
    example="""\
attributes:
  - {key: cloud.region, value: eu-west-1, action: upsert}
  - {key: k8s.cluster.name, from_attribute: k8s-cluster, action: insert}
  - {key: process.command_args, action: delete}
""",
)
