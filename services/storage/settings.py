"""Settings of storage."""

from typing import Annotated

from pydantic import Field, StringConstraints

from libs.service.settings import NatsSettings, ObjectSettings, PostgresSettings, ServiceSettings

Rule = Annotated[str, StringConstraints(pattern=r"^(form|type):.{1,64}$")]


class Settings(ServiceSettings, NatsSettings, PostgresSettings, ObjectSettings):
    """Settings of storage, from the environment."""

    record_batch: int = Field(default=200, ge=1, le=1000, description="Submissions recorded in one transaction.")
    journey_batch: int = Field(default=500, ge=1, le=2000, description="Events followed in one transaction.")
    janitor_every_seconds: float = Field(default=3600, ge=0, description="Pause between two passes; 0 switches it off.")
    janitor_age_seconds: float = Field(
        default=86_400, ge=0, description="Age from which an object that nobody claims is removed."
    )
    retention: dict[Rule, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description='Days that submissions are kept, as JSON: `{"form:contact": 730, "type:cv": 180, "form:*": 3650}`; '
        "the shortest that applies counts, and erases the whole submission. Default: for ever.",
    )
    retention_every_seconds: float = Field(default=3600, gt=0, description="Pause between two looks for what is over.")
    ledger_every_seconds: float = Field(
        default=30, ge=0, description="Pause between two looks for what is missing; 0 switches them off."
    )
    ledger_grace_seconds: float = Field(
        default=300, ge=0, description="How long a submission may take before what it lacks counts as missing."
    )
    backup_to: str = Field(
        default="",
        description="Where backups go; if it is set, an erasure's receipt is final only when `letterbox backup` (or "
        "`letterbox backup --erasures`) has brought its id there.",
    )
