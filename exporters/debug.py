"""Write what arrives to standard output: the first exporter to try."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from collector.api import ComponentConfig, ExporterFactory, Settings
from collector.batch import Batch


class Verbosity(enum.StrEnum):
    BASIC = "basic"
    NORMAL = "normal"
    DETAILED = "detailed"


class DebugConfig(ComponentConfig):
    verbosity: Verbosity = Field(
        default=Verbosity.BASIC,
        description="One line for each batch (basic) or record (normal), or all of it (detailed).",
    )


class DebugExporter:
    def __init__(self, config: DebugConfig, settings: Settings) -> None:
        self._verbosity = config.verbosity
        self._id = settings.id

    async def export(self, batch: Batch) -> None:
        lines = [f"{batch.signal}: {len(batch)} {batch.shape.unit.replace('_', ' ')}, {len(batch.wire)} bytes"]
        if self._verbosity is not Verbosity.BASIC:
            lines += [f"  {line}" for record in batch.copy().records() for line in self._describe(record)]
        sys.stdout.write("\n".join([*lines, ""]))
        sys.stdout.flush()

    def _describe(self, record: Any) -> Iterator[str]:
        text = str(record)  # protobuf's text format escapes control characters
        if self._verbosity is Verbosity.NORMAL:
            yield " ".join(text.split())
        else:
            yield from text.splitlines()


factory = ExporterFactory(config=DebugConfig, build=DebugExporter, queue_by_default=False, timeout=0)
