"""All settings, in one place. Read from `EFIR_*` environment variables and from files of secrets.

A secret may be given as a file named like its variable in lower case (`efir_store_secret_key`) in the folder
`EFIR_SECRETS_DIR` (default `/run/secrets`, where Docker and Kubernetes put them).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
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
    stage_seconds: float = Field(60.0, gt=0, description="What a stage may take for any batch before it is ended.")
    stage_seconds_per_thousand: float = Field(
        2.0, ge=0, description="What it may take more for 1,000 characters; some twenty times what it takes."
    )
    stop_seconds: float = Field(30.0, ge=0, description="What a stopping worker gets to finish what is in hand.")
    progress_length: int = Field(10_000, gt=0, description="Progress notices kept in the broker.")

    metrics_host: str = Field("127.0.0.1", description="Address a worker's metrics are served on.")
    metrics_port: int = Field(0, ge=0, le=65535, description="Port of the metrics; 0 chooses a free one.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or for reading.")

    @property
    def is_embedded(self) -> bool:
        """Neither broker nor store is configured, so this machine runs its own."""
        return self.broker_url is None and self.store_endpoint is None
