"""Settings of indexer."""

import os
from pathlib import Path

from pydantic import Field

from libs.service.settings import IndexSettings, NatsSettings, ObjectSettings, ServiceSettings


class Settings(ServiceSettings, NatsSettings, ObjectSettings, IndexSettings):
    """Settings of indexer, from the environment."""

    extractions: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=64,
        description="Documents read at once; default: the cores.",
    )
    index_batch: int = Field(default=200, ge=1, le=1000, description="Documents written into the index at once.")
    rules_path: Path | None = Field(default=None, description="TOML file of tag rules; default: the one that ships.")
    preview_pages: int = Field(
        default=5, ge=0, le=50, description="Pages of each document that get a picture; 0: no pictures at all."
    )
    extract_seconds: float = Field(default=60, gt=0, description="Wall-clock limit for reading one document.")
    extract_memory_bytes: int = Field(default=1536 << 20, gt=0, description="Memory limit for reading one document.")
