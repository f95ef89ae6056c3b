"""The keys under `exporters: file:`, with the Collector's names and defaults."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from collector.api import ComponentConfig
from collector.config_types import Duration, or_defaults


class Format(enum.StrEnum):
    JSON = "json"
    PROTO = "proto"


class Compression(enum.StrEnum):
    NONE = "none"
    ZSTD = "zstd"


class RotationConfig(ComponentConfig):
    max_megabytes: int = Field(default=100, ge=1, description="MiB after which a new file is begun.")
    max_days: int = Field(
        default=0, ge=0, le=36_500, description="Days after which a former file is deleted; 0 for never."
    )
    max_backups: int = Field(default=100, ge=0, description="Former files that are kept; 0 for any number.")
    localtime: bool = Field(default=False, description="Whether former files are named after local time, not UTC.")


def _of_a_file(path: Path) -> Path:
    if not path.name or "\0" in str(path):
        raise ValueError("must be the path of a file")
    return path


class FileConfig(ComponentConfig):
    path: Annotated[Path, AfterValidator(_of_a_file)] = Field(
        description="The file; only its owner may read it. Two exporters cannot share one."
    )
    format: Format = Field(
        default=Format.JSON,
        description="OTLP/JSON, one line for each batch (json), or OTLP protobuf, each after its length in four bytes.",
    )
    compression: Compression = Field(
        default=Compression.NONE,
        description="Whether each batch is compressed (zstd), after its length in four bytes, or not (none).",
    )
    rotation: Annotated[RotationConfig | None, BeforeValidator(or_defaults)] = Field(
        default=None, description="When a new file is begun and former ones are deleted; absent for one file only."
    )
    append: bool = Field(
        default=False,
        description="Whether what the file has already stays when the collector starts; with rotation it always does.",
    )
    flush_interval: Duration = Field(
        default=1.0,
        description="How often what was written is forced onto the disk, to survive a power failure; 0 for never.",
    )
    create_directory: bool = Field(default=False, description="Whether the folder is created if there is none.")

    @property
    def has_lines(self) -> bool:
        """Whether records are lines; otherwise each has its length before it."""
        return self.format is Format.JSON and self.compression is Compression.NONE
