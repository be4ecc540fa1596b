"""Settings of indexer."""

import os
from pathlib import Path

from pydantic import Field

from libs.events.catalogue import DEEPEST
from libs.service.settings import AntivirusSettings, IndexSettings, NatsSettings, ObjectSettings, ServiceSettings


class Settings(ServiceSettings, NatsSettings, ObjectSettings, IndexSettings, AntivirusSettings):
    """Settings of indexer, from the environment."""

    extractions: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=64,
        description="Documents read at once; default: the cores.",
    )
    index_batch: int = Field(default=200, ge=1, le=1000, description="Documents written into the index at once.")
    rules_path: Path | None = Field(
        default=None, description="TOML file of tag rules until `letterbox rules apply`; default: the one that ships."
    )
    ocr_languages: str = Field(
        default="auto",
        pattern=r"^[a-z_]+(,[a-z_]+)*$",
        description="Languages of pictures, Tesseract's names (`deu,eng`), the likeliest first; `auto`: all installed.",
    )
    preview_pages: int = Field(
        default=5, ge=0, le=50, description="Pages of each document that get a picture; 0: no pictures at all."
    )
    extract_seconds: float = Field(default=60, gt=0, description="Wall-clock limit for reading one document.")
    clamd_seconds: float = Field(
        default=150, gt=0, description="Longest scan of one file, in seconds; more than clamd's own MaxScanTime."
    )
    extract_memory_bytes: int = Field(default=1536 << 20, gt=0, description="Memory limit for reading one document.")
    found_depth: int = Field(
        default=DEEPEST, ge=0, le=DEEPEST, description="How deep files inside files become documents; 0: not at all."
    )
    found_members: int = Field(default=100, ge=0, le=500, description="Documents found directly inside one document.")
    found_documents: int = Field(
        default=200, ge=0, le=2000, description="Documents found inside one sent file, at any depth."
    )
    found_bytes: int = Field(default=256 << 20, ge=0, description="Bytes of these together.")
