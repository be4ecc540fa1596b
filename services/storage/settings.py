"""Settings of storage."""

from pydantic import Field

from libs.service.settings import NatsSettings, ObjectSettings, PostgresSettings, ServiceSettings


class Settings(ServiceSettings, NatsSettings, PostgresSettings, ObjectSettings):
    """Settings of storage, from the environment."""

    record_batch: int = Field(default=200, ge=1, le=1000, description="Submissions recorded in one transaction.")
    journey_batch: int = Field(default=500, ge=1, le=2000, description="Events followed in one transaction.")
    janitor_every_seconds: float = Field(default=3600, ge=0, description="Pause between two passes; 0 switches it off.")
    janitor_age_seconds: float = Field(
        default=86_400, ge=0, description="Age from which an object that nobody claims is removed."
    )
