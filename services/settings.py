"""All settings, in one place. Read from `EFIR_*` environment variables and from files of secrets.

A secret may be given as a file named like its variable in lower case (`efir_store_secret_key`) in the folder
`EFIR_SECRETS_DIR` (default `/run/secrets`, where Docker and Kubernetes put them).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.models.bundle import SHIPPED

_SECRETS = Path(os.environ.get("EFIR_SECRETS_DIR", "/run/secrets"))


class Settings(BaseSettings):
    """Every bound is here, with its unit and its reason."""

    model_config = SettingsConfigDict(
        env_prefix="EFIR_", secrets_dir=_SECRETS if _SECRETS.is_dir() else None, extra="ignore", frozen=True
    )

    broker_url: SecretStr | None = Field(
        None, description="Redis or Valkey, redis://[:password@]host:port/db. Unset: the embedded default."
    )
    store_endpoint: str | None = Field(None, description="Any S3, http(s)://host[:port]. Unset: the embedded default.")
    store_bucket: str = Field("efir", description="Made when it is not there.")
    store_region: str = Field("us-east-1", description="The region requests are signed for.")
    store_access_key: SecretStr = Field(SecretStr(""), description="S3 access key.")
    store_secret_key: SecretStr = Field(SecretStr(""), description="S3 secret key.")
    store_timeout: float = Field(10.0, gt=0, description="Seconds to wait for one connect or one read.")
    store_connections: int = Field(8, gt=0, description="Store operations a worker process overlaps.")

    state: Path = Field(Path(".efir"), description="Where the embedded default keeps its data. Survives, is reused.")
    bundles: Path = Field(SHIPPED, description="Folder of model bundles, one folder each.")
    language: str = Field("uk", description="The language of input that does not name its own.")

    max_document_bytes: int = Field(
        2_000_000,
        gt=0,
        description="A larger input is rejected: a novel, not a transcript. Bounds a worker's memory.",
    )
    batch_documents: int = Field(32, gt=0, description="Most documents in one message.")
    batch_characters: int = Field(
        40_000, gt=0, description="Text in one message: some five seconds of parsing, and hardly faster when larger."
    )

    concurrency: int | None = Field(None, gt=0, description="Processes of a worker. Unset: one per core.")
    visibility_timeout: float = Field(
        60.0, ge=2, description="Seconds until a dead worker's documents are taken up by another. Leases are renewed."
    )
    max_deliveries: int = Field(3, gt=0, description="A document that kills its worker this often is quarantined.")
    stage_seconds: float = Field(
        60.0, gt=0, description="What a stage may take for any batch; after it, the batch is interrupted."
    )
    stage_seconds_per_thousand: float = Field(
        2.0, ge=0, description="What it may take more for 1,000 characters; some twenty times what it takes."
    )
    stage_seconds_hard: float = Field(
        1.5, gt=1, description="A stage that is not to be interrupted is ended after this many times its limit."
    )
    hand_back_seconds: float = Field(
        60.0,
        gt=0,
        description="How long a document waits in hand for a store that does not answer, before another "
        "worker, whose store may answer, gets it.",
    )
    breaker_documents: int = Field(200, gt=0, description="Last documents of a stage that the circuit breaker sees.")
    breaker_share: float = Field(0.2, gt=0, lt=1, description="A larger share of failures pauses the stage.")
    breaker_least: int = Field(20, gt=0, description="Fewer failures than these never do.")
    replay_share: float = Field(
        0.1, ge=0, lt=1, description="Least share of messages a worker takes from replay while live ones wait, too."
    )
    high_water: int = Field(
        200_000, gt=0, description="Documents waiting or in hand above which nothing more is admitted."
    )
    low_water: int = Field(150_000, gt=0, description="Below this, admission goes on.")
    campaign_window: int = Field(
        4_000, gt=0, description="Documents of a campaign that are enqueued and not finished, at most."
    )
    progress_seconds: float = Field(
        600.0, gt=0, description="A worker that had work and finished nothing for this long is unhealthy."
    )
    stop_seconds: float = Field(30.0, ge=0, description="What a stopping worker gets to finish what is in hand.")
    progress_length: int = Field(10_000, gt=0, description="Progress notices kept in the broker.")

    metrics_host: str = Field("127.0.0.1", description="Address a worker's metrics are served on.")
    metrics_port: int = Field(0, ge=0, le=65535, description="Port of the metrics; 0 chooses a free one.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or for reading.")

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Settings:
        if self.low_water > self.high_water:
            raise ValueError(f"EFIR_LOW_WATER ({self.low_water}) is above EFIR_HIGH_WATER ({self.high_water})")
        return self

    @property
    def is_embedded(self) -> bool:
        """Neither broker nor store is configured, so this machine runs its own."""
        return self.broker_url is None and self.store_endpoint is None
