"""All settings, in one place. Read from `EFIR_*` environment variables and from files of secrets.

A secret may be given as a file named like its variable in lower case (`efir_store_secret_key`) in the folder
`EFIR_SECRETS_DIR` (default `/run/secrets`, where Docker and Kubernetes put them).

A comment with two number signs begins a topic of docs/configuration.md, which is made from this class
(services/configuration.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.models.bundle import SHIPPED
from pipeline.models.shelf import Shelf
from pipeline.readers.hint import Limits

SECRETS = Path(os.environ.get("EFIR_SECRETS_DIR", "/run/secrets"))


class Settings(BaseSettings):
    """Every bound is here, with its unit and its reason."""

    model_config = SettingsConfigDict(
        env_prefix="EFIR_", secrets_dir=SECRETS if SECRETS.is_dir() else None, extra="ignore", frozen=True
    )

    ## Broker and store
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

    ## This machine, models and language
    state: Path = Field(Path(".efir"), description="Where the embedded default keeps its data. Survives, is reused.")
    bundles: Path = Field(SHIPPED, description="Folder of the model bundles that came with Efir, one folder each.")
    own_bundles: Path | None = Field(
        None, description="Folder of your own, where downloaded ones are put. Unset: models, in the state folder."
    )
    models: str = Field(
        "",
        description="Which bundle a language uses, language=bundle, comma-separated: uk=uk-open. Unset: the one named "
        "like the language.",
    )
    language: str = Field(
        "uk", description="The language of a text that is too short to tell, when its sender does not name one."
    )
    admission_connections: int = Field(
        16, gt=0, description="Store operations that admission overlaps; the store's connections a process, too."
    )

    ## Documents and messages
    max_document_bytes: int = Field(
        2_000_000,
        gt=0,
        description="A larger input is rejected: a novel, not a transcript. Bounds a worker's memory.",
    )
    max_container_bytes: int = Field(
        2_000_000_000, gt=0, description="All of a JSON Lines or WARC file, decompressed; a larger one is not read on."
    )
    max_compression: int = Field(
        200, gt=0, description="What unpacks to more times its size is a bomb: text packs 3 to 20 times, markup 100."
    )
    keep_sounds: bool = Field(
        False,
        description="Whether stage directions and notes of music in subtitles are kept: [applause], (laughs), ♪.",
    )
    batch_documents: int = Field(32, gt=0, description="Most documents in one message.")
    batch_characters: int = Field(
        40_000, gt=0, description="Text in one message: some five seconds of parsing, and hardly faster when larger."
    )

    ## Near-duplicates
    near_duplicates: Literal["link", "skip", "ignore"] = Field(
        "link",
        description="A document much like an earlier one is stored and processed, and its record names the earlier one "
        "(link); is not stored (skip); or nobody looks (ignore).",
    )
    near_similarity: float = Field(
        0.4,
        ge=0.3,
        le=1,
        description="Least similarity of near-duplicates: Jaccard's index of their pairs of words. Below 0.4 the "
        "window finds fewer and fewer of them.",
    )
    near_window: int = Field(
        200_000,
        gt=0,
        le=1_000_000,
        description="Latest documents, with which a new one is compared. 345 bytes each in the broker, taken at once.",
    )
    near_days: float = Field(30.0, gt=0, description="Documents admitted longer ago are nobody's near-duplicates.")

    ## Workers
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

    ## Circuit breaker
    breaker_documents: int = Field(200, gt=0, description="Last documents of a stage that the circuit breaker sees.")
    breaker_share: float = Field(0.2, gt=0, lt=1, description="A larger share of failures pauses the stage.")
    breaker_least: int = Field(20, gt=0, description="Fewer failures than these never do.")

    ## Lanes and back-pressure
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

    ## Progress and stopping
    progress_seconds: float = Field(
        600.0,
        gt=0,
        description="A worker that had work and finished nothing for this long is unhealthy; so is a dispatcher "
        "that came to the end of no round.",
    )
    stop_seconds: float = Field(30.0, ge=0, description="What a stopping worker gets to finish what is in hand.")
    progress_length: int = Field(10_000, gt=0, description="Progress notices kept in the broker.")

    ## Fetching
    fetch_allow: str = Field(
        "",
        description="Networks (10.1.0.0/16) and host names, comma-separated, that may be fetched from although they "
        "are not on the public internet.",
    )
    fetch_contact: str = Field(
        "", description="A URL or an address in the User-Agent, by which those who are fetched from can reach you."
    )
    fetch_seconds: float = Field(30.0, gt=0, description="For one URL in all: redirects, connecting, the whole body.")
    fetch_connect_seconds: float = Field(10.0, gt=0, description="Of these, for resolving and for connecting, each.")
    fetch_bytes: int = Field(
        10_000_000, gt=0, description="A larger body is let go, as sent or decompressed. Feeds of 5 MB do occur."
    )
    fetch_ratio: int = Field(200, gt=1, description="Most bytes a body may decompress to for each that was sent.")
    fetch_redirects: int = Field(5, ge=0, description="Redirects in a row; an honest chain is of one to three.")
    fetch_host_requests: int = Field(2, gt=0, description="Requests to one host at a time, of one poller.")
    fetch_host_seconds: float = Field(
        1.0, ge=0, description="Least time between two article pages of one host; its Crawl-delay may ask for more."
    )

    ## Feeds
    feed_interval_min: float = Field(300.0, gt=0, description="Seconds; no feed is polled more often.")
    feed_interval_max: float = Field(86_400.0, gt=0, description="Seconds; a feed that works is polled this often.")
    feed_failing_days: float = Field(7.0, gt=0, description="Days of nothing but errors until a feed is `failing`.")
    feed_polls: int = Field(64, gt=0, description="Feeds that one poller has in hand at a time.")
    feed_lease: float = Field(60.0, ge=1, description="Seconds until a dead poller's feeds are polled by another.")
    feed_entries: int = Field(1_000, gt=0, description="Entries of one feed that are read, the first ones.")
    feed_seen: int = Field(4_000, gt=0, description="Entries of one feed that are remembered, the last ones.")
    feed_articles: int = Field(
        20, gt=0, description="Article pages or podcast transcripts fetched in one poll; the others wait for the next."
    )
    feed_parsers: int = Field(1, gt=0, description="Processes that parse feeds; one does some 100 a second.")

    ## HTTP API
    api_open: Literal["auto", "never"] = Field(
        "auto",
        description="Whether the HTTP API, as long as no key was ever made, asks callers from this machine for none. "
        "`never` behind a proxy on the same machine: to the API all of its callers are on this machine.",
    )
    api_batch: int = Field(100, gt=0, description="Most transcripts in one request; more go to transcripts:bulk.")
    api_body_bytes: int = Field(
        20_000_000, gt=0, description="Most bytes of one request, decompressed; what is over a megabyte lies on disk."
    )
    api_bulk_bytes: int = Field(2_000_000_000, gt=0, description="Most bytes of one NDJSON stream, decompressed.")
    api_bulk_lines: int = Field(
        1_000_000,
        gt=0,
        description="Most lines of one NDJSON stream: bounds the results that a sender may leave unread.",
    )
    api_body_seconds: float = Field(
        30.0, gt=0, description="How long a sender may keep the API waiting for a body, in all, beyond api_body_rate."
    )
    api_body_rate: int = Field(1_000, gt=0, description="Bytes a second at which a sender may be as long as it likes.")
    api_requests: int = Field(64, gt=0, description="Requests an API process has open; more are answered 503.")
    api_key_seconds: float = Field(
        5.0,
        ge=0,
        description="How old what the API knows of its keys may be: one taken back is worth nothing after it.",
    )
    api_requests_per_minute: int = Field(600, gt=0, description="Of a key that names no rate of its own.")
    api_documents_per_minute: int = Field(60_000, gt=0, description="Of a key that names no rate of its own.")

    ## Metrics and logs
    metrics_host: str = Field(
        "127.0.0.1", description="Address that the metrics of a worker, a poller and the API are served on."
    )
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of the metrics; 0 chooses a free one, and none for the API."
    )
    metrics_sources: int = Field(
        100, ge=0, description="Sources that metrics tell by name; those that come later are told together."
    )
    metrics_entities: int = Field(
        20, ge=0, le=200, description="Busiest entities of the last hour that metrics name; 0 counts none."
    )
    exporter_host: str = Field("127.0.0.1", description="Address the exporter's metrics are served on.")
    exporter_port: int = Field(0, ge=0, le=65535, description="Port of the exporter; 0 chooses a free one.")
    exporter_seconds: float = Field(
        30.0, gt=0, description="How often the exporter asks the store, which has to be listed for the answer."
    )
    traces: str | None = Field(
        None, description="OTLP over HTTP, http(s)://host:4318: where spans are sent. Unset: there are none."
    )
    traces_share: float = Field(1.0, ge=0, le=1, description="Share of the documents that are traced.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or for reading.")

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Settings:
        if self.low_water > self.high_water:
            raise ValueError(f"EFIR_LOW_WATER ({self.low_water}) is above EFIR_HIGH_WATER ({self.high_water})")
        if self.feed_interval_min > self.feed_interval_max:
            raise ValueError(
                f"EFIR_FEED_INTERVAL_MIN ({self.feed_interval_min}) is above "
                f"EFIR_FEED_INTERVAL_MAX ({self.feed_interval_max})"
            )
        if self.feed_seen < self.feed_entries:
            raise ValueError(f"EFIR_FEED_SEEN ({self.feed_seen}) is below EFIR_FEED_ENTRIES ({self.feed_entries})")
        return self

    @field_validator("models")
    @classmethod
    def _bundles_are_chosen(cls, models: str) -> str:
        _choices(models)
        return models

    @property
    def shelf(self) -> Shelf:
        """The model bundles, and which are used."""
        return Shelf((self.bundles, self.own_shelf), _choices(self.models))

    @property
    def own_shelf(self) -> Path:
        """Where bundles are put that did not come with Efir."""
        return self.own_bundles or self.state / "models"

    @property
    def limits(self) -> Limits:
        """How much readers may read, and what they keep of it."""
        return Limits(self.max_document_bytes, self.max_container_bytes, self.max_compression, self.keep_sounds)

    @property
    def is_embedded(self) -> bool:
        """Neither broker nor store is configured, so this machine runs its own."""
        return self.broker_url is None and self.store_endpoint is None


def _choices(models: str) -> dict[str, str]:
    """Language -> the bundle that is chosen for it."""
    chosen: dict[str, str] = {}
    for choice in filter(None, map(str.strip, models.split(","))):
        language, equals, name = (part.strip() for part in choice.partition("="))
        if not (language and equals and name):
            raise ValueError(f"{choice!r} is not language=bundle, such as uk=uk-open")
        if language in chosen:
            raise ValueError(f"it names two bundles for {language!r}")
        chosen[language] = name
    return chosen
